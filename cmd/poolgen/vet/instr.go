package vet

import (
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// instr carries st over one instruction that does not end its block.
func (w *walk) instr(st *state, instr ssa.Instruction) {
	switch i := instr.(type) {
	case *ssa.Call:
		w.call(st, i)
	case *ssa.Defer:
		w.deferCall(st, i)
	case *ssa.Go:
		w.goCall(st, i)
	case *ssa.RunDefers:
		w.runDefers(st)
	case *ssa.Store:
		w.store(st, i)
	case *ssa.UnOp:
		w.unop(st, i)
	case *ssa.Alloc:
		delete(st.cells, w.addr(i)) // a variable of a new iteration
		st.forget(w.addr(i) + ".")
	case *ssa.Extract:
		w.extract(st, i)
	case *ssa.FieldAddr:
		st.set(i, onlyDerived(st.vals[i.X]))
	case *ssa.IndexAddr:
		st.set(i, onlyDerived(st.vals[i.X]))
	case *ssa.Slice:
		st.set(i, onlyDerived(st.vals[i.X]))
	case *ssa.SliceToArrayPointer:
		st.set(i, onlyDerived(st.vals[i.X]))
	case *ssa.ChangeType:
		st.set(i, st.vals[i.X])
	case *ssa.Convert:
		w.convert(st, i)
	case *ssa.MakeInterface:
		w.leakAddress(st, i.X)
		st.set(i, st.vals[i.X])
	case *ssa.ChangeInterface:
		st.set(i, st.vals[i.X])
	case *ssa.TypeAssert:
		if c := st.vals[i.X]; c == failure {
			st.quiet = true
		} else if c.reference() && !i.CommaOk {
			st.set(i, c)
		} else if c.reference() {
			st.dead = true
		}
	case *ssa.Send:
		if c := st.vals[i.X]; c.reference() {
			w.give(st, c, &kept{pos: i.Pos(), what: "sent on a channel", send: true}, local(i.Chan))
		} else if c == derived {
			w.keepPointer(st, &kept{pos: i.Pos(), what: "sent on a channel", send: true}, local(i.Chan))
		}
	case *ssa.Select:
		w.waited(st)
		for _, s := range i.States {
			if s.Send != nil && st.vals[s.Send].reference() {
				st.dead = true
			}
		}
	case *ssa.MapUpdate:
		for _, v := range []ssa.Value{i.Key, i.Value} {
			if c := st.vals[v]; c.reference() {
				w.give(st, c, &kept{pos: i.Pos(), what: "stored in a map"}, local(i.Map))
			} else if c == derived && v == i.Value {
				w.keepPointer(st, &kept{pos: i.Pos(), what: "stored in a map"}, local(i.Map))
			}
		}
	case *ssa.MakeClosure:
		w.makeClosure(st, i)
	case ssa.Value:
		st.set(i, none)
	}
}

func onlyDerived(c class) class {
	if c == derived {
		return derived
	}
	return none
}

func (w *walk) extract(st *state, i *ssa.Extract) {
	c := none
	if w.o.call != nil && i.Tuple == w.o.call && !st.again {
		switch i.Index {
		case w.o.ref:
			c = base
		case w.o.status:
			c = success
			if isError(i.Type()) {
				c = failure
			}
		}
	}
	st.set(i, c)
}

func (w *walk) unop(st *state, i *ssa.UnOp) {
	c := none
	switch i.Op {
	case token.MUL:
		if a := w.addr(i.X); a != "" {
			c = st.cells[a]
		}
		if st.vals[i.X] == derived {
			w.usePointer(st, i.Pos(), i.X)
		}
	case token.ARROW:
		w.waited(st)
	}
	st.set(i, c)
}

// convert keeps pointers what they are; a string is a copy.
func (w *walk) convert(st *state, i *ssa.Convert) {
	c := st.vals[i.X]
	if b, ok := i.Type().Underlying().(*types.Basic); ok && c == derived && b.Info()&types.IsString != 0 {
		w.usePointer(st, i.Pos(), i.X)
		c = none
	}
	if s, ok := i.X.Type().Underlying().(*types.Basic); ok && c == derived && s.Info()&types.IsString != 0 {
		c = none
	}
	st.set(i, c)
}

func (w *walk) store(st *state, i *ssa.Store) {
	c, addr := st.vals[i.Val], w.addr(i.Addr)
	w.leakAddress(st, i.Val)
	if st.vals[i.Addr] == derived {
		w.usePointer(st, i.Pos(), i.Addr)
		if c == derived { // within the block itself
			return
		}
	}
	if k := st.keptRef; k != nil && k.addr == addr && addr != "" {
		st.dead = true // taken back
		return
	}
	if k := st.keptPtr; k != nil && k.addr == addr {
		st.keptPtr = nil
	}
	for k := range st.facts {
		if addr != "" && strings.Contains(k, "*"+addr) {
			delete(st.facts, k)
		}
	}
	if addr != "" {
		st.forget(addr + ".")
	}
	if a, ok := i.Addr.(*ssa.Alloc); ok {
		st.setCell(addr, c)
		if c.reference() {
			w.captured(st, a, i)
		}
		return
	}
	if addr != "" {
		delete(st.cells, addr)
		if addr == w.o.cell {
			st.dead = true // the variable stands for another reference now
			return
		}
	}
	if c == failure && !st.checked {
		st.quiet = true // perhaps joined with others, and tested then
	}
	k := &kept{pos: i.Pos(), what: "stored in " + place(i.Addr), addr: addr}
	unknown := local(i.Addr) || isFreeVar(i.Addr) || w.storedElsewhere(i)
	if l := w.appended(i); l != nil {
		k = &kept{pos: l.Pos(), what: "appended to a slice that outlives the call"}
		unknown = local(l.Addr) || w.storedElsewhere(l)
	}
	switch {
	case c.reference():
		w.give(st, c, k, unknown)
	case c == derived:
		w.keepPointer(st, k, unknown)
	}
}

func isFreeVar(v ssa.Value) bool { _, ok := v.(*ssa.FreeVar); return ok }

func place(addr ssa.Value) string {
	switch addr.(type) {
	case *ssa.FieldAddr:
		return "a field"
	case *ssa.Global:
		return "a package variable"
	}
	return "a slice or variable"
}

// appended returns the store of append's result where i stores an argument of it, as in s.all = append(s.all, b), or nil.
func (w *walk) appended(i *ssa.Store) *ssa.Store {
	elem, ok := i.Addr.(*ssa.IndexAddr)
	if !ok {
		return nil
	}
	array, ok := elem.X.(*ssa.Alloc)
	if !ok {
		return nil
	}
	for _, r := range *array.Referrers() {
		slice, ok := r.(*ssa.Slice)
		if !ok {
			continue
		}
		for _, r := range *slice.Referrers() {
			call, ok := r.(*ssa.Call)
			if !ok {
				continue
			}
			if b, ok := call.Call.Value.(*ssa.Builtin); !ok || b.Name() != "append" {
				continue
			}
			for _, r := range *call.Referrers() {
				if s, ok := r.(*ssa.Store); ok && s.Val == call {
					return s
				}
			}
		}
	}
	return nil
}

// storedElsewhere reports whether the function, or one around or in it, stores to the same field in another place: what is kept there may
// be taken back.
func (w *walk) storedElsewhere(i *ssa.Store) bool {
	f, ok := i.Addr.(*ssa.FieldAddr)
	if !ok {
		return false
	}
	top := w.fn
	for top.Parent() != nil {
		top = top.Parent()
	}
	var visit func(fn *ssa.Function) bool
	visit = func(fn *ssa.Function) bool {
		for _, b := range fn.Blocks {
			for _, instr := range b.Instrs {
				s, ok := instr.(*ssa.Store)
				if !ok || s == i {
					continue
				}
				if g, ok := s.Addr.(*ssa.FieldAddr); ok && g.Field == f.Field && types.Identical(g.X.Type(), f.X.Type()) {
					return true
				}
			}
		}
		for _, a := range fn.AnonFuncs {
			if visit(a) {
				return true
			}
		}
		return false
	}
	return visit(top)
}

// leakAddress ends the walk where the address of a variable that holds the reference goes elsewhere.
func (w *walk) leakAddress(st *state, v ssa.Value) {
	switch v.(type) {
	case *ssa.Alloc, *ssa.FreeVar:
		if st.cells[w.addr(v)].reference() {
			st.dead = true
		}
	}
}
