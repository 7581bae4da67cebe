package gen

import (
	"bytes"
	"fmt"
	"go/types"
	"strings"

	"github.com/dave/jennifer/jen"
	"github.com/poolgen/poolgen/templates"
)

// emitCgo emits the side that the C compiler checks and links.
func (f *file) emitCgo(out *jen.File, m *bindModel) error {
	var preamble bytes.Buffer
	if err := templates.Bind.Execute(&preamble, m.inC()); err != nil {
		return fmt.Errorf("rendering C for %s: %w", f.source, err)
	}
	out.CgoPreamble(strings.TrimSpace(preamble.String()))
	// type libraryC struct{}
	out.Line()
	comments(out, m.structDoc("linked by cgo"))
	out.Type().Id(m.name).StructFunc(func(g *jen.Group) {
		for _, c := range m.calls {
			if c.opts.optional {
				g.Id(c.field).Qual(unsafePath, "Pointer").Comment("// " + c.proto.text() + "; nil when the library does not have it")
			}
		}
	})
	// var _ library = (*libraryC)(nil)
	out.Line()
	out.Var().Id("_").Id(m.spec.Name()).Op("=").Parens(jen.Op("*").Id(m.name)).Call(jen.Nil())
	// func openLibrary() (*libraryC, error) { return &libraryC{}, nil }
	out.Line()
	comments(out, []string{fmt.Sprintf("%s returns %s, which the program is linked with: there is no error. Without cgo it loads the library.", m.open, m.opts.sonames[0])})
	out.Func().Id(m.open).Params().Params(jen.Op("*").Id(m.name), jen.Error()).Block(jen.Return(jen.Op("&").Id(m.name).ValuesFunc(func(g *jen.Group) {
		for _, c := range m.calls {
			if c.opts.optional {
				g.Id(c.field).Op(":").Qual("C", m.wrapper(c)+"_find").Call()
			}
		}
	}), jen.Nil()))
	for _, c := range m.calls {
		f.method(out, m, c, c.opts.optional).Block(f.body(m, c, f.cgoCall(m, c)...)...)
		if c.opts.optional {
			f.hasMethod(out, m, c, jen.Nil())
		}
	}
	return nil
}

// wrapper is the name in C of the function that a method calls.
func (m *bindModel) wrapper(c *callModel) string { return "pg_" + m.spec.Name() + "_" + c.name }

// cgoCall is the statements that call the wrapper and return its result.
func (f *file) cgoCall(m *bindModel, c *callModel) []jen.Code {
	// return int32(C.pg_library_abs(C.int32_t(n)))
	names := f.argNames(c)
	e := jen.Qual("C", m.wrapper(c)).CallFunc(func(g *jen.Group) {
		if c.opts.optional {
			g.Id(f.self()).Dot(c.field)
		}
		for i, p := range c.params {
			x := jen.Id(names[i])
			switch {
			case p.kind == "Pointer" && !isNamed(p.typ):
				g.Add(x)
			case p.flat():
				g.Parens(jen.Op("*").Qual("C", "uint8_t")).Call(jen.Qual(unsafePath, "Pointer").Call(x))
			case isPtr(p.kind):
				g.Qual(unsafePath, "Pointer").Call(x)
			default:
				g.Qual("C", wires[p.kind]).Call(x)
			}
		}
	})
	switch resultKind(c) {
	case "":
	case "string":
		e = resultOf(c, jen.Qual("C", "GoString").Call(e))
	case "Pointer":
		e = resultOf(c, e)
	default:
		e = convert(c.result, e)
	}
	return returns(c, e)
}

// flat reports whether the parameter is a Go pointer to memory that has no pointers in it. Cgo need not look for some, and does not if
// the pointer's type in C says so.
func (p callParam) flat() bool {
	return p.kind == "*" && !holdsPointer(p.typ.Underlying().(*types.Pointer).Elem(), nil)
}

// wire is the C type in which the parameter crosses.
func (p callParam) wire() string {
	if p.flat() {
		return "uint8_t *"
	}
	return wires[p.kind]
}

// cBind is what the template of the C side of a binding needs.
type cBind struct {
	PkgConfig, Link, Header, Dev string
	Include                      []cInclude
	Optional                     bool
	Calls                        []cCall
}

// cInclude is a header.
type cInclude struct {
	Name  string
	Maybe bool // older versions lack it
}

// cCall is one function in C.
type cCall struct {
	Wrapper, Name          string
	Prototype              string   // a declaration as the header has it; "" when an earlier call has declared it
	Asserts                []string // conditions of _Static_assert, with their messages
	Condition              string   // under which the header declares it
	Optional               bool
	NoEscape, NoCallback   bool
	Result, Params, Args   string
	Return, Cast, Function string
}

func (m *bindModel) inC() cBind {
	b := cBind{PkgConfig: strings.Join(m.opts.pkgConfig, " "), Dev: m.opts.dev, Optional: m.optional()}
	for _, name := range m.opts.include {
		name, maybe := strings.CutSuffix(name, "?")
		b.Include = append(b.Include, cInclude{name, maybe})
	}
	for _, name := range m.opts.link {
		b.Link = strings.TrimSpace(b.Link + " -l" + name)
	}
	if b.Optional {
		b.Link = strings.TrimSpace(b.Link + " -ldl")
	}
	declared, asserted := map[string]bool{}, map[string]bool{}
	for _, c := range m.calls {
		x := cCall{Wrapper: m.wrapper(c), Name: c.proto.name, Optional: c.opts.optional, Condition: c.opts.header, NoEscape: c.opts.noescape || m.opts.noescape, NoCallback: c.opts.nocallback || m.opts.nocallback}
		if text := fmt.Sprintf("extern %s%s(%s)%s;", c.proto.before, spaceAfter(c.proto.before), c.proto.name, c.proto.after); !declared[text] && (!c.opts.optional || c.opts.header != "") {
			x.Prototype, declared[text] = text, true
		}
		for _, a := range c.asserts(m.opts.types) {
			// What stands behind a condition may not be compiled.
			if !asserted[a] && (!c.opts.optional || c.opts.header != "") {
				x.Asserts, asserted[a] = append(x.Asserts, a), c.opts.header == ""
			}
		}
		x.wrap(c)
		b.Calls = append(b.Calls, x)
	}
	return b
}

// wrap works out the function in C that Go calls: its parameters have types that are the same on every target, and C converts.
func (x *cCall) wrap(c *callModel) {
	var params, args, types []string
	if c.opts.optional {
		params = append(params, "void *fn")
	}
	for i, p := range c.params {
		wire, arg := p.wire(), fmt.Sprintf("a%d", i)
		params = append(params, wire+spaceAfter(wire)+arg)
		if i < len(c.proto.params) {
			types = append(types, wire)
			if t := c.proto.params[i]; p.kind == "uintptr" && t.ptr > 0 {
				arg, types[i] = "(void *)"+arg, wires["*"]
			} else if c.char(i) {
				types[i] = "char"
			} else if p.flat() {
				arg = "(void *)" + arg
			} else if p.kind == "uintptr" && cScalars[t.base] == nil && !c.opts.optional {
				arg = "(" + t.base + ")" + arg
			}
		}
		args = append(args, arg)
	}
	if c.proto.variadic {
		types = append(types, "...")
	}
	if x.Params = strings.Join(params, ", "); len(params) == 0 {
		x.Params = "void"
	}
	x.Args = strings.Join(args, ", ")
	if x.Result = "void"; c.result != nil {
		kind := kindOf(c.result)
		x.Result, x.Return = wires[kind], "return "
		if isPtr(kind) || kind == "uintptr" {
			x.Cast = "(" + wires[kind] + ")"
		}
	}
	x.Result += spaceAfter(x.Result)
	if x.Function = c.proto.name; !c.opts.optional {
		x.Function = "(" + c.proto.name + ")"
		return
	}
	if x.Cast == "" && len(types) == 0 {
		types = []string{"void"}
	}
	if len(types) == 0 {
		types = []string{"void"}
	}
	x.Function = fmt.Sprintf("((%s(*)(%s))fn)", x.Result, strings.Join(types, ", "))
}
