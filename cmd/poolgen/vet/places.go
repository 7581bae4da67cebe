package vet

import (
	"fmt"

	"golang.org/x/tools/go/ssa"
)

// addr names an address so that two expressions for the same one agree: a variable, or a field of what a value points to.
// It returns "" for others.
func (w *walk) addr(v ssa.Value) string {
	switch v := v.(type) {
	case *ssa.Alloc:
		return fmt.Sprint("a", w.ids[v]) // only this function and its closures store to it
	case *ssa.FreeVar, *ssa.Parameter:
		return fmt.Sprint("v", w.ids[v])
	case *ssa.Global:
		return "g" + v.String()
	case *ssa.FieldAddr:
		if x := w.addr(v.X); x != "" {
			return fmt.Sprint(x, ".", v.Field)
		}
		return fmt.Sprint("r", w.ids[v.X], ".", v.Field)
	}
	return ""
}

// variable reports whether v is the address of a whole variable of this function or of one around it.
func variable(v ssa.Value) bool {
	switch v.(type) {
	case *ssa.Alloc, *ssa.FreeVar:
		return true
	}
	return false
}

// local reports whether addr lies in memory that this function made and that only it has named.
func local(addr ssa.Value) bool {
	for {
		switch v := addr.(type) {
		case *ssa.FieldAddr:
			addr = v.X
		case *ssa.IndexAddr:
			addr = v.X
		case *ssa.Slice:
			addr = v.X
		case *ssa.Alloc, *ssa.MakeSlice, *ssa.MakeMap, *ssa.MakeChan:
			return true
		case *ssa.UnOp:
			addr = v.X
		case *ssa.Phi, *ssa.Call, *ssa.Extract:
			return true // unknown: say nothing
		default:
			return false
		}
	}
}
