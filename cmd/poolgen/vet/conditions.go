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

func (w *walk) operand(v ssa.Value) string {
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
	note := func(v ssa.Value) {
		key, _ := w.condKey(v)
		count[key]++
		for {
			not, ok := v.(*ssa.UnOp)
			if !ok || not.Op != token.NOT {
				break
			}
			v = not.X
		}
		if b, ok := v.(*ssa.BinOp); ok && key != w.operand(v) {
			deps[key] = append(deps[key], b.X, b.Y)
		} else {
			deps[key] = append(deps[key], v)
		}
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
