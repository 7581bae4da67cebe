package vet

import (
	"fmt"
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
)

// runCopies checks that pools stay behind pointers and that pooled values with atomics stay in their blocks.
func runCopies(pass *analysis.Pass, refs *analysis.Analyzer) (any, error) {
	ds := append([]analysis.Diagnostic(nil), pass.ResultOf[refs].(*findings).of("PG1007")...)
	if pass.Pkg.Path() == poolPath || !reaches(pass.Pkg, poolPath) {
		return nil, nil
	}
	c := copies{pass: pass, pooled: make(map[types.Type]bool)}
	for _, inst := range pass.TypesInfo.Instances {
		if isPooling(inst.Type) && inst.TypeArgs.Len() > 0 {
			c.pooled[types.Unalias(inst.TypeArgs.At(0))] = true
		}
	}
	for _, f := range pass.Files {
		ast.Inspect(f, func(n ast.Node) bool {
			c.node(n)
			return true
		})
	}
	report(pass, "PG1007", append(ds, c.found...))
	return nil, nil
}

func isPooling(t types.Type) bool { return isRef(t) || isHandleOwner(t) }

type copies struct {
	pass   *analysis.Pass
	pooled map[types.Type]bool // by type argument
	found  []analysis.Diagnostic
}

func (c *copies) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		for i, x := range n.Rhs {
			if id, ok := n.Lhs[i].(*ast.Ident); ok && id.Name == "_" {
				continue
			}
			c.value(x)
		}
	case *ast.ValueSpec:
		for i, x := range n.Values {
			if n.Names[i].Name != "_" {
				c.value(x)
			}
		}
	case *ast.CallExpr:
		if tv := c.pass.TypesInfo.Types[n.Fun]; tv.IsBuiltin() || tv.IsType() {
			return // unsafe.Sizeof and such
		}
		for _, x := range n.Args {
			c.value(x)
		}
	case *ast.ReturnStmt:
		for _, x := range n.Results {
			c.value(x)
		}
	case *ast.CompositeLit:
		for _, x := range n.Elts {
			if kv, ok := x.(*ast.KeyValueExpr); ok {
				x = kv.Value
			}
			c.value(x)
		}
	case *ast.SendStmt:
		c.value(n.Value)
	case *ast.RangeStmt:
		if id, ok := n.Value.(*ast.Ident); ok && id.Name != "_" {
			if t := c.pass.TypesInfo.TypeOf(id); t != nil {
				c.check(id, t)
			}
		}
	case *ast.FuncDecl:
		c.signature(n.Recv)
		c.signature(n.Type.Params)
		c.signature(n.Type.Results)
	case *ast.FuncLit:
		c.signature(n.Type.Params)
		c.signature(n.Type.Results)
	}
}

// signature checks that no parameter or result is a pool by value.
func (c *copies) signature(l *ast.FieldList) {
	if l == nil {
		return
	}
	for _, f := range l.List {
		if t := c.pass.TypesInfo.TypeOf(f.Type); t != nil && isHandleOwner(t) {
			c.found = append(c.found, analysis.Diagnostic{Pos: f.Type.Pos(), End: f.Type.End(), Message: fmt.Sprintf(
				"%s is passed by value: pass a pointer", c.name(t))})
		}
	}
}

// value checks an expression whose value is copied.
func (c *copies) value(x ast.Expr) {
	switch ast.Unparen(x).(type) {
	case *ast.StarExpr, *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
	default:
		return // a new value
	}
	tv, ok := c.pass.TypesInfo.Types[x]
	if !ok || !tv.IsValue() {
		return
	}
	c.check(x, tv.Type)
}

func (c *copies) check(x ast.Expr, t types.Type) {
	switch {
	case isHandleOwner(t):
		c.found = append(c.found, analysis.Diagnostic{Pos: x.Pos(), End: x.End(), Message: fmt.Sprintf("%s is copied: keep the pointer", c.name(t))})
	case c.pooled[types.Unalias(t)] || fromValue(c.pass, x):
		if member := unshareable(t, nil); member != "" {
			c.found = append(c.found, analysis.Diagnostic{Pos: x.Pos(), End: x.End(), Message: fmt.Sprintf(
				"a pooled %s is copied with its %s: copy the fields that are wanted, atomic ones with Load", c.name(t), member)})
		}
	}
}

func (c *copies) name(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		if p == c.pass.Pkg {
			return ""
		}
		return p.Name()
	})
}

// fromValue reports whether x is *ref.Value().
func fromValue(pass *analysis.Pass, x ast.Expr) bool {
	star, ok := ast.Unparen(x).(*ast.StarExpr)
	if !ok {
		return false
	}
	call, ok := ast.Unparen(star.X).(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	f, _ := pass.TypesInfo.Uses[sel.Sel].(*types.Func)
	return refMethod(f) == "Value"
}

// unshareable returns what in t forbids to copy it, such as "atomic.Int64", or "".
func unshareable(t types.Type, seen []types.Type) string {
	for _, s := range seen {
		if s == t {
			return ""
		}
	}
	seen = append(seen, t)
	if n := named(t); n != nil && n.Obj().Pkg() != nil {
		_, isStruct := n.Underlying().(*types.Struct)
		if path := n.Obj().Pkg().Path(); isStruct && (path == "sync/atomic" || path == "sync") {
			return n.Obj().Pkg().Name() + "." + n.Obj().Name()
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Struct:
		for f := range u.Fields() {
			if m := unshareable(f.Type(), seen); m != "" {
				return m
			}
		}
	case *types.Array:
		return unshareable(u.Elem(), seen)
	}
	return ""
}
