package vet

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/constant"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
)

var atomic64 = regexp.MustCompile(`^(Add|And|CompareAndSwap|Load|Or|Store|Swap)(Int64|Uint64)$`)

// narrow lists the targets where an int64 is aligned to 4 bytes within a struct.
var narrow = [...]string{"arm", "386"}

// runAtomic32 checks the arguments of sync/atomic's 64-bit functions.
func runAtomic32(pass *analysis.Pass) (any, error) {
	var ds []analysis.Diagnostic
	fixed := make(map[*types.Var]bool)
	for _, f := range pass.Files {
		if !slices.ContainsFunc(narrow[:], func(arch string) bool { return builds(pass, f, arch) }) {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isAtomic64(pass, call) {
				return true
			}
			addr, ok := ast.Unparen(call.Args[0]).(*ast.UnaryExpr)
			if !ok || addr.Op != token.AND {
				return true
			}
			for _, arch := range narrow {
				l := locator{pass, types.SizesFor("gc", arch)}
				off, ok := l.offset(addr.X)
				if !ok || off%8 == 0 {
					continue
				}
				d := analysis.Diagnostic{Pos: addr.Pos(), End: addr.End(), Message: fmt.Sprintf(
					"%s is at offset %d on %s, where sync/atomic needs a multiple of 8: use %s", types.ExprString(addr.X), off, arch, betterType(call))}
				if sel, ok := ast.Unparen(addr.X).(*ast.SelectorExpr); ok {
					if v, ok := pass.TypesInfo.Uses[sel.Sel].(*types.Var); ok && !fixed[v] {
						fixed[v] = true
						d.SuggestedFixes = alignField(pass, v)
					}
				}
				ds = append(ds, d)
				break
			}
			return true
		})
	}
	report(pass, "PG1006", ds)
	return nil, nil
}

// isAtomic64 reports whether call calls a 64-bit function of sync/atomic.
func isAtomic64(pass *analysis.Pass, call *ast.CallExpr) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 || !atomic64.MatchString(sel.Sel.Name) {
		return false
	}
	f, ok := pass.TypesInfo.Uses[sel.Sel].(*types.Func)
	return ok && f.Pkg() != nil && f.Pkg().Path() == "sync/atomic"
}

func betterType(call *ast.CallExpr) string {
	if strings.HasSuffix(call.Fun.(*ast.SelectorExpr).Sel.Name, "Uint64") {
		return "atomic.Uint64"
	}
	return "atomic.Int64"
}

// locator finds where in its allocation an expression lies.
type locator struct {
	pass  *analysis.Pass
	sizes types.Sizes
}

// offset returns the distance of an addressable expression from a place that is sure to be aligned to 8 bytes: the start of what a
// pointer points to, or of a variable. In a slice it is that of the least aligned element.
func (l locator) offset(e ast.Expr) (int64, bool) {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident, *ast.StarExpr:
		return 0, true
	case *ast.SelectorExpr:
		s := l.pass.TypesInfo.Selections[e]
		if s == nil || s.Kind() != types.FieldVal {
			return 0, true // a variable of another package
		}
		t, off := s.Recv(), int64(0)
		if _, ptr := t.Underlying().(*types.Pointer); !ptr {
			var ok bool
			if off, ok = l.offset(e.X); !ok {
				return 0, false
			}
		}
		for _, i := range s.Index() {
			if p, ok := t.Underlying().(*types.Pointer); ok {
				t, off = p.Elem(), 0
			}
			st, ok := t.Underlying().(*types.Struct)
			if !ok || open(t, nil) {
				return 0, false
			}
			off += l.sizes.Offsetsof(fields(st))[i]
			t = st.Field(i).Type()
		}
		return off, true
	case *ast.IndexExpr:
		t, off := l.pass.TypesInfo.TypeOf(e.X), int64(0)
		var elem types.Type
		switch u := t.Underlying().(type) {
		case *types.Slice:
			elem = u.Elem()
		case *types.Pointer:
			a, ok := u.Elem().Underlying().(*types.Array)
			if !ok {
				return 0, false
			}
			elem = a.Elem()
		case *types.Array:
			elem = u.Elem()
			var ok bool
			if off, ok = l.offset(e.X); !ok {
				return 0, false
			}
		default:
			return 0, false
		}
		if open(elem, nil) {
			return 0, false
		}
		size := l.sizes.Sizeof(elem)
		if v := l.pass.TypesInfo.Types[e.Index].Value; v != nil {
			n, _ := constant.Int64Val(v)
			return off + n*size, true
		}
		if off%8 != 0 {
			return off, true
		}
		return off + size, true
	}
	return 0, false
}

func fields(s *types.Struct) []*types.Var {
	fs := make([]*types.Var, s.NumFields())
	for i := range fs {
		fs[i] = s.Field(i)
	}
	return fs
}

// open reports whether the size of t depends on a type parameter.
func open(t types.Type, seen []types.Type) bool {
	if slices.Contains(seen, t) {
		return false
	}
	seen = append(seen, t)
	switch u := t.(type) {
	case *types.TypeParam:
		return true
	default:
		switch u := u.Underlying().(type) {
		case *types.Struct:
			return slices.ContainsFunc(fields(u), func(f *types.Var) bool { return open(f.Type(), seen) })
		case *types.Array:
			return open(u.Elem(), seen)
		}
	}
	return false
}

// builds reports whether the file is part of a build for arch, on whatever system.
func builds(pass *analysis.Pass, f *ast.File, arch string) bool {
	name := strings.TrimSuffix(filepath.Base(pass.Fset.Position(f.FileStart).Filename), ".go")
	parts := strings.Split(strings.TrimSuffix(name, "_test"), "_")
	if last := parts[len(parts)-1]; len(parts) > 1 && isArchitecture(last) && last != arch {
		return false
	}
	for _, g := range f.Comments {
		if g.Pos() > f.Package {
			break
		}
		for _, c := range g.List {
			x, err := constraint.Parse(c.Text)
			if err != nil || !constraint.IsGoBuild(c.Text) {
				continue
			}
			if !x.Eval(func(tag string) bool { return !isArchitecture(tag) || tag == arch }) &&
				!x.Eval(func(tag string) bool { return tag == arch }) {
				return false
			}
		}
	}
	return true
}

// isArchitecture reports whether Go knows the name as an architecture in build constraints.
func isArchitecture(name string) bool {
	switch name {
	case "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x", "wasm":
		return true
	}
	return false
}
