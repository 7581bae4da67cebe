package vet

import (
	"go/token"

	"golang.org/x/tools/go/ssa"
)

// bindings calls f for each variable that mc captures and that holds the reference, with what the closure does to it.
func (w *walk) bindings(st *state, mc *ssa.MakeClosure, f func(c class, does effect)) {
	fn := mc.Fn.(*ssa.Function)
	for i, b := range mc.Bindings {
		if c := st.vals[b]; c.reference() { // a method value such as b.Release
			switch refMethod(function(fn)) {
			case "Release":
				f(c, releases)
			case "Bytes", "Len", "Cap", "Valid", "User", "Exclusive":
				f(c, borrows)
			default:
				f(c, unknown)
			}
			continue
		}
		if c := st.cells[w.addr(b)]; variable(b) && c.reference() {
			f(c, w.e.captures(fn, i))
		}
	}
}

// makeClosure looks at a closure where it is made. One that is only called or deferred is looked at there.
func (w *walk) makeClosure(st *state, mc *ssa.MakeClosure) {
	st.set(mc, none)
	for _, r := range *mc.Referrers() {
		if c, ok := r.(ssa.CallInstruction); !ok || c.Common().Value != mc {
			w.shareClosure(st, mc)
			return
		}
	}
}

// shareClosure is a closure that runs somewhere at some time.
func (w *walk) shareClosure(st *state, mc *ssa.MakeClosure) {
	w.bindings(st, mc, func(c class, does effect) {
		switch does {
		case borrows:
		case releases:
			w.give(st, c, &kept{}, true)
		default:
			st.dead = true
		}
	})
}

func (w *walk) runClosure(st *state, mc *ssa.MakeClosure, pos token.Pos) {
	w.bindings(st, mc, func(_ class, does effect) {
		switch does {
		case borrows:
		case releases:
			w.release(st, pos)
		default:
			st.dead = true
		}
	})
}

func (w *walk) deferClosure(st *state, mc *ssa.MakeClosure, pos token.Pos) {
	w.bindings(st, mc, func(_ class, does effect) {
		switch does {
		case borrows:
		case releases:
			st.deferred = append(st.deferred, pos)
		default:
			st.dead = true
		}
	})
}

// captured is the store of the reference to a variable that closures may have captured before.
func (w *walk) captured(st *state, a *ssa.Alloc, at *ssa.Store) {
	for _, r := range *a.Referrers() {
		mc, ok := r.(*ssa.MakeClosure)
		if !ok || !before(mc, at) {
			continue
		}
		for i, b := range mc.Bindings {
			if b != a {
				continue
			}
			does := w.e.captures(mc.Fn.(*ssa.Function), i)
			d, deferred := onlyDeferred(mc)
			switch {
			case does == borrows:
			case does == releases && deferred:
				st.deferred = append(st.deferred, d.Pos())
			default:
				st.dead = true
			}
		}
	}
}

// before reports whether i runs before j whenever j runs.
func before(i, j ssa.Instruction) bool {
	if i.Block() == j.Block() {
		return after(i) < after(j)
	}
	return i.Block().Dominates(j.Block())
}

func onlyDeferred(mc *ssa.MakeClosure) (*ssa.Defer, bool) {
	refs := *mc.Referrers()
	if len(refs) != 1 {
		return nil, false
	}
	d, ok := refs[0].(*ssa.Defer)
	return d, ok && d.Call.Value == mc
}
