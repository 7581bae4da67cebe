package gen

import (
	"go/token"
	"go/types"
)

// file is what one source file comes to: a Go file and, when C can share any of its structs, a header.
type file struct {
	pkg        *types.Package
	source     string // path of the annotated file
	prefix     string // of names in C
	constraint string // under which the file is built, as a line of //go:build has it; "" when it always is
	pools      []*poolModel
	allocs     []*allocModel
	binds      []*bindModel
	structs    []*cStruct // nested structs, in the order C needs them
	enums      []*cEnum   // named integer types

	imported map[string]bool // names of imported packages in the Go file
	used     map[string]bool // names of the package that the code of bindings uses
}

// poolModel is one annotated struct.
type poolModel struct {
	spec    *types.TypeName // the struct in the source, or the alias of one
	name    string          // of the Go type that is emitted
	cname   string
	doc     []string
	opts    poolOptions
	heap    bool // on the Go heap, because C cannot share it
	why     string
	members []member
	size    int64
	align   int64
}

// member is one field of an emitted struct, gaps included.
type member struct {
	name   string // in Go; "_" in a gap
	cname  string
	doc    []string
	typ    types.Type // nil in a gap
	atomic string     // name of the sync/atomic type, or ""
	embed  bool
	string bool // a C string
	tail   bool // the payload
	slice  bool // declared as []byte in the source
	offset int64
	size   int64
	blank  bool // a field named _ in the source
}

// cStruct is a nested struct, which both languages take as it stands in the source.
type cStruct struct {
	name    string
	doc     []string
	members []cMember
	atomics []cAtomic
	size    int64
	pos     token.Pos
}

// cMember is a declaration in C and where it must be.
type cMember struct {
	doc    []string
	decl   string
	name   string
	offset int64
}

// cEnum is a named integer type with its constants.
type cEnum struct {
	name  string
	base  string
	doc   []string
	items []cConst
	pos   token.Pos
}

type cConst struct {
	name, value string
	doc         []string
}
