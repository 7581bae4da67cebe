package vet

import (
	"go/ast"
	"go/token"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/astutil"
)

// deferRelease suggests a deferred release after the call that acquired a reference which no path releases, where that is
// safe: the call is a statement of the function's outermost block that names the reference, and the test of its error, if there
// is one, is the next and leaves.
func (e *engine) deferRelease(o *origin) []analysis.SuggestedFix {
	call := e.calls[o.call.Pos()]
	file := fileOf(e.pass, o.call.Pos())
	if call == nil || file == nil {
		return nil
	}
	path, _ := astutil.PathEnclosingInterval(file, call.Pos(), call.End())
	var assign *ast.AssignStmt
	var block *ast.BlockStmt
	for i, n := range path {
		if a, ok := n.(*ast.AssignStmt); ok && i+2 < len(path) {
			assign = a
			block, _ = path[i+1].(*ast.BlockStmt)
			switch path[i+2].(type) {
			case *ast.FuncDecl, *ast.FuncLit:
			default:
				return nil // in a loop, or where it is not always reached
			}
			break
		}
	}
	if assign == nil || block == nil || len(assign.Rhs) != 1 || assign.Rhs[0] != call || o.ref >= len(assign.Lhs) {
		return nil
	}
	id, ok := assign.Lhs[o.ref].(*ast.Ident)
	if !ok || id.Name == "_" {
		return nil
	}
	at := ast.Stmt(assign)
	if o.status >= 0 {
		status, ok := assign.Lhs[o.status].(*ast.Ident)
		if !ok || status.Name == "_" {
			return nil
		}
		next, ok := following(block, assign).(*ast.IfStmt)
		if !ok || next.Init != nil || next.Else != nil || !tests(next.Cond, status.Name) || !leaves(next.Body) {
			return nil
		}
		at = next
	}
	return []analysis.SuggestedFix{{
		Message:   "defer " + id.Name + ".Release()",
		TextEdits: []analysis.TextEdit{{Pos: at.End(), End: at.End(), NewText: []byte("\n\tdefer " + id.Name + ".Release()")}},
	}}
}

func following(b *ast.BlockStmt, s ast.Stmt) ast.Stmt {
	for i, x := range b.List {
		if x == s && i+1 < len(b.List) {
			return b.List[i+1]
		}
	}
	return nil
}

// tests reports whether cond says that there is no reference: err != nil or !ok.
func tests(cond ast.Expr, name string) bool {
	is := func(e ast.Expr, name string) bool {
		id, ok := e.(*ast.Ident)
		return ok && id.Name == name
	}
	switch c := cond.(type) {
	case *ast.BinaryExpr:
		return c.Op == token.NEQ && is(c.X, name) && is(c.Y, "nil")
	case *ast.UnaryExpr:
		return c.Op == token.NOT && is(c.X, name)
	}
	return false
}

func leaves(b *ast.BlockStmt) bool {
	if len(b.List) == 0 {
		return false
	}
	switch s := b.List[len(b.List)-1].(type) {
	case *ast.ReturnStmt:
		return true
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		if !ok {
			return false
		}
		switch f := call.Fun.(type) {
		case *ast.Ident:
			return f.Name == "panic"
		case *ast.SelectorExpr:
			return f.Sel.Name == "Fatal" || f.Sel.Name == "Fatalf" || f.Sel.Name == "Exit"
		}
	}
	return false
}
