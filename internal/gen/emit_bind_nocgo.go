package gen

import (
	"fmt"
	"strings"

	"github.com/dave/jennifer/jen"
)

// emitNocgo emits the side that loads the library at run time.
func (f *file) emitNocgo(out *jen.File, m *bindModel) error {
	// type libraryC struct {
	//	call  dl.Caller
	//	fnAbs uintptr // int abs(int n)
	// }
	out.Line()
	comments(out, m.structDoc("loaded at run time"))
	call := m.freeField("call")
	out.Type().Id(m.name).StructFunc(func(g *jen.Group) {
		g.Id(call).Qual(dlPath, "Caller")
		for _, c := range m.calls {
			if c.typed {
				g.Id(c.field).Add(typedFunc(c)).Comment("// " + c.proto.text())
			} else {
				g.Id(c.field).Uintptr().Comment("// " + c.proto.text())
			}
		}
	})
	// var _ library = (*libraryC)(nil)
	out.Line()
	out.Var().Id("_").Id(m.spec.Name()).Op("=").Parens(jen.Op("*").Id(m.name)).Call(jen.Nil())
	f.emitOpen(out, m)
	for _, c := range m.calls {
		f.method(out, m, c, true).Block(f.body(m, c, f.nocgoCall(m, c, call)...)...)
		if c.opts.optional {
			none := jen.Lit(0)
			if c.typed {
				none = jen.Nil()
			}
			f.hasMethod(out, m, c, none)
		}
	}
	return nil
}

// emitOpen emits the functions that load the library.
func (f *file) emitOpen(out *jen.File, m *bindModel) {
	lib, of, errName := f.variable("lib"), f.variable("of"), f.variable("err")
	// func openLibrary() (*libraryC, error) {
	//	return openLibraryFrom(dl.Library{Sonames: []string{"libc.so.6"}, Package: "libc6"})
	// }
	out.Line()
	comments(out, []string{
		fmt.Sprintf("%s loads %s. The error is a *dl.MissingError when the library, or a function of it that is not optional, is not there.", m.open, strings.Join(m.opts.sonames, " or ")),
		"The library stays loaded as long as the process lives.",
	})
	results := []jen.Code{jen.Op("*").Id(m.name), jen.Error()}
	names := jen.Index().String().ValuesFunc(func(g *jen.Group) {
		for _, s := range m.opts.sonames {
			g.Lit(s)
		}
	})
	out.Func().Id(m.open).Params().Params(results...).Block(jen.Return(jen.Id(m.open + "From").Call(jen.Qual(dlPath, "Library").Values(
		jen.Id("Sonames").Op(":").Add(names), jen.Id("Package").Op(":").Lit(m.opts.debian)))))
	// func openLibraryFrom(of dl.Library) (*libraryC, error) {
	//	lib, err := dl.Open(of)
	//	if err != nil {
	//		return nil, err
	//	}
	//	l := &libraryC{}
	//	if err := lib.Load(
	//		dl.Symbol{Name: "abs", At: &l.fnAbs},
	//	); err != nil {
	//		return nil, err
	//	}
	//	return l, nil
	// }
	out.Line()
	comments(out, []string{fmt.Sprintf("%sFrom is %s with another library, which has the same functions.", m.open, m.open)})
	self := f.self()
	check := jen.If(jen.Id(errName).Op("!=").Nil()).Block(jen.Return(jen.Nil(), jen.Id(errName)))
	out.Func().Id(m.open+"From").Params(jen.Id(of).Qual(dlPath, "Library")).Params(results...).Block(
		jen.List(jen.Id(lib), jen.Id(errName)).Op(":=").Qual(dlPath, "Open").Call(jen.Id(of)),
		check,
		jen.Id(self).Op(":=").Op("&").Id(m.name).Values(),
		jen.Id(errName).Op("=").Id(lib).Dot("Load").CustomFunc(jen.Options{Open: "(", Close: ")", Separator: ",", Multi: true}, func(g *jen.Group) {
			for _, c := range m.calls {
				fields := []jen.Code{jen.Id("Name").Op(":").Lit(c.proto.name)}
				at := "At"
				if c.typed {
					at = "Func"
				}
				fields = append(fields, jen.Id(at).Op(":").Op("&").Id(self).Dot(c.field))
				if c.opts.optional {
					fields = append(fields, jen.Id("Optional").Op(":").True())
				}
				g.Qual(dlPath, "Symbol").Values(fields...)
			}
		}),
		check.Clone(),
		jen.Return(jen.Id(self), jen.Nil()))
}

// freeField is a name for a field of the emitted struct that no method has.
func (m *bindModel) freeField(name string) string {
	taken := map[string]bool{}
	for _, c := range m.calls {
		taken[c.name], taken[c.has], taken[c.field] = true, true, true
	}
	for taken[name] {
		name += "_"
	}
	return name
}

// text is the prototype as it was written.
func (p *cProto) text() string { return p.before + spaceAfter(p.before) + p.name + p.after }

// spaceAfter is what stands between a type and a name behind it.
func spaceAfter(t string) string {
	if strings.HasSuffix(t, "*") {
		return ""
	}
	return " "
}

// typedFunc is the type of the variable that calls a function with floats, or with many arguments.
func typedFunc(c *callModel) *jen.Statement {
	return jen.Func().ParamsFunc(func(g *jen.Group) {
		for i, p := range c.params {
			if c.char(i) {
				g.Uintptr()
			} else {
				g.Add(plainType(p.kind))
			}
		}
	}).ParamsFunc(func(g *jen.Group) {
		if c.result != nil {
			g.Add(plainResult(kindOf(c.result)))
		}
	})
}

// plainType is the type in which a value of a kind goes through a typed function.
func plainType(kind string) *jen.Statement {
	if isPtr(kind) {
		return jen.Qual(unsafePath, "Pointer")
	}
	return jen.Id(kind)
}

func plainResult(kind string) *jen.Statement {
	if kind == "string" {
		return jen.Uintptr()
	}
	return plainType(kind)
}

// nocgoCall is the statements that call the function and return its result.
func (f *file) nocgoCall(m *bindModel, c *callModel, call string) []jen.Code {
	names := f.argNames(c)
	name := func(i int) string { return names[i] }
	if c.typed {
		// return float32(l.fnGain(float32(g)))
		e := jen.Id(f.self()).Dot(c.field).CallFunc(func(g *jen.Group) {
			for i, p := range c.params {
				if x := jen.Id(names[i]); c.char(i) {
					g.Add(charWord(p, dlPath, names[i]))
				} else if bindType(p.typ).GoString() == plainType(p.kind).GoString() {
					g.Add(x)
				} else {
					g.Add(plainType(p.kind)).Call(x)
				}
			}
		})
		switch kind := resultKind(c); {
		case kind == "string":
			e = resultOf(c, jen.Qual(dlPath, "String").Call(e))
		case kind != "":
			e = resultOf(c, e)
		}
		return returns(c, e)
	}
	one := func(a abi) []jen.Code { return returns(c, f.dlCall(m, c, call, a, name)) }
	same := func(a, b abi) bool { return fmt.Sprint(c.slots(a)) == fmt.Sprint(c.slots(b)) }
	switch {
	case same(abi64, abi32):
		return one(abi64)
	case c.result == nil && !c.opts.optional:
		// if dl.Is64 {
		//	l.call.Call(l.fnSeek, uintptr(at), 0, 0, 0, 0, 0, 0, 0)
		//	return
		// }
		list := []jen.Code{jen.If(jen.Qual(dlPath, "Is64")).Block(append(one(abi64), jen.Return())...)}
		if !same(abiEven, abi32) {
			list = append(list, jen.If(jen.Qual(dlPath, "EvenPairs")).Block(append(one(abiEven), jen.Return())...))
		}
		return append(list, one(abi32)...)
	}
	list := []jen.Code{jen.If(jen.Qual(dlPath, "Is64")).Block(one(abi64)...)}
	if !same(abiEven, abi32) {
		list = append(list, jen.If(jen.Qual(dlPath, "EvenPairs")).Block(one(abiEven)...))
	}
	return append(list, one(abi32)...)
}

func resultKind(c *callModel) string {
	if c.result == nil {
		return ""
	}
	return kindOf(c.result)
}

// resultOf is e, which has the type that crosses, as the method's result.
func resultOf(c *callModel, e *jen.Statement) *jen.Statement {
	if isNamed(c.result) || kindOf(c.result) == "*" {
		return convert(c.result, e)
	}
	return e
}

// dlCall is the call through a Caller, with its result converted.
func (f *file) dlCall(m *bindModel, c *callModel, call string, a abi, name func(int) string) *jen.Statement {
	slots := c.slots(a)
	kind := resultKind(c)
	long := len(slots) > 8 || isWide(kind)
	args := []jen.Code{jen.Id(f.self()).Dot(c.field)}
	for _, s := range slots {
		args = append(args, c.word(s, dlPath, name))
	}
	width := 8
	if long {
		width = fastWords
	}
	for len(args) <= width {
		args = append(args, jen.Lit(0))
	}
	caller := jen.Id(f.self()).Dot(call)
	if !long {
		return f.dlResult(c, kind, caller.Dot("Call").Call(args...))
	}
	e := caller.Dot("Call16").Call(args...)
	if kind == "" {
		return e
	}
	if e = jen.Qual(dlPath, "Join").Call(e); !isWide(kind) {
		e = jen.Uintptr().Call(e)
	}
	return f.dlResult(c, kind, e)
}

// dlResult converts the word e, or an uint64 for results of 64 bits.
func (f *file) dlResult(c *callModel, kind string, e *jen.Statement) *jen.Statement {
	switch kind {
	case "":
		return e
	case "bool":
		return resultOf(c, jen.Byte().Call(e).Op("!=").Lit(0))
	case "string":
		return resultOf(c, jen.Qual(dlPath, "String").Call(e))
	case "Pointer", "*":
		return resultOf(c, jen.Qual(dlPath, "Pointer").Call(e))
	case "uintptr":
		return resultOf(c, e)
	}
	return convert(c.result, e)
}
