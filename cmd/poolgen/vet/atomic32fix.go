package vet

import (
	"go/ast"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
)

// alignField suggests how to make the 64-bit field v aligned everywhere: an atomic type where every use of it can be rewritten, or else a field
// without size before it, which raises the alignment of the struct. Structs that another package may write without field names stay.
func alignField(pass *analysis.Pass, v *types.Var) []analysis.SuggestedFix {
	file := fileOf(pass, v.Pos())
	if file == nil || v.Pkg() != pass.Pkg {
		return nil
	}
	spec, field := declaration(file, v)
	name := importName(file, "sync/atomic")
	if spec == nil || name == "" || spec.Name.IsExported() || unkeyed(pass, pass.TypesInfo.Defs[spec.Name]) {
		return nil
	}
	if edits := retype(pass, v, field, name); edits != nil {
		return []analysis.SuggestedFix{{Message: "make the field an atomic type", TextEdits: edits}}
	}
	at := field.Pos()
	if field.Doc != nil {
		at = field.Doc.Pos()
	}
	return []analysis.SuggestedFix{{
		Message:   "align the field to 8 bytes everywhere",
		TextEdits: []analysis.TextEdit{{Pos: at, End: at, NewText: []byte("_ [0]" + name + ".Int64 // aligns the next field to 8 bytes\n\t")}},
	}}
}

// declaration returns the struct and the field of it that declare v.
func declaration(file *ast.File, v *types.Var) (*ast.TypeSpec, *ast.Field) {
	var spec *ast.TypeSpec
	var field *ast.Field
	ast.Inspect(file, func(n ast.Node) bool {
		t, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		s, ok := t.Type.(*ast.StructType)
		if !ok {
			return true
		}
		for _, f := range s.Fields.List {
			for _, id := range f.Names {
				if id.Pos() == v.Pos() {
					spec, field = t, f
				}
			}
		}
		return true
	})
	return spec, field
}

func importName(file *ast.File, path string) string {
	for _, i := range file.Imports {
		if strings.Trim(i.Path.Value, "`\"") != path {
			continue
		}
		if i.Name == nil {
			return path[strings.LastIndex(path, "/")+1:]
		}
		if i.Name.Name != "." && i.Name.Name != "_" {
			return i.Name.Name
		}
	}
	return ""
}

// unkeyed reports whether the package writes a value of the named struct without field names, outside of generated code.
func unkeyed(pass *analysis.Pass, obj types.Object) bool {
	if obj == nil {
		return true
	}
	found := false
	for _, f := range pass.Files {
		if ast.IsGenerated(f) {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok || len(lit.Elts) == 0 {
				return true
			}
			if _, keyed := lit.Elts[0].(*ast.KeyValueExpr); keyed {
				return true
			}
			t := pass.TypesInfo.TypeOf(lit)
			if p, ok := t.Underlying().(*types.Pointer); ok {
				t = p.Elem()
			}
			if n := named(t); n != nil && n.Obj() == obj {
				found = true
			}
			return true
		})
	}
	return found
}

// retype returns the edits that give v an atomic type, or nil unless each use of it is the first argument of one of sync/atomic's functions.
func retype(pass *analysis.Pass, v *types.Var, field *ast.Field, name string) []analysis.TextEdit {
	typ, ok := field.Type.(*ast.Ident)
	if !ok || len(field.Names) != 1 || v.Exported() || typ.Name != "int64" && typ.Name != "uint64" {
		return nil
	}
	rewritable := make(map[*ast.Ident]*ast.CallExpr)
	for _, f := range pass.Files {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isAtomic64(pass, call) {
				return true
			}
			addr, ok := call.Args[0].(*ast.UnaryExpr)
			if !ok {
				return true
			}
			if sel, ok := addr.X.(*ast.SelectorExpr); ok {
				rewritable[sel.Sel] = call
			}
			return true
		})
	}
	edits := []analysis.TextEdit{{Pos: typ.Pos(), End: typ.End(), NewText: []byte(name + "." + strings.ToUpper(typ.Name[:1]) + typ.Name[1:])}}
	if typ.Name == "uint64" {
		edits[0].NewText = []byte(name + ".Uint64")
	}
	for id, obj := range pass.TypesInfo.Uses {
		if obj != v {
			continue
		}
		call := rewritable[id]
		if call == nil || call.Ellipsis.IsValid() {
			return nil
		}
		addr := call.Args[0].(*ast.UnaryExpr)
		op := atomic64.FindStringSubmatch(call.Fun.(*ast.SelectorExpr).Sel.Name)[1]
		end := call.Rparen
		if len(call.Args) > 1 {
			end = call.Args[1].Pos()
		}
		edits = append(edits,
			analysis.TextEdit{Pos: call.Pos(), End: addr.X.Pos()},
			analysis.TextEdit{Pos: addr.X.End(), End: end, NewText: []byte("." + op + "(")})
	}
	return edits
}
