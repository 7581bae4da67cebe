package vet

import (
	"fmt"
	"strings"

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

// renew forgets what fields hold of what v points to: in another iteration it points elsewhere.
func (w *walk) renew(st *state, v ssa.Value) {
	if len(st.cells) == 0 {
		return
	}
	st.forget(fmt.Sprint("r", w.ids[v], "."))
}

// forget drops the cells whose addresses begin with prefix.
func (s *state) forget(prefix string) {
	for a := range s.cells {
		if strings.HasPrefix(a, prefix) {
			delete(s.cells, a)
		}
	}
}

// neverReturns reports whether instr ends a test by way of testing.TB; of a *testing.T the form itself knows.
func neverReturns(instr ssa.Instruction) bool {
	c, ok := instr.(*ssa.Call)
	if !ok || !c.Call.IsInvoke() || c.Call.Method.Pkg() == nil || c.Call.Method.Pkg().Path() != "testing" {
		return false
	}
	switch c.Call.Method.Name() {
	case "Fatal", "Fatalf", "FailNow", "Skip", "Skipf", "SkipNow":
		return true
	}
	return false
}
