package gen

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fault is why C cannot share something, and the mend.
type fault struct {
	code Code
	text string
}

// problem is a fault of a field.
type problem struct {
	pos token.Pos
	fault
}

// flatField is one field of a struct, where the source may declare several together.
type flatField struct {
	field *ast.Field
	pos   token.Pos
	name  *ast.Ident
}

func flatten(st *ast.StructType) []flatField {
	var list []flatField
	for _, f := range st.Fields.List {
		if len(f.Names) == 0 {
			list = append(list, flatField{f, f.Type.Pos(), embeddedName(f.Type)})
		}
		for _, n := range f.Names {
			list = append(list, flatField{f, n.Pos(), n})
		}
	}
	return list
}

// embeddedName is the name in an embedded type that becomes the field's.
func embeddedName(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.SelectorExpr:
			return x.Sel
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// ofC reports whether a type is written with names of cgo.
func ofC(e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			id, ok := s.X.(*ast.Ident)
			found = found || ok && id.Name == "C"
		}
		return !found
	})
	return found
}

// refuse says why C cannot hold a value of type t, and the mend; a fault without a text if it can.
func (b *builder) refuse(t types.Type) fault { return b.refuseWithin(t, nil) }

// refuseWithin knows the structs that t lies in.
func (b *builder) refuseWithin(t types.Type, outer []*types.TypeName) fault {
	if named := atomicNamed(t); named != nil {
		if atomicBase(t) == "" {
			return fault{codeAtomicStruct, fmt.Sprintf("%s has no fixed form in C: use atomic.Uint32, or another atomic integer of 32 or 64 bits", typeName(t))}
		}
		return fault{}
	}
	if named, ok := types.Unalias(t).(*types.Named); ok {
		if named.Obj().Name() == "HostLayout" && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "structs" {
			return fault{codeNoBytes, "structs.HostLayout does not make Go's layout that of C on arm and 386: remove it, poolgen pads the struct itself"}
		}
		if slices.Contains(outer, named.Obj()) || b.p.loops[named.Obj().Pos()] {
			return fault{codeRecursive, fmt.Sprintf("%s contains itself: hold an index instead", typeName(t))}
		}
		outer = append(slices.Clip(outer), named.Obj())
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return refuseBasic(t, u)
	case *types.Array:
		return b.refuseWithin(u.Elem(), outer)
	case *types.Struct:
		return b.refuseStruct(t, u, outer)
	case *types.Slice:
		return fault{codeSlice, fmt.Sprintf("%s holds a Go pointer: use an array, such as [64]%s, and a length", t, typeName(u.Elem()))}
	case *types.Pointer:
		return fault{codePointer, fmt.Sprintf("%s is a Go pointer, which C may not keep: use an index or a handle", typeName(t))}
	default:
		return fault{codeReference, fmt.Sprintf("%s holds Go pointers, which C may not keep: use an index or a handle", typeName(t))}
	}
}

func refuseBasic(t types.Type, u *types.Basic) fault {
	switch u.Kind() {
	case types.Invalid:
		return fault{codeUnresolved, "its type cannot be resolved: mend the package first, or declare the type outside generated files"}
	case types.Bool:
		return fault{codeBool, "bool has no agreed values outside 0 and 1 in C: use uint8"}
	case types.Int, types.Uint:
		return fault{codeInt, fmt.Sprintf("%s has another size on 32-bit machines: use %s32 or %s64", t, u.Name(), u.Name())}
	case types.Uintptr, types.UnsafePointer:
		return fault{codeAddress, fmt.Sprintf("%s is an address, which means nothing elsewhere: use a handle or an offset", t)}
	case types.String:
		return fault{codeString, "a string holds a Go pointer: use an array of bytes, such as [64]byte"}
	case types.Complex64, types.Complex128:
		return fault{codeComplex, fmt.Sprintf("%s has no portable form in C and C++: use two floats", t)}
	}
	return fault{}
}

func (b *builder) refuseStruct(t types.Type, u *types.Struct, outer []*types.TypeName) fault {
	seen := map[string]string{}
	for i := range u.NumFields() {
		f := u.Field(i)
		if strings.Contains(u.Tag(i), "poolgen:") {
			return fault{codeNestedTag, fmt.Sprintf("in %s, field %s: options in a tag hold for the fields of an annotated struct alone: declare an atomic.Uint64 or padding instead", typeName(t), f.Name())}
		}
		if why := b.refuseWithin(f.Type(), outer); why.text != "" {
			return fault{why.code, fmt.Sprintf("in %s, field %s: %s", typeName(t), f.Name(), why.text)}
		}
		if !f.Exported() && f.Name() != "_" && f.Pkg() != b.file.pkg {
			return fault{codeHidden, fmt.Sprintf("%s has the unexported field %s: use a struct of your own", typeName(t), f.Name())}
		}
		if n, _, err := natural(f.Type()); err == nil && n == 0 {
			return fault{codeNoBytes, fmt.Sprintf("in %s, field %s has no bytes, and C and Go place such fields differently: remove it", typeName(t), f.Name())}
		}
		if f.Name() == "_" {
			continue
		}
		if !isASCII(f.Name()) {
			return fault{codeNotC, fmt.Sprintf("in %s, field %s cannot be a name in C: use ASCII letters", typeName(t), f.Name())}
		}
		if other, ok := seen[memberName(f.Name())]; ok {
			return fault{codeSameMember, fmt.Sprintf("in %s, fields %s and %s have the same name in C, %s: rename one", typeName(t), other, f.Name(), memberName(f.Name()))}
		}
		seen[memberName(f.Name())] = f.Name()
	}
	named, ok := types.Unalias(t).(*types.Named)
	if !ok {
		return fault{codeUnnamed, "a struct without a name has none in C either: declare a type for it"}
	}
	if !isASCII(named.Obj().Name()) {
		return fault{codeNotC, fmt.Sprintf("%s cannot be a name in C: use ASCII letters", typeName(t))}
	}
	if u.NumFields() == 0 {
		return fault{codeEmpty, fmt.Sprintf("%s has no fields: remove it", typeName(t))}
	}
	if _, _, err := natural(u); err != nil {
		return fault{codeTooLarge, fmt.Sprintf("%s has more than %d bytes: a block cannot hold it", typeName(t), maxStruct)}
	}
	if err := agrees(u); err != nil {
		return fault{codeDiffers, fmt.Sprintf("%s is not the same on every target: %v", typeName(t), err)}
	}
	return fault{}
}

// atomicNamed is t if it is a type of package sync/atomic.
func atomicNamed(t types.Type) *types.Named {
	if named, ok := types.Unalias(t).(*types.Named); ok && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == atomicPath {
		return named
	}
	return nil
}

// atomicBase is what C makes of an atomic type, uint64_t of atomic.Uint64; "" if it has no fixed form there.
func atomicBase(t types.Type) string {
	if named := atomicNamed(t); named != nil {
		return map[string]string{"Int32": "int32_t", "Uint32": "uint32_t", "Int64": "int64_t", "Uint64": "uint64_t"}[named.Obj().Name()]
	}
	return ""
}

// holdsAtomic reports whether a value of type t must not be copied.
func holdsAtomic(t types.Type) bool {
	if atomicNamed(t) != nil {
		return true
	}
	switch u := t.Underlying().(type) {
	case *types.Array:
		return holdsAtomic(u.Elem())
	case *types.Struct:
		for f := range u.Fields() {
			if holdsAtomic(f.Type()) {
				return true
			}
		}
	}
	return false
}

func atomicType(t types.Type) string {
	if u, ok := t.Underlying().(*types.Basic); ok {
		switch u.Kind() {
		case types.Int32, types.Uint32, types.Int64, types.Uint64:
			return upperFirst(u.Name())
		}
	}
	return ""
}

func typeName(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string { return p.Name() })
}

// memberName is a field's name in C.
func memberName(name string) string {
	n := snake(name)
	if reserved(n) {
		n += "_"
	}
	return n
}

func upperFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

func lowerFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[n:]
}

// docOf is the text of a field's comments, above it and behind it, without directives.
func docOf(f *ast.Field) []string { return append(lines(f.Doc), lines(f.Comment)...) }

func lines(c *ast.CommentGroup) []string {
	text := strings.TrimRight(c.Text(), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
