package vet

import (
	"fmt"
	"go/ast"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"
	"golang.org/x/tools/go/ssa"
)

// findings is what following every reference of a package found.
type findings struct {
	byCode map[string][]analysis.Diagnostic
}

func (f *findings) of(code string) []analysis.Diagnostic { return f.byCode[code] }

// refsAnalyzer follows references; the analyzers of PG1001 to PG1005 report what it finds.
func refsAnalyzer() *analysis.Analyzer {
	return &analysis.Analyzer{
		Name:       "poolrefs",
		Doc:        "follow references to pooled buffers along every path of every function, for other analyzers",
		URL:        url,
		Run:        runRefs,
		Requires:   []*analysis.Analyzer{ctrlflow.Analyzer},
		ResultType: reflect.TypeFor[*findings](),
		FactTypes:  []analysis.Fact{new(behaviour)},
	}
}

// engine follows the references of one package.
type engine struct {
	pass  *analysis.Pass
	out   *findings
	seen  map[string]bool
	ids   map[*ssa.Function]map[ssa.Value]int
	known map[*ssa.Function]*behaviour
	busy  map[*ssa.Function]bool
	free  map[capture]effect
	calls map[token.Pos]*ast.CallExpr // by the place of the left parenthesis
	blank map[result]bool             // those assigned to _
}

// result is the i-th result of the call whose left parenthesis is at paren.
type result struct {
	paren token.Pos
	i     int
}

func runRefs(pass *analysis.Pass) (any, error) {
	out := &findings{byCode: make(map[string][]analysis.Diagnostic)}
	// The package that implements references handles them by rules of its own.
	own := strings.TrimSuffix(pass.Pkg.Path(), "_test")
	if own == poolPath || !reaches(pass.Pkg, poolPath) {
		return out, nil
	}
	e := &engine{
		pass:  pass,
		out:   out,
		seen:  make(map[string]bool),
		ids:   make(map[*ssa.Function]map[ssa.Value]int),
		known: make(map[*ssa.Function]*behaviour),
		busy:  make(map[*ssa.Function]bool),
		free:  make(map[capture]effect),
		calls: make(map[token.Pos]*ast.CallExpr),
		blank: make(map[result]bool),
	}
	e.syntax()
	fns := build(pass)
	for _, fn := range fns {
		e.publish(fn)
	}
	for _, fn := range fns {
		e.function(fn)
	}
	for _, ds := range out.byCode {
		slices.SortStableFunc(ds, func(a, b analysis.Diagnostic) int { return int(a.Pos) - int(b.Pos) })
	}
	return out, nil
}

// build makes the static single assignment form of the package. It is not shared with others through the buildssa pass, because that would
// build the form of every package in the dependencies too, most of which never saw a buffer.
func build(pass *analysis.Pass) []*ssa.Function {
	prog := ssa.NewProgram(pass.Fset, 0)
	prog.SetNoReturn(pass.ResultOf[ctrlflow.Analyzer].(*ctrlflow.CFGs).NoReturn)
	for _, p := range pass.Pkg.Imports() {
		prog.CreatePackage(p, nil, nil, true)
	}
	prog.CreatePackage(pass.Pkg, pass.Files, pass.TypesInfo, false).Build()
	var fns []*ssa.Function
	var add func(fn *ssa.Function)
	add = func(fn *ssa.Function) {
		if len(fn.Blocks) > 0 {
			fns = append(fns, fn)
		}
		for _, a := range fn.AnonFuncs {
			add(a)
		}
	}
	for _, f := range pass.Files {
		for _, d := range f.Decls {
			if d, ok := d.(*ast.FuncDecl); ok {
				if fn := prog.FuncValue(funcOf(pass, d)); fn != nil {
					add(fn)
				}
			}
		}
	}
	return fns
}

// syntax notes what the static single assignment form does not tell.
func (e *engine) syntax() {
	for _, f := range e.pass.Files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				e.calls[n.Lparen] = n
			case *ast.AssignStmt:
				call, ok := n.Rhs[0].(*ast.CallExpr)
				if !ok || len(n.Rhs) != 1 {
					break
				}
				for i, x := range n.Lhs {
					if id, ok := x.(*ast.Ident); ok && id.Name == "_" {
						e.blank[result{call.Lparen, i}] = true
					}
				}
			}
			return true
		})
	}
}

// function follows every reference that comes into fn.
func (e *engine) function(fn *ssa.Function) {
	for _, o := range e.origins(fn) {
		w := e.walk(fn, o)
		if !w.run() {
			continue
		}
		for _, f := range w.found {
			e.report(w, f)
		}
	}
}

// origins lists the references that come into fn: results of calls, and where fn retains or releases any, what it was passed or found.
func (e *engine) origins(fn *ssa.Function) []*origin {
	var acquired, found []*origin
	handles := false
	for _, p := range fn.Params {
		if isRef(p.Type()) {
			found = append(found, &origin{value: p})
		}
	}
	w := &walk{e: e, fn: fn, ids: e.number(fn)}
	for _, v := range fn.FreeVars {
		if isRef(deref(v.Type())) {
			found = append(found, &origin{cell: w.addr(v)})
		}
	}
	for _, b := range fn.Blocks {
		for _, i := range b.Instrs {
			if c, ok := i.(ssa.CallInstruction); ok {
				switch refMethod(function(c.Common().StaticCallee())) {
				case "Release", "Retain":
					handles = true
				}
			}
			if mc, ok := i.(*ssa.MakeClosure); ok && len(mc.Bindings) > 0 {
				handles = true
			}
			call, ok := i.(*ssa.Call)
			if !ok {
				switch v := i.(type) {
				case *ssa.UnOp, *ssa.Lookup, *ssa.Field, *ssa.TypeAssert:
					if v := v.(ssa.Value); isRef(v.Type()) && !fromVariable(v) {
						found = append(found, &origin{value: v})
					}
				case *ssa.Extract:
					if _, isCall := v.Tuple.(*ssa.Call); !isCall && isRef(v.Type()) {
						found = append(found, &origin{value: v})
					}
				}
				continue
			}
			acquired = append(acquired, e.acquired(call)...)
		}
	}
	if handles {
		acquired = append(acquired, found...)
	}
	return acquired
}

// fromVariable reports whether v is the content of a variable of the function, which is followed from where it was stored.
func fromVariable(v ssa.Value) bool {
	u, ok := v.(*ssa.UnOp)
	return ok && variable(u.X)
}

// acquired lists the references that the caller owes a release for after call.
func (e *engine) acquired(call *ssa.Call) []*origin {
	owned := e.ownedBy(call.Call.StaticCallee())
	res := call.Call.Signature().Results()
	status := -1
	for i := range res.Len() {
		if t := res.At(i).Type(); isError(t) || isBool(t) && i == res.Len()-1 {
			status = i
		}
	}
	var out []*origin
	for i, own := range owned {
		if own && !e.onlyError(call, i, status) {
			out = append(out, &origin{call: call, ref: i, status: status})
		}
	}
	return out
}

// onlyError reports whether the i-th result of call is discarded by a caller who does more with the error than return it, as a test does
// that wants one.
func (e *engine) onlyError(call *ssa.Call, i, status int) bool {
	if !e.blank[result{call.Pos(), i}] {
		return false
	}
	for _, r := range *call.Referrers() {
		x, ok := r.(*ssa.Extract)
		if !ok || x.Index != status {
			continue
		}
		for _, r := range *x.Referrers() {
			if _, ok := r.(*ssa.Return); !ok {
				return true
			}
		}
	}
	return false
}

func (e *engine) report(w *walk, f finding) {
	key := fmt.Sprint(f.code, f.pos)
	if e.seen[key] || !f.pos.IsValid() {
		return
	}
	e.seen[key] = true
	d := analysis.Diagnostic{Pos: e.start(f.pos), Message: fmt.Sprintf(f.text, e.at(f.pos, f.also))}
	if f.also.IsValid() {
		d.Related = []analysis.RelatedInformation{{Pos: e.start(f.also), Message: f.note}}
	}
	if f.code == "PG1001" && w.o.call != nil && f.pos == w.o.call.Pos() {
		if w.safe && w.exit == w.leaks {
			d.SuggestedFixes = e.deferRelease(w.o)
		}
	}
	e.out.byCode[f.code] = append(e.out.byCode[f.code], d)
}

// start returns where the call whose left parenthesis is at pos begins, or pos.
func (e *engine) start(pos token.Pos) token.Pos {
	if c := e.calls[pos]; c != nil {
		return c.Pos()
	}
	return pos
}

// at says where pos is, seen from a finding.
func (e *engine) at(from, pos token.Pos) string {
	if !pos.IsValid() {
		return "its end"
	}
	a, b := e.pass.Fset.Position(from), e.pass.Fset.Position(pos)
	if a.Filename == b.Filename {
		return fmt.Sprint("line ", b.Line)
	}
	return fmt.Sprint(filepath.Base(b.Filename), ":", b.Line)
}
