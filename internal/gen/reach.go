package gen

import (
	"go/ast"
	"go/token"
	"path"
	"strconv"
	"strings"
)

// reach finds which declarations the annotated structs are made of, by name and without types. Only the packages that hold one are
// then parsed and type-checked: a struct rarely needs more than one or two of all that its package imports.
type reach struct {
	fset  *token.FileSet
	texts *sources
	pkgs  map[string]*listed // all that the go command named, by import path
	nodes map[string]*node   // those that are needed
	work  []need
	loops map[token.Pos]bool // names of types that contain themselves
}

// node is a package that is needed.
type node struct {
	*listed
	syntax []*ast.File
	decls  map[string][]place
	marked map[string]bool
	errs   []error // of reading and parsing
	unit   *unit
	busy   bool // its types are being checked
}

// place is a declaration and the file that it stands in, whose imports give names their meaning.
type place struct {
	node ast.Node
	file *ast.File
}

type need struct {
	node *node
	at   place
}

// parse parses a package. The files are parsed in order, because the order of positions decides that of constants in C.
func (r *reach) parse(p *listed) *node {
	n := &node{listed: p, decls: map[string][]place{}, marked: map[string]bool{}}
	for _, name := range p.files() {
		f, err := r.texts.parse(r.fset, name)
		if err != nil {
			n.errs = append(n.errs, err)
		}
		if f != nil && f.Name != nil {
			n.syntax = append(n.syntax, f)
		}
	}
	return n
}

// add makes the names of a parsed package known; all of its constants are wanted, because those of a wanted type are.
func (r *reach) add(n *node) {
	r.nodes[n.ImportPath] = n
	for _, f := range n.syntax {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range g.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					n.decls[s.Name.Name] = append(n.decls[s.Name.Name], place{s, f})
				case *ast.ValueSpec:
					for _, name := range s.Names {
						// A constant without a value repeats the one before it, so the group is one whole.
						n.decls[name.Name] = append(n.decls[name.Name], place{g, f})
					}
				}
			}
			if g.Tok == token.CONST {
				r.work = append(r.work, need{n, place{g, f}})
			}
		}
	}
}

// addAnnotated adds a package of which all annotated structs are wanted.
func (r *reach) addAnnotated(n *node) {
	r.add(n)
	for _, f := range n.syntax {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, s := range g.Specs {
				if spec := s.(*ast.TypeSpec); hasDirective(spec.Doc) || hasDirective(g.Doc) {
					r.mark(n, spec.Name.Name)
				}
			}
		}
	}
}

func hasDirective(doc *ast.CommentGroup) bool {
	if doc == nil {
		return false
	}
	for _, c := range doc.List {
		if strings.HasPrefix(c.Text, "//poolgen:") {
			return true
		}
	}
	return false
}

// mark asks for a name of a package, and tells whether it has it.
func (r *reach) mark(n *node, name string) bool {
	places, ok := n.decls[name]
	if ok && !n.marked[name] {
		n.marked[name] = true
		for _, p := range places {
			r.work = append(r.work, need{n, p})
		}
	}
	return ok
}

// follow marks all that the marked declarations name, and what those name.
func (r *reach) follow() {
	for len(r.work) > 0 {
		w := r.work[len(r.work)-1]
		r.work = r.work[:len(r.work)-1]
		ast.Inspect(w.at.node, func(x ast.Node) bool {
			switch x := x.(type) {
			case *ast.FuncLit:
				return false
			case *ast.SelectorExpr:
				if id, ok := x.X.(*ast.Ident); ok {
					if _, own := w.node.decls[id.Name]; !own {
						r.markImported(w, id.Name, x.Sel.Name)
						return false
					}
				}
			case *ast.Ident:
				if !r.mark(w.node, x.Name) {
					r.markImported(w, ".", x.Name)
				}
			}
			return true
		})
	}
}

// markImported marks name in the packages that the file imports as local.
func (r *reach) markImported(w need, local, name string) {
	for _, spec := range w.at.file.Imports {
		p := r.imported(w.node.listed, spec)
		if p == nil {
			continue
		}
		as := p.Name
		if spec.Name != nil {
			as = spec.Name.Name
		} else if as == "" {
			as = path.Base(p.ImportPath)
		}
		if as != local {
			continue
		}
		n := r.nodes[p.ImportPath]
		if n == nil {
			n = r.parse(p)
			r.add(n)
		}
		r.mark(n, name)
	}
}

// imported is the package that an import declaration in p names, or nil.
func (r *reach) imported(p *listed, spec *ast.ImportSpec) *listed {
	name, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return nil
	}
	return r.pkgs[p.resolve(name)]
}

// resolve is the full path of what p imports as name.
func (p *listed) resolve(name string) string {
	if to, ok := p.ImportMap[name]; ok {
		return to
	}
	return name
}
