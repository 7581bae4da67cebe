package vet

import (
	"fmt"
	"go/token"

	"golang.org/x/tools/go/ssa"
)

// condKey names a condition so that two evaluations with one meaning agree, and says whether it is the named one's opposite.
func (w *walk) condKey(v ssa.Value) (key string, flip bool) {
	switch v := v.(type) {
	case *ssa.UnOp:
		if v.Op == token.NOT {
			key, flip := w.condKey(v.X)
			return key, !flip
		}
	case *ssa.BinOp:
		switch op := v.Op; op {
		case token.EQL, token.NEQ:
			return fmt.Sprint(w.operand(v.X), "==", w.operand(v.Y)), op == token.NEQ
		case token.LSS, token.GEQ:
			return fmt.Sprint(w.operand(v.X), "<", w.operand(v.Y)), op == token.GEQ
		case token.GTR, token.LEQ:
			return fmt.Sprint(w.operand(v.Y), "<", w.operand(v.X)), op == token.LEQ
		}
	}
	return w.operand(v), false
}

// operand names a value. What a field or variable holds, and what a function returns for the same arguments, is taken to be the same
// at each time: at worst a path is not followed that could be, and a fault on it not seen.
func (w *walk) operand(v ssa.Value) string {
	switch v := v.(type) {
	case *ssa.UnOp:
		if a := w.addr(v.X); v.Op == token.MUL && a != "" {
			return "*" + a
		}
	case *ssa.Call:
		name := ""
		switch f := v.Call.Value.(type) {
		case *ssa.Builtin:
			name = f.Name()
		case *ssa.Function:
			name = f.String()
		}
		if v.Call.IsInvoke() {
			name = w.operand(v.Call.Value) + "." + v.Call.Method.Name()
		}
		if name == "" || len(v.Call.Args) > 3 {
			break
		}
		for _, a := range v.Call.Args {
			name += "," + w.operand(a)
		}
		return name
	}
	if id, ok := w.ids[v]; ok {
		return fmt.Sprint("#", id)
	}
	return v.String()
}

// given records the conditions that hold wherever block is reached.
func (w *walk) given(st *state, block *ssa.BasicBlock) {
	for d := block.Idom(); d != nil; d = d.Idom() {
		cond, ok := d.Instrs[len(d.Instrs)-1].(*ssa.If)
		if !ok {
			continue
		}
		key, flip := w.condKey(cond.Cond)
		if !w.twice[key] {
			continue
		}
		for i, to := range d.Succs {
			if len(to.Preds) == 1 && to.Dominates(block) {
				st.facts[key] = (i == 0) != flip
			}
		}
	}
}

// conditions finds what fn asks more than once, and the values that each such question depends on.
func (w *walk) conditions() (twice map[string]bool, uses map[ssa.Value][]string) {
	count := make(map[string]int)
	deps := make(map[string][]ssa.Value)
	// depend notes the registers that v is computed from; not those that memory is read to.
	var depend func(key string, v ssa.Value)
	depend = func(key string, v ssa.Value) {
		switch x := v.(type) {
		case *ssa.BinOp:
			if key != w.operand(v) {
				depend(key, x.X)
				depend(key, x.Y)
				return
			}
		case *ssa.UnOp:
			if x.Op == token.NOT || x.Op == token.MUL && w.addr(x.X) != "" {
				depend(key, x.X)
				return
			}
		case *ssa.FieldAddr:
			depend(key, x.X)
			return
		case *ssa.Call:
			if id := fmt.Sprint("#", w.ids[v]); w.operand(v) != id {
				for _, a := range x.Call.Args {
					depend(key, a)
				}
				return
			}
		}
		deps[key] = append(deps[key], v)
	}
	note := func(v ssa.Value) {
		key, _ := w.condKey(v)
		count[key]++
		depend(key, v)
	}
	for _, b := range w.fn.Blocks {
		for _, i := range b.Instrs {
			switch i := i.(type) {
			case *ssa.If:
				note(i.Cond)
				if _, ok := i.Cond.(*ssa.Phi); ok {
					note(i.Cond) // asked once here and once before
				}
			case *ssa.Phi:
				if isBool(i.Type()) {
					for _, e := range i.Edges {
						note(e)
					}
				}
			}
		}
	}
	twice, uses = make(map[string]bool), make(map[ssa.Value][]string)
	for key, n := range count {
		if n < 2 {
			continue
		}
		twice[key] = true
		for _, v := range deps[key] {
			uses[v] = append(uses[v], key)
		}
	}
	return twice, uses
}
