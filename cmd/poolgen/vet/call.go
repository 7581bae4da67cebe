package vet

import (
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// function returns the declared function behind f: of an instance of a generic one, the generic one; or nil.
func function(f *ssa.Function) *types.Func {
	if f == nil {
		return nil
	}
	if o := f.Origin(); o != nil {
		f = o
	}
	obj, _ := f.Object().(*types.Func)
	if obj == nil {
		return nil
	}
	return obj.Origin()
}

func (w *walk) call(st *state, c *ssa.Call) {
	st.set(c, none)
	if c == w.o.call {
		w.nextRound(st)
		return
	}
	if b, ok := c.Call.Value.(*ssa.Builtin); ok {
		w.builtin(st, c, b.Name())
		return
	}
	callee := c.Call.StaticCallee()
	if name := refMethod(function(callee)); name != "" && len(c.Call.Args) > 0 {
		if cl := st.vals[c.Call.Args[0]]; cl.reference() {
			w.method(st, c, cl, name)
			return
		}
	}
	w.waits(st, callee)
	w.changes(st)
	if mc, ok := c.Call.Value.(*ssa.MakeClosure); ok {
		w.runClosure(st, mc, c.Pos())
	}
	w.args(st, c, c.Pos(), func() { w.release(st, c.Pos()) })
}

// args hands the arguments of a call over.
func (w *walk) args(st *state, c ssa.CallInstruction, pos token.Pos, released func()) {
	common := c.Common()
	callee := common.StaticCallee()
	effects := w.e.effectsOf(callee)
	if common.IsInvoke() && st.vals[common.Value].reference() {
		st.dead = true
	}
	for i, a := range common.Args {
		w.leakAddress(st, a)
		switch cl := st.vals[a]; {
		case cl == derived:
			w.usePointer(st, pos, a)
		case cl.reference():
			switch {
			case i < len(effects) && effects[i] == borrows:
				w.use(st, pos)
			case i < len(effects) && effects[i] == releases:
				released()
			default:
				w.give(st, cl, &kept{pos: pos}, true)
			}
		case cl == failure:
			// A function such as check(err) does not return when there is no reference; what others return, such as wrap(err), is no
			// error only if err is none.
			if call, ok := c.(*ssa.Call); ok && isError(call.Type()) {
				st.set(call, failure)
			}
		}
	}
}

// nextRound is the acquiring call in the next iteration of a loop.
func (w *walk) nextRound(st *state) {
	alive := len(st.cells) > 0
	for v, c := range st.vals {
		if _, phi := v.(*ssa.Phi); phi && c.reference() {
			alive = true
		}
	}
	if st.held > 0 && !alive && len(st.deferred) == 0 {
		w.lost(st, w.o.call.Pos(), "comes back")
		st.dead = true
		return
	}
	st.again = true
}

func (w *walk) method(st *state, c *ssa.Call, cl class, name string) {
	switch name {
	case "Release":
		w.release(st, c.Pos())
	case "Retain":
		w.use(st, c.Pos())
		st.held++
		if refs := *c.Referrers(); len(refs) > 0 {
			st.retain = c.Pos()
		}
		st.set(c, retained)
		if st.held > 8 {
			st.dead = true
		}
	case "Buf", "Slice":
		st.set(c, cl)
	case "Handle":
		st.quiet = true
	case "Valid", "Pool":
	default: // Bytes, Pointer, Value and others
		w.use(st, c.Pos())
		switch t := c.Type().Underlying().(type) {
		case *types.Pointer, *types.Slice:
			st.set(c, derived)
		case *types.Basic:
			if t.Kind() == types.UnsafePointer {
				st.set(c, derived)
			}
		}
	}
}

func (w *walk) builtin(st *state, c *ssa.Call, name string) {
	for i, a := range c.Call.Args {
		if st.vals[a].reference() {
			st.dead = true
		}
		if st.vals[a] != derived {
			continue
		}
		switch name {
		case "len", "cap", "ssa:wrapnilchk":
		case "append":
			w.usePointer(st, c.Pos(), a)
			if i == 0 {
				st.set(c, derived)
			}
		case "Slice", "SliceData", "Add", "StringData", "String":
			if i == 0 {
				st.set(c, derived)
			}
		default:
			w.usePointer(st, c.Pos(), a)
		}
	}
}

func (w *walk) deferCall(st *state, d *ssa.Defer) {
	if d.DeferStack != nil {
		st.dead = true // runs at the end of the function around, which ranges over a function
		return
	}
	callee := d.Call.StaticCallee()
	if mc, ok := d.Call.Value.(*ssa.MakeClosure); ok {
		w.deferClosure(st, mc, d.Pos())
	}
	if len(d.Call.Args) > 0 && st.vals[d.Call.Args[0]].reference() {
		if refMethod(function(callee)) == "Release" {
			st.deferred = append(st.deferred, d.Pos())
			return
		}
	}
	w.args(st, d, d.Pos(), func() { st.deferred = append(st.deferred, d.Pos()) })
}

func (w *walk) goCall(st *state, g *ssa.Go) {
	if mc, ok := g.Call.Value.(*ssa.MakeClosure); ok {
		w.shareClosure(st, mc)
	}
	for _, a := range g.Call.Args {
		w.leakAddress(st, a)
		if c := st.vals[a]; c.reference() {
			w.give(st, c, &kept{pos: g.Pos()}, true)
		}
	}
}

func (w *walk) runDefers(st *state) {
	for len(st.deferred) > 0 && !st.dead {
		n := len(st.deferred) - 1
		pos := st.deferred[n]
		st.deferred = st.deferred[:n]
		w.release(st, pos)
	}
}

func (w *walk) release(st *state, pos token.Pos) {
	switch {
	case st.keptRef != nil:
		if st.held--; st.held <= 0 {
			st.keptReleased, st.released = true, pos
		}
	case st.held > 0:
		st.some = true
		if st.held--; st.held == 0 {
			st.released = pos
		}
	case st.gone():
		w.report(finding{"PG1003", pos, "the reference is released here a second time; the first is at %s", st.released, "first released here"})
		st.dead = true
	}
}

func (w *walk) use(st *state, pos token.Pos) {
	if st.gone() {
		w.report(finding{"PG1002", pos, "the reference is used after its release at %s", st.released, "released here"})
		st.dead = true
	}
}

func (w *walk) usePointer(st *state, pos token.Pos, of ssa.Value) {
	if !pos.IsValid() {
		pos = of.Pos()
	}
	if st.gone() && pos.IsValid() {
		w.report(finding{"PG1005", pos, "a pointer or slice into a block is used after the release at %s", st.released, "released here"})
		st.dead = true
	}
}

// give hands one reference to somebody: to whom unknown says that nothing can be said.
func (w *walk) give(st *state, c class, k *kept, unknown bool) {
	switch {
	case k.send && st.gone():
		w.report(finding{"PG1002", k.pos, "the reference is sent after its release at %s", st.released, "released here"})
		st.dead = true
	case st.keptRef != nil:
		if st.keptRef.send && k.send && c == base && !unknown && !st.keptReleased {
			w.report(finding{"PG1007", k.pos, "the reference is sent a second time, after %s: each receiver needs its own, from Retain", st.keptRef.pos, "first sent here"})
		}
		st.dead = true
	case st.held >= 2:
		st.held--
		st.unsure = st.unsure || unknown
	case c == base && !unknown:
		st.keptRef = k
	default:
		st.dead = true
	}
}

func (w *walk) keepPointer(st *state, k *kept, unknown bool) {
	if !unknown && st.keptPtr == nil {
		st.keptPtr = k
	}
}

// changes forgets what fields and variables of functions around hold when a function is called that may store something else there.
func (w *walk) changes(st *state) {
	for a := range st.cells {
		if !strings.HasPrefix(a, "a") || strings.Contains(a, ".") {
			delete(st.cells, a)
		}
	}
}

// waits forgets what was kept or sent when a function is called that may wait for it to be taken back.
func (w *walk) waits(st *state, callee *ssa.Function) {
	if callee != nil && callee.Pkg != nil {
		switch callee.Pkg.Pkg.Path() {
		case "fmt", "log", "errors", "strings", "strconv", "bytes", "time", "math":
			return
		}
	}
	w.waited(st)
}

func (w *walk) waited(st *state) {
	if st.keptRef != nil {
		st.dead = true
	}
	st.keptPtr = nil
}
