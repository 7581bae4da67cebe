package vet

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/analysis"
)

// cacheLine is the least alignment of a block, in bytes.
const cacheLine = 64

// runPadding checks structs with a //poolgen:pool directive.
func runPadding(pass *analysis.Pass) (any, error) {
	var ds []analysis.Diagnostic
	for _, f := range pass.Files {
		if ast.IsGenerated(f) {
			continue
		}
		for _, d := range f.Decls {
			group, ok := d.(*ast.GenDecl)
			if !ok || group.Tok != token.TYPE {
				continue
			}
			for _, s := range group.Specs {
				spec := s.(*ast.TypeSpec)
				options, ok := poolDirective(spec.Doc)
				if !ok && !group.Lparen.IsValid() {
					options, ok = poolDirective(group.Doc)
				}
				if ok {
					ds = append(ds, padding(pass, f, spec, options)...)
				}
			}
		}
	}
	report(pass, "PG1008", ds)
	return nil, nil
}

// poolDirective returns the options of a //poolgen:pool directive.
func poolDirective(doc *ast.CommentGroup) ([]string, bool) {
	if doc == nil {
		return nil, false
	}
	for _, c := range doc.List {
		if rest, ok := strings.CutPrefix(c.Text, "//poolgen:pool"); ok && (rest == "" || rest[0] == ' ' || rest[0] == '\t') {
			return strings.Fields(rest), true
		}
	}
	return nil, false
}

func padding(pass *analysis.Pass, file *ast.File, spec *ast.TypeSpec, options []string) []analysis.Diagnostic {
	obj := pass.TypesInfo.Defs[spec.Name]
	syntax, ok := spec.Type.(*ast.StructType)
	if obj == nil || !ok || spec.TypeParams != nil {
		return nil
	}
	st, ok := obj.Type().Underlying().(*types.Struct)
	if !ok || st.NumFields() < 2 || open(obj.Type(), nil) || laidOut(st) {
		return nil
	}
	now := fields(st)
	then := reorder(now)
	worst := ""
	for _, arch := range []string{"amd64", "arm"} {
		a, b := blockSize(now, arch, options), blockSize(then, arch, options)
		if b < a {
			worst = fmt.Sprintf("blocks of %s have %d bytes on %s; with its fields in another order, %d", spec.Name.Name, a, arch, b)
			break
		}
	}
	if worst == "" {
		return nil
	}
	d := analysis.Diagnostic{Pos: spec.Name.Pos(), End: spec.Name.End(), Message: worst}
	switch {
	case spec.Name.IsExported():
		d.Message += "; reorder them by hand, since other packages may write the struct without field names"
	case unkeyed(pass, obj):
		d.Message += "; reorder them by hand, since this package writes the struct without field names"
	default:
		d.SuggestedFixes = reorderFix(pass, file, syntax, then)
	}
	return []analysis.Diagnostic{d}
}

// laidOut reports whether tags of the fields say where they lie.
func laidOut(st *types.Struct) bool {
	for i := range st.NumFields() {
		for _, opt := range strings.Split(reflect.StructTag(st.Tag(i)).Get("poolgen"), ",") {
			switch name, _, _ := strings.Cut(opt, "="); strings.TrimSpace(name) {
			case "align", "cacheline", "payload":
				return true
			}
		}
	}
	return false
}

// reorder returns the fields sorted so that none needs padding before it: by alignment, largest first, and otherwise as they are.
func reorder(fs []*types.Var) []*types.Var {
	sizes := types.SizesFor("gc", "amd64") // a 64-bit field is aligned to 8 bytes by poolgen on every target
	out := slices.Clone(fs)
	slices.SortStableFunc(out, func(a, b *types.Var) int {
		za, zb := sizes.Sizeof(a.Type()) == 0, sizes.Sizeof(b.Type()) == 0
		if za != zb { // a field without size at the end would cost a byte
			if za {
				return -1
			}
			return 1
		}
		return int(sizes.Alignof(b.Type()) - sizes.Alignof(a.Type()))
	})
	return out
}

// blockSize returns how many bytes a block of a struct with these fields takes.
func blockSize(fs []*types.Var, arch string, options []string) int64 {
	t := types.NewStruct(fs, nil)
	if pointers(t) { // on the Go heap
		return types.SizesFor("gc", arch).Sizeof(t)
	}
	size, align := types.SizesFor("gc", "amd64").Sizeof(t), int64(cacheLine)
	for _, o := range options {
		if v, ok := strings.CutPrefix(o, "align="); ok {
			unit := int64(1)
			for suffix, n := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20} {
				if cut, ok := strings.CutSuffix(v, suffix); ok {
					v, unit = cut, n
				}
			}
			if n, err := strconv.ParseInt(v, 10, 32); err == nil && n > 0 {
				align = max(align, n*unit)
			}
		}
	}
	return (size + align - 1) / align * align
}

// pointers reports whether t holds what only the Go heap can hold.
func pointers(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return u.Kind() == types.String || u.Kind() == types.UnsafePointer
	case *types.Array:
		return pointers(u.Elem())
	case *types.Struct:
		for f := range u.Fields() {
			if pointers(f.Type()) {
				return true
			}
		}
		return false
	}
	return true
}

// reorderFix moves the fields with their comments and tags. It declines where it cannot tell what belongs together: two fields on one
// line, or a comment that stands by itself.
func reorderFix(pass *analysis.Pass, file *ast.File, st *ast.StructType, order []*types.Var) []analysis.SuggestedFix {
	src, err := pass.ReadFile(pass.Fset.Position(file.FileStart).Filename)
	if err != nil {
		return nil
	}
	offset := func(p token.Pos) int { return pass.Fset.Position(p).Offset }
	line := func(p token.Pos) int { return pass.Fset.Position(p).Line }
	chunk := make(map[token.Pos]*ast.Field) // by the place of a name
	mine := make(map[*ast.CommentGroup]bool)
	last := line(st.Fields.Opening)
	for _, f := range st.Fields.List {
		from, to := extent(f)
		if line(from) <= last {
			return nil
		}
		last = line(to)
		mine[f.Doc], mine[f.Comment] = true, true
		if len(f.Names) == 0 {
			chunk[embeddedName(f.Type)] = f
		}
		for _, n := range f.Names {
			chunk[n.Pos()] = f
		}
	}
	if last >= line(st.Fields.Closing) {
		return nil
	}
	for _, g := range file.Comments {
		if line(g.Pos()) > line(st.Fields.Opening) && g.End() < st.Fields.Closing && !mine[g] && !within(st.Fields.List, g) {
			return nil
		}
	}
	var out [][]byte
	done := make(map[*ast.Field]bool)
	for _, v := range order {
		f := chunk[v.Pos()]
		if f == nil {
			return nil
		}
		if !done[f] {
			done[f] = true
			from, to := extent(f)
			out = append(out, bytes.TrimSpace(src[offset(from):offset(to)]))
		}
	}
	if len(done) != len(st.Fields.List) {
		return nil
	}
	first, _ := extent(st.Fields.List[0])
	_, end := extent(st.Fields.List[len(st.Fields.List)-1])
	return []analysis.SuggestedFix{{
		Message:   "reorder the fields",
		TextEdits: []analysis.TextEdit{{Pos: first, End: end, NewText: bytes.Join(out, []byte("\n\t"))}},
	}}
}

// within reports whether the comment lies inside a field, such as in the type of a nested struct.
func within(fs []*ast.Field, g *ast.CommentGroup) bool {
	return slices.ContainsFunc(fs, func(f *ast.Field) bool { return f.Pos() <= g.Pos() && g.End() <= f.End() })
}

// extent returns where a field begins and ends with its comments.
func extent(f *ast.Field) (from, to token.Pos) {
	from, to = f.Pos(), f.End()
	if f.Doc != nil {
		from = f.Doc.Pos()
	}
	if f.Comment != nil {
		to = f.Comment.End()
	}
	return from, to
}

func embeddedName(x ast.Expr) token.Pos {
	switch x := x.(type) {
	case *ast.StarExpr:
		return embeddedName(x.X)
	case *ast.SelectorExpr:
		return x.Sel.Pos()
	case *ast.IndexExpr:
		return embeddedName(x.X)
	}
	return x.Pos()
}
