package gen

import (
	"fmt"
	"go/types"
	"slices"
	"strings"
)

// cScalars are the types that mean the same number of bits in C on amd64, arm64, 386 and arm, or a machine word on each, with the Go
// types that hold them. The first is what to write when another is used.
var cScalars = map[string][]string{
	"char": {"int8", "uint8"}, "signed char": {"int8"}, "unsigned char": {"uint8"},
	"short": {"int16"}, "unsigned short": {"uint16"}, "int": {"int32"}, "unsigned int": {"uint32"},
	"long": {"int", "uintptr"}, "unsigned long": {"uintptr", "uint"}, "long long": {"int64"}, "unsigned long long": {"uint64"},
	"float": {"float32"}, "double": {"float64"}, "_Bool": {"bool"},
	"int8_t": {"int8"}, "uint8_t": {"uint8"}, "int16_t": {"int16"}, "uint16_t": {"uint16"},
	"int32_t": {"int32"}, "uint32_t": {"uint32"}, "int64_t": {"int64"}, "uint64_t": {"uint64"},
	"size_t": {"uintptr", "uint"}, "ssize_t": {"int", "uintptr"}, "ptrdiff_t": {"int", "uintptr"},
	"intptr_t": {"int", "uintptr"}, "uintptr_t": {"uintptr", "uint"},
}

// goWidths are the bytes of Go's types; 1 << 8 is a machine word.
var goWidths = map[string]int{
	"int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8, "float32": 4, "float64": 8, "bool": 1,
	"int": 1 << 8, "uint": 1 << 8, "uintptr": 1 << 8,
}

// signs compare -1 with 0 in C types that are integers of the same kind.
var signs = map[string]string{"int8": "<", "int16": "<", "int32": "<", "int64": "<", "int": "<", "uint8": ">", "uint16": ">", "uint32": ">", "uint64": ">", "uint": ">"}

// wires are the C types in which values cross.
var wires = map[string]string{
	"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "uint16": "uint16_t", "int32": "int32_t", "uint32": "uint32_t", "int64": "int64_t", "uint64": "uint64_t",
	"float32": "float", "float64": "double", "bool": "_Bool", "int": "intptr_t", "uint": "uintptr_t", "uintptr": "uintptr_t",
	"Pointer": "void *", "*": "void *", "string": "const char *",
}

// kindOf is what crosses for a Go type: the name of a basic type, "Pointer" for unsafe.Pointer, "*" for a Go pointer, or "".
func kindOf(t types.Type) string {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		if u.Kind() == types.UnsafePointer {
			return "Pointer"
		}
		name := types.Typ[u.Kind()].Name()
		if wires[name] != "" {
			return name
		}
	case *types.Pointer:
		return "*"
	}
	return ""
}

func isFloat(kind string) bool { return kind == "float32" || kind == "float64" }
func isPtr(kind string) bool   { return kind == "Pointer" || kind == "*" }
func isWide(kind string) bool  { return kind == "int64" || kind == "uint64" }

// refuseGo says why a Go type cannot cross to C at all, and the mend.
func refuseGo(t types.Type, result bool) fault {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Kind() == types.Invalid:
			return fault{codeUnresolved, "its type cannot be resolved: mend the package first, or declare the type outside generated files"}
		case u.Kind() == types.String && !result:
			return fault{codeGoPointer, "a string is a Go pointer and does not end in a 0 byte: use unsafe.Pointer to bytes that do"}
		case kindOf(t) == "":
			return fault{codeSignature, fmt.Sprintf("C has no %s: use integers, floats and pointers", typeName(t))}
		}
	case *types.Pointer:
		if e := u.Elem(); kindOf(e) != "Pointer" && (holdsPointer(e, nil) || !isPlain(e)) {
			return fault{codeGoPointer, fmt.Sprintf("%s points to Go pointers, which C may not see: use unsafe.Pointer to memory without any", typeName(t))}
		}
	case *types.Struct, *types.Array:
		return fault{codeByValue, fmt.Sprintf("%s would be passed by value, which cannot be done without cgo on arm: pass a pointer", typeName(t))}
	case *types.Slice:
		return fault{codeGoPointer, fmt.Sprintf("%s is a Go pointer, a length and a capacity: pass an unsafe.Pointer to its first element and len as two arguments", typeName(t))}
	case *types.Signature:
		return fault{codeGoPointer, "C cannot call a Go function by its value: pass the address of a C function as unsafe.Pointer or uintptr"}
	default:
		return fault{codeGoPointer, fmt.Sprintf("%s holds Go pointers, which C may not see", typeName(t))}
	}
	return fault{}
}

// isPlain reports whether goType can write t.
func isPlain(t types.Type) bool {
	switch u := types.Unalias(t).(type) {
	case *types.Basic:
		return true
	case *types.Named:
		return u.Obj().Pkg() != nil && u.TypeParams().Len() == u.TypeArgs().Len()
	case *types.Array:
		return isPlain(u.Elem())
	}
	return false
}

// holdsPointer reports whether a value of type t has Go pointers in it; seen are the types that it lies in.
func holdsPointer(t types.Type, seen []types.Type) bool {
	if slices.ContainsFunc(seen, func(o types.Type) bool { return types.Identical(o, t) }) {
		return false // a type that contains itself, which does not compile
	}
	seen = append(slices.Clip(seen), t)
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return u.Kind() == types.String || u.Kind() == types.UnsafePointer || u.Kind() == types.Invalid
	case *types.Array:
		return holdsPointer(u.Elem(), seen)
	case *types.Struct:
		for f := range u.Fields() {
			if holdsPointer(f.Type(), seen) {
				return true
			}
		}
		return false
	}
	return true
}

// mismatch says why the Go type t cannot stand for c, and the mend. known are the typedefs whose Go type is given.
func mismatch(c cType, t types.Type, known map[string]string, result bool) fault {
	if why := refuseGo(t, result); why.text != "" {
		return why
	}
	kind := kindOf(t)
	switch base, _, _ := strings.Cut(c.base, " "); {
	case kind == "string":
		if c.base != "char" || c.ptr != 1 || !c.const_ {
			return fault{codeSignature, fmt.Sprintf("only a const char * becomes a string: take unsafe.Pointer for %s, and free what it points to as the library says", c.text)}
		}
		return fault{}
	case c.ptr == 0 && (base == "struct" || base == "union"):
		return fault{codeByValue, fmt.Sprintf("%s is passed by value, which cannot be done without cgo on arm: bind a function that takes a pointer", c.base)}
	case c.base == "long double":
		if c.ptr == 0 {
			return fault{codeByValue, "Go has no long double: bind a function that takes a double"}
		}
	}
	if c.ptr > 0 {
		return mismatchPointer(c, t, kind, known)
	}
	want, ok := cScalars[c.base]
	if g := known[c.base]; g != "" {
		want, ok = []string{g}, true
	}
	if strings.HasPrefix(c.base, "enum ") {
		want, ok = []string{"int32", "uint32"}, true
	}
	switch {
	case ok && !slices.Contains(want, kind):
		return fault{codeSignature, fmt.Sprintf("%s in C is %s in Go, not %s", c.text, strings.Join(want, " or "), typeName(t))}
	case !ok && kind == "*":
		return fault{codeSignature, fmt.Sprintf("%s is no pointer as far as the prototype says: use unsafe.Pointer or uintptr if it is one in the header", c.text)}
	}
	return fault{}
}

func mismatchPointer(c cType, t types.Type, kind string, known map[string]string) fault {
	if kind != "*" && kind != "Pointer" && kind != "uintptr" {
		return fault{codeSignature, fmt.Sprintf("%s in C is unsafe.Pointer in Go, or uintptr for what never is Go memory, not %s", c.text, typeName(t))}
	}
	if kind != "*" {
		return fault{}
	}
	if c.fn {
		return fault{codeSignature, "a pointer to a function is unsafe.Pointer or uintptr in Go"}
	}
	k := kindOf(elemOf(t))
	want := cScalars[c.base]
	if g := known[c.base]; g != "" {
		want = []string{g}
	}
	switch {
	case c.ptr > 1:
		if k != "Pointer" && k != "uintptr" {
			return fault{codeSignature, fmt.Sprintf("what %s points to is a pointer: use *unsafe.Pointer, *uintptr or unsafe.Pointer, not %s", c.text, typeName(t))}
		}
	case k == "Pointer":
		if c.base != "void" && want != nil {
			return fault{codeSignature, fmt.Sprintf("%s does not point to a pointer: use *%s or unsafe.Pointer", c.text, want[0])}
		}
	case k == "bool" && want != nil && want[0] != "bool":
		return fault{codeSignature, fmt.Sprintf("%s may write what is no bool in Go: use *%s", c.text, want[0])}
	case k != "" && want != nil && (goWidths[k] != goWidths[want[0]] || isFloat(k) != isFloat(want[0])):
		return fault{codeSignature, fmt.Sprintf("%s is *%s or unsafe.Pointer in Go, not %s", c.text, want[0], typeName(t))}
	}
	return fault{}
}
