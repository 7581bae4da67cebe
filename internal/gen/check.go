package gen

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"
	"unicode"
	"unicode/utf8"
)

// problem is why C cannot share a field.
type problem struct {
	pos  token.Pos
	code Code
	text string
}

// flatField is one field of a struct, where the source may declare several together.
type flatField struct {
	field *ast.Field
	pos   token.Pos
}

func flatten(st *ast.StructType) []flatField {
	var list []flatField
	for _, f := range st.Fields.List {
		if len(f.Names) == 0 {
			list = append(list, flatField{f, f.Type.Pos()})
		}
		for _, n := range f.Names {
			list = append(list, flatField{f, n.Pos()})
		}
	}
	return list
}

// refuse says why C cannot hold a value of type t, and the mend; "" if it can.
func (b *builder) refuse(t types.Type) (Code, string) {
	if named, ok := types.Unalias(t).(*types.Named); ok && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "sync/atomic" {
		return codeAtomicStruct, fmt.Sprintf("%s: declare the plain integer and tag it `poolgen:\"atomic\"`", t)
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch u.Kind() {
		case types.Invalid:
			return codeUnresolved, "its type cannot be resolved: mend the package first, or declare the type outside generated files"
		case types.Bool:
			return codeBool, "bool has no agreed values outside 0 and 1 in C: use uint8"
		case types.Int, types.Uint:
			return codeInt, fmt.Sprintf("%s has another size on 32-bit machines: use %s32 or %s64", t, u.Name(), u.Name())
		case types.Uintptr, types.UnsafePointer:
			return codeAddress, fmt.Sprintf("%s is an address, which means nothing elsewhere: use a handle or an offset", t)
		case types.String:
			return codeString, "a string holds a Go pointer: use an array of bytes, such as [64]byte"
		case types.Complex64, types.Complex128:
			return codeComplex, fmt.Sprintf("%s has no portable form in C and C++: use two floats", t)
		}
		return "", ""
	case *types.Array:
		return b.refuse(u.Elem())
	case *types.Struct:
		for f := range u.Fields() {
			if code, why := b.refuse(f.Type()); why != "" {
				return code, fmt.Sprintf("in %s, field %s: %s", typeName(t), f.Name(), why)
			}
			if !f.Exported() && f.Name() != "_" && f.Pkg() != b.file.pkg {
				return codeHidden, fmt.Sprintf("%s has the unexported field %s: use a struct of your own", typeName(t), f.Name())
			}
			if n, _, err := natural(f.Type()); err == nil && n == 0 {
				return codeNoBytes, fmt.Sprintf("in %s, field %s has no bytes, and C and Go place such fields differently: remove it", typeName(t), f.Name())
			}
		}
		if _, ok := types.Unalias(t).(*types.Named); !ok {
			return codeUnnamed, "a struct without a name has none in C either: declare a type for it"
		}
		if u.NumFields() == 0 {
			return codeEmpty, fmt.Sprintf("%s has no fields: remove it", typeName(t))
		}
		if err := agrees(u); err != nil {
			return codeDiffers, fmt.Sprintf("%s is not the same on every target: %v", typeName(t), err)
		}
		return "", ""
	case *types.Slice:
		return codeSlice, fmt.Sprintf("%s holds a Go pointer: use an array, such as [64]%s, and a length", t, typeName(u.Elem()))
	case *types.Pointer:
		return codePointer, fmt.Sprintf("%s is a Go pointer, which C may not keep: use an index or a handle", typeName(t))
	default:
		return codeReference, fmt.Sprintf("%s holds Go pointers: C cannot share it", typeName(t))
	}
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
