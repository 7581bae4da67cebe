package gen

import (
	"fmt"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/dave/jennifer/jen"
)

const (
	dlPath     = "github.com/poolgen/poolgen/runtime/dl"
	fmtPath    = "fmt"
	errorsPath = "errors"
)

// bindFiles renders the two sides of the bindings of a file: with cgo and without.
func (f *file) bindFiles() (cgo, nocgo []byte, err error) {
	render := func(constraint string, emit func(*jen.File, *bindModel) error) ([]byte, error) {
		out := jen.NewFilePathName(f.pkg.Path(), f.pkg.Name())
		f.begin(out, constraint)
		f.nameBindImports(out)
		for _, m := range f.binds {
			if err := emit(out, m); err != nil {
				return nil, err
			}
		}
		return f.rendered(out)
	}
	if cgo, err = render("cgo", f.emitCgo); err != nil {
		return nil, nil, err
	}
	nocgo, err = render("!cgo", f.emitNocgo)
	return cgo, nocgo, err
}

// nameBindImports gives every package that may be imported a name that the annotated package does not declare itself.
func (f *file) nameBindImports(out *jen.File) {
	list := []*types.Package{types.NewPackage(dlPath, "dl"), types.NewPackage(fmtPath, "fmt"), types.NewPackage(errorsPath, "errors"), types.NewPackage(unsafePath, "unsafe")}
	for _, m := range f.binds {
		for _, c := range m.calls {
			for _, p := range c.params {
				list = packagesOf(p.typ, list)
			}
			if c.result != nil {
				list = packagesOf(c.result, list)
			}
		}
	}
	f.used = f.usedNames()
	f.imported = map[string]bool{"C": true}
	for _, p := range list {
		name := f.free(p.Name())
		for (f.imported[name] || f.used[name]) && p != f.pkg {
			name = f.free(name + "_")
		}
		if name != p.Name() {
			out.ImportAlias(p.Path(), name)
		} else if p != f.pkg {
			out.ImportName(p.Path(), name)
		}
		f.imported[name] = f.imported[name] || p != f.pkg
	}
}

// usedNames are the package's own names that code generated for the bindings uses. The output does not change with other names that the
// package declares: a parameter may hide those.
func (f *file) usedNames() map[string]bool {
	used := map[string]bool{}
	for _, m := range f.binds {
		used[m.name], used[m.open], used[m.open+"From"] = true, true, true
		for _, c := range m.calls {
			for _, p := range c.params {
				f.typeNames(p.typ, used)
			}
			if c.result != nil {
				f.typeNames(c.result, used)
			}
		}
	}
	return used
}

// typeNames adds the package's own names in t to used.
func (f *file) typeNames(t types.Type, used map[string]bool) {
	switch u := types.Unalias(t).(type) {
	case *types.Named:
		if u.Obj().Pkg() == f.pkg {
			used[u.Obj().Name()] = true
		}
		for arg := range u.TypeArgs().Types() {
			f.typeNames(arg, used)
		}
	case *types.Pointer:
		f.typeNames(u.Elem(), used)
	case *types.Array:
		f.typeNames(u.Elem(), used)
	}
}

// variable is a name for a variable that hides nothing that the code around it uses.
func (f *file) variable(name string) string {
	for f.used[name] || f.imported[name] {
		name += "_"
	}
	return name
}

// self is the name of the receiver.
func (f *file) self() string { return f.variable("l") }

// argNames are the names of a method's parameters: those of the source, unless they mean something else in the generated code.
func (f *file) argNames(c *callModel) []string {
	var list []string
	for i, p := range c.params {
		name := p.name
		if name == "" || name == "_" || types.Universe.Lookup(name) != nil || token.Lookup(name).IsKeyword() {
			name = fmt.Sprintf("a%d", i)
		}
		for name == f.self() || f.imported[name] || f.used[name] || slices.Contains(list, name) {
			name += "_"
		}
		list = append(list, name)
	}
	return list
}

// method begins a method: its comment, receiver and signature.
func (f *file) method(out *jen.File, m *bindModel, c *callModel, needSelf bool) *jen.Statement {
	out.Line()
	doc := slices.Clone(c.doc)
	if len(doc) == 0 {
		doc = []string{fmt.Sprintf("%s calls %s.", c.name, c.proto.name)}
	}
	comments(out, doc)
	names := f.argNames(c)
	recv := jen.Op("*").Id(m.name)
	if needSelf {
		recv = jen.Id(f.self()).Op("*").Id(m.name)
	}
	return out.Func().Params(recv).Id(c.name).ParamsFunc(func(g *jen.Group) {
		for i, p := range c.params {
			g.Id(names[i]).Add(bindType(p.typ))
		}
	}).ParamsFunc(func(g *jen.Group) {
		if c.result != nil {
			g.Add(bindType(c.result))
		}
		if c.opts.optional {
			g.Error()
		}
	})
}

// bindType is t as Go writes it.
func bindType(t types.Type) *jen.Statement {
	switch u := types.Unalias(t).(type) {
	case *types.Named:
		return goType(u)
	case *types.Pointer:
		return jen.Op("*").Add(bindType(u.Elem()))
	case *types.Array:
		return jen.Index(decimal(u.Len())).Add(bindType(u.Elem()))
	case *types.Basic:
		if u.Kind() == types.UnsafePointer {
			return jen.Qual(unsafePath, "Pointer")
		}
	}
	return goType(t)
}

// convert is e converted to t; a pointer type needs parentheses.
func convert(t types.Type, e jen.Code) *jen.Statement {
	if _, ok := types.Unalias(t).(*types.Pointer); ok {
		return jen.Parens(bindType(t)).Call(e)
	}
	return bindType(t).Call(e)
}

// body is the function's body: value is the call, converted to the result.
func (f *file) body(m *bindModel, c *callModel, calls ...jen.Code) []jen.Code {
	if !c.opts.optional {
		return calls
	}
	// if l.fnPing == nil {
	//	return 0, fmt.Errorf("libx.so.1 has no function x_ping: ...: %w", errors.ErrUnsupported)
	// }
	return append([]jen.Code{jen.If(jen.Op("!").Id(f.self()).Dot(c.has).Call()).Block(jen.ReturnFunc(func(g *jen.Group) {
		if c.result != nil {
			g.Add(zeroOf(c.result))
		}
		g.Qual(fmtPath, "Errorf").Call(jen.Lit(strings.ReplaceAll(m.missing(c), "%", "%%")+": %w"), jen.Qual(errorsPath, "ErrUnsupported"))
	}))}, calls...)
}

// missing is what is said of an optional function that the library does not have.
func (m *bindModel) missing(c *callModel) string {
	newer := "a newer " + m.opts.debian
	if c.opts.version != "" {
		newer = m.opts.debian + " " + c.opts.version + " or newer"
	}
	return fmt.Sprintf("%s has no function %s: install %s", m.opts.sonames[0], c.proto.name, newer)
}

func zeroOf(t types.Type) *jen.Statement {
	switch kind := kindOf(t); kind {
	case "bool":
		return jen.False()
	case "string":
		return jen.Lit("")
	case "Pointer", "*":
		return jen.Nil()
	}
	return jen.Lit(0)
}

// returns is a statement that returns e, which is of the result's type already, or only does e.
func returns(c *callModel, e jen.Code) []jen.Code {
	switch {
	case c.result == nil && c.opts.optional:
		return []jen.Code{e, jen.Return(jen.Nil())}
	case c.result == nil:
		return []jen.Code{e}
	case c.opts.optional:
		return []jen.Code{jen.Return(e, jen.Nil())}
	}
	return []jen.Code{jen.Return(e)}
}

// structDoc is the comment of the emitted type, and what both sides say besides.
func (m *bindModel) structDoc(how string) []string {
	doc := []string{fmt.Sprintf("%s is %s, %s.", m.name, m.opts.sonames[0], how)}
	if len(m.doc) > 0 {
		doc = append(append(doc, ""), m.doc...)
	}
	return doc
}

// hasMethod emits the method that tells whether the library has an optional function.
func (f *file) hasMethod(out *jen.File, m *bindModel, c *callModel, none jen.Code) {
	// func (l *libraryC) hasPing() bool { return l.fnPing != nil }
	out.Line()
	comments(out, []string{fmt.Sprintf("%s reports whether this %s has %s. Without it, %s returns an error that is errors.ErrUnsupported.", c.has, m.opts.sonames[0], c.proto.name, c.name)})
	out.Func().Params(jen.Id(f.self()).Op("*").Id(m.name)).Id(c.has).Params().Bool().Block(jen.Return(jen.Id(f.self()).Dot(c.field).Op("!=").Add(none)))
}
