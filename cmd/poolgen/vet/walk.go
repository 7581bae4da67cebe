package vet

import (
	"fmt"
	"go/token"

	"golang.org/x/tools/go/ssa"
)

// maxSteps bounds the blocks that one walk visits. A function that needs more is not judged.
const maxSteps = 4000

// origin is where a reference comes into a function.
type origin struct {
	call   *ssa.Call // the call that acquired it, or nil
	ref    int       // its place among the call's results
	status int       // place of the error or bool that came with it, or -1
	value  ssa.Value // otherwise: the value that already was one
	cell   string    // or the address of a captured variable that holds one
}

// walk follows one reference along every path of one function.
type walk struct {
	e     *engine
	fn    *ssa.Function
	o     *origin
	ids   map[ssa.Value]int
	twice map[string]bool        // conditions that occur more than once
	uses  map[ssa.Value][]string // the conditions among them that depend on a value
	seen  map[string]bool
	work  []item
	steps int

	silent bool   // a summary is wanted, not findings
	gave   bool   // on some path the reference went elsewhere before the end
	exits  effect // what all exits seen so far did to the reference
	found  []finding
	exit   int // paths that end in order, and
	leaks  int // those that lose the reference
	safe   bool
}

type item struct {
	block *ssa.BasicBlock
	index int // of the instruction to begin with
	st    *state
}

// finding is one fault on one path.
type finding struct {
	code string
	pos  token.Pos
	text string
	also token.Pos // the other place that the text speaks of
	note string
}

func (e *engine) walk(fn *ssa.Function, o *origin) *walk {
	w := &walk{e: e, fn: fn, o: o, ids: e.number(fn), seen: make(map[string]bool), exits: unset, safe: true}
	w.twice, w.uses = w.conditions()
	return w
}

// run follows every path and reports whether it came to an end of all.
func (w *walk) run() bool {
	st := &state{held: 1, vals: map[ssa.Value]class{}, cells: map[string]class{}, facts: map[string]bool{}}
	block, index := w.fn.Blocks[0], 0
	switch o := w.o; {
	case o.call != nil:
		st.held = 1
		if o.ref == 0 && o.call.Call.Signature().Results().Len() == 1 {
			st.vals[o.call] = base
		}
		block, index = o.call.Block(), after(o.call)
	case o.cell != "":
		st.cells[o.cell] = base
	default:
		st.vals[o.value] = base
		if i, ok := o.value.(ssa.Instruction); ok {
			block, index = i.Block(), after(i)
			if load, ok := i.(*ssa.UnOp); ok && load.Op == token.MUL {
				st.setCell(w.addr(load.X), base)
			}
		}
	}
	w.given(st, block)
	w.work = append(w.work, item{block, index, st})
	for len(w.work) > 0 {
		it := w.work[len(w.work)-1]
		w.work = w.work[:len(w.work)-1]
		if w.steps++; w.steps > maxSteps {
			return false
		}
		w.block(it)
	}
	return true
}

// after returns the index of the instruction behind i; behind a phi, of the first that is none.
func after(i ssa.Instruction) int {
	for n, j := range i.Block().Instrs {
		if j == i {
			return n + 1
		}
	}
	return 0
}

func (w *walk) block(it item) {
	st := it.st
	for _, instr := range it.block.Instrs[it.index:] {
		switch instr := instr.(type) {
		case *ssa.Phi:
			continue // done by enter
		case *ssa.If:
			for i, taken := range []bool{true, false} {
				if next := w.assume(st, instr.Cond, taken); next != nil {
					w.enter(it.block, i, next)
				}
			}
			return
		case *ssa.Jump:
			w.enter(it.block, 0, st)
			return
		case *ssa.Return:
			w.ret(st, instr)
			return
		case *ssa.Panic:
			w.runDefers(st)
			return
		}
		if v, ok := instr.(ssa.Value); ok {
			for _, k := range w.uses[v] {
				delete(st.facts, k)
			}
			w.renew(st, v)
		}
		if neverReturns(instr) {
			return
		}
		w.instr(st, instr)
		if st.dead {
			w.escape(st)
			return
		}
	}
}

// enter follows the edge to the i-th successor of block.
func (w *walk) enter(block *ssa.BasicBlock, i int, st *state) {
	to := block.Succs[i]
	edge, skip := 0, i == 1 && block.Succs[0] == to
	for n, p := range to.Preds {
		if p == block && !skip {
			edge = n
			break
		}
		skip = skip && p != block
	}
	st = st.clone()
	classes := make(map[*ssa.Phi]class)
	facts := make(map[string]bool)
	for _, instr := range to.Instrs {
		phi, ok := instr.(*ssa.Phi)
		if !ok {
			break
		}
		classes[phi] = st.vals[phi.Edges[edge]]
		if key, flip := w.condKey(phi); w.twice[key] {
			if v, known := w.outcome(st, phi.Edges[edge]); known {
				facts[key] = v != flip
			}
		}
	}
	for phi, c := range classes {
		for _, k := range w.uses[phi] {
			delete(st.facts, k)
		}
		w.renew(st, phi)
		st.set(phi, c)
	}
	for k, v := range facts {
		st.facts[k] = v
	}
	key := fmt.Sprint(to.Index, " ") + st.key(w.ids)
	if w.seen[key] {
		return
	}
	w.seen[key] = true
	w.work = append(w.work, item{to, 0, st})
}

// escape ends a path whose reference went where it cannot be followed.
func (w *walk) escape(*state) { w.exits, w.gave = unknown, true }

// ret judges a path at its end.
func (w *walk) ret(st *state, ret *ssa.Return) {
	w.gave = w.gave || st.keptRef != nil || st.unsure
	end := ret.Pos()
	if syntax := w.fn.Syntax(); !end.IsValid() && syntax != nil {
		end = syntax.End() - 1
	}
	for _, r := range ret.Results {
		switch c := st.vals[r]; {
		case c.reference() && st.gone() && isRef(r.Type()):
			w.report(finding{"PG1002", end, "the reference is returned, but it is released at %s", st.released, "released here"})
			return
		case c.reference():
			if st.held--; st.held <= 0 || w.o.call == nil && c == base {
				w.leave(unknown)
				return
			}
		case c == derived:
			w.safe = false
			if st.gone() {
				w.report(finding{"PG1005", end, "what is returned points into a block that is released at %s: copy it", st.released, "released here"})
				return
			}
		}
	}
	if k := st.keptRef; k != nil {
		if st.keptReleased {
			w.report(finding{"PG1004", k.pos, "the reference is " + k.what + ", but this function releases it at %s: give Retain's result", st.released, "released here"})
		}
		w.leave(unknown)
		return
	}
	if k := st.keptPtr; k != nil && st.gone() {
		w.report(finding{"PG1004", k.pos, "a pointer or slice into a block is " + k.what + ", but this function releases the block at %s", st.released, "released here"})
	}
	w.lost(st, end, "returns")
	switch {
	case st.quiet || st.unsure:
		w.leave(unknown)
	case st.held == 1:
		w.leave(borrows)
	case st.held == 0:
		w.leave(releases)
	default:
		w.leave(unknown)
	}
}

// lost reports a reference that nobody will release, on a path that ends at pos.
func (w *walk) lost(st *state, pos token.Pos, how string) {
	w.exit++
	if st.quiet || st.keptRef != nil {
		return
	}
	acquired := w.o.call != nil
	switch {
	case acquired && st.held > 0:
		w.leaks++
		at, verb := w.o.call.Pos(), "returned by "+w.callee(w.o.call)
		if st.retain.IsValid() && st.held == 1 && st.some {
			at, verb = st.retain, "taken by Retain"
		}
		w.report(finding{"PG1001", at, "the reference " + verb + " is not released on the path that " + how + " at %s", pos, "the path ends here"})
	case !acquired && st.held > 1 && st.retain.IsValid():
		w.leaks++
		w.report(finding{"PG1001", st.retain, "the reference taken by Retain is not released on the path that " + how + " at %s", pos, "the path ends here"})
	}
}

// callee names what a call calls, for people.
func (w *walk) callee(c *ssa.Call) string {
	if f := c.Call.StaticCallee(); f != nil {
		return f.Name()
	}
	return "the call"
}

func (w *walk) leave(e effect) {
	if w.exits == unset || w.exits == e {
		w.exits = e
		return
	}
	w.exits = unknown
}

func (w *walk) report(f finding) {
	if !w.silent {
		w.found = append(w.found, f)
	}
}

// number gives every value of fn a number.
func (e *engine) number(fn *ssa.Function) map[ssa.Value]int {
	if ids := e.ids[fn]; ids != nil {
		return ids
	}
	ids := make(map[ssa.Value]int)
	add := func(v ssa.Value) { ids[v] = len(ids) + 1 }
	for _, p := range fn.Params {
		add(p)
	}
	for _, v := range fn.FreeVars {
		add(v)
	}
	for _, b := range fn.Blocks {
		for _, i := range b.Instrs {
			if v, ok := i.(ssa.Value); ok {
				add(v)
			}
		}
	}
	e.ids[fn] = ids
	return ids
}
