package vet

import (
	"go/constant"
	"go/token"

	"golang.org/x/tools/go/ssa"
)

// assume returns the state on one side of a condition, or nil where that side has no reference.
func (w *walk) assume(st *state, cond ssa.Value, taken bool) *state {
	if v, known := w.outcome(st, cond); known && v != taken {
		return nil
	}
	next := st.clone()
	x := cond
	for {
		not, ok := x.(*ssa.UnOp)
		if !ok || not.Op != token.NOT {
			break
		}
		x, taken = not.X, !taken
	}
	switch v := x.(type) {
	case *ssa.BinOp:
		failed := st.vals[v.X] == failure || st.vals[v.Y] == failure
		if failed && (v.Op == token.EQL || v.Op == token.NEQ) {
			same := (v.Op == token.EQL) == taken
			switch isNil(v.X) || isNil(v.Y) {
			case true:
				if !same {
					return nil
				}
				next.checked = true
			case false: // a sentinel
				if same {
					return nil
				}
			}
		}
		zero := st.vals[v.X].reference() && isZero(v.Y) || st.vals[v.Y].reference() && isZero(v.X)
		if zero && st.held > 0 && (v.Op == token.EQL) == taken {
			return nil
		}
	case *ssa.Call:
		f := v.Call.StaticCallee()
		for _, a := range v.Call.Args {
			if st.vals[a] != failure {
				continue
			}
			if f != nil && f.Pkg != nil && f.Pkg.Pkg.Path() == "errors" {
				if taken {
					return nil
				}
			} else {
				next.quiet = true
			}
		}
		if f != nil && len(v.Call.Args) == 1 && st.vals[v.Call.Args[0]].reference() && refMethod(function(f)) == "Valid" {
			if st.held > 0 != taken && !st.unsure {
				return nil
			}
		}
	default:
		if st.vals[x] == success {
			if !taken {
				return nil
			}
			next.checked = true
		}
	}
	if key, flip := w.condKey(x); w.twice[key] {
		next.facts[key] = taken != flip
	}
	return next
}

// isZero reports whether v is the zero value: a constant, or a variable that nothing was stored to.
func isZero(v ssa.Value) bool {
	switch v := v.(type) {
	case *ssa.Const:
		return v.Value == nil
	case *ssa.UnOp:
		a, ok := v.X.(*ssa.Alloc)
		if !ok {
			return false
		}
		for _, r := range *a.Referrers() {
			if u, ok := r.(*ssa.UnOp); !ok || u.Op != token.MUL {
				return false
			}
		}
		return true
	}
	return false
}

func isNil(v ssa.Value) bool {
	c, ok := v.(*ssa.Const)
	return ok && c.Value == nil
}

// outcome returns what is known of a condition.
func (w *walk) outcome(st *state, cond ssa.Value) (value, known bool) {
	if c, ok := cond.(*ssa.Const); ok && c.Value != nil && c.Value.Kind() == constant.Bool {
		return constant.BoolVal(c.Value), true
	}
	key, flip := w.condKey(cond)
	v, known := st.facts[key]
	return v != flip, known
}
