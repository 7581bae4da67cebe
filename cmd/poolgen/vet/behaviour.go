package vet

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ssa"
)

// effect is what a function does to a reference that it is passed.
type effect uint8

const (
	unset    effect = iota
	unknown         // keeps it, gives it away, or differs between paths
	borrows         // only reads: the caller still owes what it owed
	releases        // gives back one reference on every path
)

// behaviour is the fact by which packages that import a function know it.
type behaviour struct {
	Params []effect // of the receiver first, if there is one
	Owned  []bool   // the results that the caller owes a release for
}

// AFact marks behaviour as a fact.
func (*behaviour) AFact() {}

func (b *behaviour) String() string {
	s := "poolrefs:"
	for _, p := range b.Params {
		s += [...]string{"-", "?", "borrows", "releases"}[p] + ","
	}
	for _, o := range b.Owned {
		if o {
			s += "owned,"
		}
	}
	return s
}

type capture struct {
	fn *ssa.Function
	i  int
}

// publish exports what importers of fn's package need to know of it.
func (e *engine) publish(fn *ssa.Function) {
	obj, ok := fn.Object().(*types.Func)
	if !ok || obj.Pkg() != e.pass.Pkg {
		return
	}
	b := e.behaviour(fn)
	worth := false
	for _, p := range b.Params {
		worth = worth || p > unknown
	}
	for _, o := range b.Owned {
		worth = worth || o
	}
	if worth {
		e.pass.ExportObjectFact(obj, b)
	}
}

// behaviour finds out what fn does, which has a body.
func (e *engine) behaviour(fn *ssa.Function) *behaviour {
	if b := e.known[fn]; b != nil {
		return b
	}
	if e.busy[fn] {
		return &behaviour{} // it calls itself: nothing is said
	}
	e.busy[fn] = true
	defer delete(e.busy, fn)
	b := &behaviour{Params: make([]effect, len(fn.Params))}
	for i, p := range fn.Params {
		if isRef(p.Type()) {
			b.Params[i] = e.summary(fn, &origin{value: p})
		}
	}
	res := fn.Signature.Results()
	b.Owned = make([]bool, res.Len())
	for i := range b.Owned {
		b.Owned[i] = isRef(res.At(i).Type()) && e.returnsOwned(fn, i)
	}
	e.known[fn] = b
	return b
}

func (e *engine) summary(fn *ssa.Function, o *origin) effect {
	w := e.walk(fn, o)
	w.silent = true
	if !w.run() || w.exits == unset {
		return unknown
	}
	return w.exits
}

// captures returns what a closure does to the reference in its i-th captured variable.
func (e *engine) captures(fn *ssa.Function, i int) effect {
	key := capture{fn, i}
	if does, ok := e.free[key]; ok {
		return does
	}
	e.free[key] = unknown // while it is being found out
	if i >= len(fn.FreeVars) || len(fn.Blocks) == 0 {
		return unknown
	}
	w := &walk{e: e, fn: fn, ids: e.number(fn)}
	does := e.summary(fn, &origin{cell: w.addr(fn.FreeVars[i])})
	e.free[key] = does
	return does
}

// declared returns the function that callee is or is an instance of.
func declared(callee *ssa.Function) *ssa.Function {
	if o := callee.Origin(); o != nil {
		return o
	}
	return callee
}

// of returns the behaviour of callee, or nil where nothing is known.
func (e *engine) of(callee *ssa.Function) *behaviour {
	if callee == nil {
		return nil
	}
	fn := declared(callee)
	obj := function(callee)
	if obj == nil || obj.Pkg() == e.pass.Pkg {
		if len(fn.Blocks) > 0 && (obj != nil || fn.Parent() != nil) {
			return e.behaviour(fn)
		}
		return nil
	}
	b := new(behaviour)
	if e.pass.ImportObjectFact(obj, b) {
		return b
	}
	return nil
}

func (e *engine) effectsOf(callee *ssa.Function) []effect {
	if callee == nil {
		return nil
	}
	if f := function(callee); f != nil && f.Pkg() != nil && f.Pkg().Path() == "runtime" && f.Name() == "KeepAlive" {
		return []effect{borrows}
	}
	if b := e.of(callee); b != nil {
		return b.Params
	}
	return nil
}

func (e *engine) ownedBy(callee *ssa.Function) []bool {
	if callee == nil {
		return nil
	}
	if f := function(callee); f != nil {
		if refMethod(f) == "Retain" {
			return nil // followed together with what it was called on
		}
		if acquires(f) {
			return []bool{true, false}
		}
	}
	if b := e.of(callee); b != nil {
		return b.Owned
	}
	return nil
}

// returnsOwned reports whether each return of fn has as i-th result nothing, or a reference that was acquired for the caller.
func (e *engine) returnsOwned(fn *ssa.Function, i int) bool {
	owned := false
	for _, b := range fn.Blocks {
		ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
		if !ok {
			continue
		}
		switch e.source(ret.Results[i], make(map[ssa.Value]bool)) {
		case fresh:
			owned = true
		case foreign:
			return false
		}
	}
	if !owned {
		return false
	}
	// What fn also stored or passed on may be another's by now.
	for _, b := range fn.Blocks {
		for _, i := range b.Instrs {
			call, ok := i.(*ssa.Call)
			if !ok {
				continue
			}
			for _, o := range e.acquired(call) {
				w := e.walk(fn, o)
				w.silent = true
				if !w.run() || w.gave {
					return false
				}
			}
		}
	}
	return true
}

// source is where a result comes from.
type source uint8

const (
	zero    source = iota // it is the zero value
	fresh                 // it was acquired
	foreign               // it is somebody else's
)

func (e *engine) source(v ssa.Value, seen map[ssa.Value]bool) source {
	if seen[v] {
		return zero
	}
	seen[v] = true
	all := func(vs []ssa.Value) source {
		worst := zero
		for _, v := range vs {
			worst = max(worst, e.source(v, seen))
		}
		return worst
	}
	switch v := v.(type) {
	case *ssa.Const:
		return zero
	case *ssa.Phi:
		return all(v.Edges)
	case *ssa.ChangeType:
		return e.source(v.X, seen)
	case *ssa.Extract:
		if call, ok := v.Tuple.(*ssa.Call); ok {
			return e.result(call, v.Index)
		}
	case *ssa.Call:
		return e.result(v, 0)
	case *ssa.UnOp:
		a, ok := v.X.(*ssa.Alloc)
		if !ok {
			return foreign
		}
		var stored []ssa.Value
		for _, r := range *a.Referrers() {
			switch r := r.(type) {
			case *ssa.Store:
				if r.Addr != a {
					return foreign
				}
				stored = append(stored, r.Val)
			case *ssa.UnOp:
			default:
				return foreign
			}
		}
		return all(stored)
	}
	return foreign
}

func (e *engine) result(call *ssa.Call, i int) source {
	callee := call.Call.StaticCallee()
	if callee == nil {
		return foreign
	}
	if refMethod(function(callee)) == "Retain" {
		return fresh
	}
	if owned := e.ownedBy(callee); i < len(owned) && owned[i] {
		return fresh
	}
	return foreign
}

func deref(t types.Type) types.Type {
	if p, ok := t.Underlying().(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}

func funcOf(pass *analysis.Pass, d *ast.FuncDecl) *types.Func {
	f, _ := pass.TypesInfo.Defs[d.Name].(*types.Func)
	return f
}
