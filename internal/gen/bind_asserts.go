package gen

import (
	"fmt"
	"go/types"
	"strings"
)

// asserts are conditions on the header's own types, each with its message. known are the typedefs whose Go type is given.
func (c *callModel) asserts(known map[string]string) []string {
	var list []string
	for i, t := range c.proto.params {
		if i < len(c.params) {
			list = append(list, typeAsserts(t, c.params[i].typ, known)...)
		}
	}
	if c.result != nil {
		list = append(list, typeAsserts(c.proto.result, c.result, known)...)
	}
	return list
}

func typeAsserts(t cType, g types.Type, known map[string]string) []string {
	kind, base, behind := kindOf(g), t.base, t.ptr == 1 && kindOf(g) == "*"
	if behind {
		elem := elemOf(g)
		if kind = kindOf(elem); kind == "" {
			return structAsserts(base, elem)
		}
	} else if t.ptr > 0 {
		return nil
	}
	if wires[kind] == "" || cScalars[base] != nil || base == "void" || strings.HasPrefix(base, "struct ") || strings.HasPrefix(base, "union ") || t.fn {
		return nil
	}
	name := kind
	if isPtr(kind) {
		name = "a pointer"
	}
	list := []string{fmt.Sprintf("sizeof(%s) == sizeof(%s), %q", base, wires[kind], base+" is not as wide as "+name+" in Go")}
	switch {
	case isFloat(kind):
		list = append(list, fmt.Sprintf("(%s)0.5 != 0, %q", base, base+" is an integer, and "+name+" in Go"))
	case kind == "uintptr":
		// It may be a pointer, which a constant cannot become.
		list = append(list, fmt.Sprintf("!__builtin_types_compatible_p(%s, float) && !__builtin_types_compatible_p(%[1]s, double), %[2]q", base, base+" is no integer, and uintptr in Go"))
	case kind == "bool" && behind:
		list = append(list, fmt.Sprintf("(%s)2 == 1, %q", base, base+" is no bool, which memory of a bool in Go must hold"))
	case !isPtr(kind):
		list = append(list, fmt.Sprintf("(%s)1.5 == 1, %q", base, base+" is no integer, and "+name+" in Go"))
	}
	// An enum, which is as wide as an int, has a sign or not as its constants want it: either Go type will do. In memory so will any, unless types= says
	// which.
	if sign, ok := signs[kind]; ok && (!behind || known[base] != "") && (goWidths[kind] != 4 || known[base] != "") {
		list = append(list, fmt.Sprintf("(%s)-1 %s 0, %q", base, sign, base+" has another sign than "+name+" in Go"))
	}
	return list
}

// elemOf is what a pointer points to; of an array, what that holds.
func elemOf(ptr types.Type) types.Type {
	elem := ptr.Underlying().(*types.Pointer).Elem()
	for {
		a, ok := elem.Underlying().(*types.Array)
		if !ok {
			return elem
		}
		elem = a.Elem()
	}
}

// structAsserts compares the size of a struct of Go, which C reads or writes in place, with that of the one in C. A struct of 0 bytes
// stands for one that the header does not show.
func structAsserts(base string, elem types.Type) []string {
	wide, narrow := types.SizesFor("gc", "amd64").Sizeof(elem), types.SizesFor("gc", "arm").Sizeof(elem)
	if wide == 0 || base == "void" {
		return nil
	}
	size := fmt.Sprint(wide)
	if wide != narrow {
		size = fmt.Sprintf("(sizeof(void *) == 8 ? %d : %d)", wide, narrow)
	}
	return []string{fmt.Sprintf("sizeof(%s) == %s, %q", base, size, base+" is not as large as "+typeName(elem)+" in Go")}
}
