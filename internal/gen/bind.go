package gen

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// bindModel is one annotated interface: the functions of a C library that a package calls.
type bindModel struct {
	spec  *types.TypeName
	name  string // of the Go type that is emitted
	open  string // function that makes one
	doc   []string
	opts  bindOptions
	calls []*callModel
}

// callModel is one method and the C function behind it.
type callModel struct {
	pos    token.Pos
	name   string
	has    string // method that tells whether the library has an optional function
	proto  *cProto
	doc    []string
	opts   callOptions
	params []callParam
	result types.Type // nil when there is none, besides the error of an optional function
	field  string     // of the emitted struct, when it has one
	typed  bool       // without cgo, a typed function calls it
}

type callParam struct {
	name string
	typ  types.Type
	kind string
}

// optional reports whether any function may be missing.
func (m *bindModel) optional() bool {
	return slices.ContainsFunc(m.calls, func(c *callModel) bool { return c.opts.optional })
}

// belongs is what a directive stands above.
func belongs(directive string) string {
	switch directive {
	case "bind":
		return "an interface type"
	case "c":
		return "a method of an interface with //poolgen:bind"
	}
	return "a struct type"
}

// bindSpec makes the model of a type with //poolgen:bind.
func (b *builder) bindSpec(d *ast.Directive, spec *ast.TypeSpec, obj *types.TypeName, doc *ast.CommentGroup, attached map[*ast.Comment]bool) {
	it, ok := spec.Type.(*ast.InterfaceType)
	if !ok || spec.Assign.IsValid() || obj == nil {
		b.diags.addf(d.Slash, codeWrongPlace, "//poolgen:bind is on %s, which is not an interface type: annotate an interface with a method for each C function", spec.Name.Name)
		return
	}
	before := len(b.diags.list)
	if spec.TypeParams.NumFields() > 0 {
		b.diags.addf(spec.Name.Pos(), codeGeneric, "%s has type parameters, which C functions have not: remove them", spec.Name.Name)
	}
	o := parseBind(d, b.diags)
	wrong := len(b.diags.list) > before
	if m := b.bind(spec, obj, it, o, lines(doc), attached); m != nil && !wrong {
		b.file.binds = append(b.file.binds, m)
	}
}

// bind checks an annotated interface. It returns nil when it reported something.
func (b *builder) bind(spec *ast.TypeSpec, obj *types.TypeName, it *ast.InterfaceType, o bindOptions, doc []string, attached map[*ast.Comment]bool) *bindModel {
	before := len(b.diags.list)
	m := &bindModel{spec: obj, opts: o, doc: doc, name: o.as, open: "open" + upperFirst(obj.Name())}
	if m.name == "" {
		m.name = obj.Name() + "C"
	}
	switch {
	case ast.IsExported(obj.Name()):
		b.diags.addf(spec.Name.Pos(), codeExported, "%s is exported: the interface is a specification of what poolgen emits, rename it to %s", obj.Name(), lowerFirst(obj.Name()))
	case !isASCII(obj.Name()) || obj.Name() == "_" || strings.HasPrefix(obj.Name(), "_"):
		b.diags.addf(spec.Name.Pos(), codeNotC, "%s cannot be part of a name in C: use ASCII letters, beginning with one", obj.Name())
	case len(it.Methods.List) == 0:
		b.diags.addf(spec.Name.Pos(), codeEmpty, "%s has no methods: declare one for each C function", obj.Name())
	}
	taken := map[string]token.Pos{}
	for _, f := range it.Methods.List {
		if len(f.Names) == 1 {
			taken[f.Names[0].Name] = f.Names[0].Pos()
		}
	}
	names := map[string]bool{}
	for _, f := range it.Methods.List {
		for _, c := range commentsOf(f) {
			if d, ok := ast.ParseDirective(c.Slash, c.Text); ok && d.Tool == "poolgen" && d.Name == "c" {
				attached[c] = true
			}
		}
		if len(f.Names) != 1 {
			b.diags.addf(f.Pos(), codePrototype, "%s lists methods only, one for each C function: write them out", obj.Name())
			continue
		}
		fn, _ := b.p.TypesInfo.Defs[f.Names[0]].(*types.Func)
		if name := f.Names[0].Name; fn == nil || names[name] || name == "_" {
			b.diags.addf(f.Pos(), codeFieldTwice, "%s cannot have this method: rename it", obj.Name())
			continue
		}
		names[fn.Name()] = true
		if c := b.call(f, fn, o); c != nil {
			if c.opts.optional {
				c.has = "has" + upperFirst(c.name)
				if at, ok := taken[c.has]; ok {
					b.diags.addf(at, codeSameName, "it emits the method %s, which tells whether the library has %s: rename this one", c.has, c.proto.name)
				}
				taken[c.has] = f.Names[0].Pos()
			}
			m.calls = append(m.calls, c)
		}
	}
	if len(b.diags.list) > before {
		return nil
	}
	if !slices.ContainsFunc(m.calls, func(c *callModel) bool { return !c.opts.optional }) {
		b.diags.addf(spec.Name.Pos(), codeOptional, "every function of %s is optional, so that a linker may leave the library out: declare one that all versions have, such as what tells the version", obj.Name())
		return nil
	}
	for _, c := range m.calls {
		c.field = "fn" + upperFirst(c.name)
		for taken[c.field] != 0 {
			c.field += "_"
		}
		taken[c.field] = spec.Pos()
	}
	return m
}

func commentsOf(f *ast.Field) []*ast.Comment {
	var list []*ast.Comment
	if f.Comment != nil {
		list = append(list, f.Comment.List...)
	}
	if f.Doc != nil {
		list = append(list, f.Doc.List...)
	}
	return list
}

// call checks one method. It returns nil when it reported something.
func (b *builder) call(f *ast.Field, fn *types.Func, o bindOptions) *callModel {
	before := len(b.diags.list)
	c := &callModel{pos: fn.Pos(), name: fn.Name()}
	text, pos, doc := prototypeText(f)
	proto, err := parsePrototype(text)
	switch {
	case text == "":
		b.diags.addf(f.Names[0].Pos(), codePrototype, "%s has no C prototype: its comment begins with one, such as int abs(int n)", fn.Name())
	case err != nil:
		mend := ""
		if !strings.Contains(err.Error(), "write ") {
			mend = ": write one as int f(int n), without macros and attributes"
		}
		b.diags.addf(pos, codePrototype, "%q is no C prototype: %v%s", text, err, mend)
	}
	found := false
	for _, x := range commentsOf(f) {
		if d, ok := ast.ParseDirective(x.Slash, x.Text); ok && d.Tool == "poolgen" && d.Name == "c" {
			if found {
				b.diags.addf(x.Slash, codeTwoPools, "%s has two //poolgen:c directives: keep one", fn.Name())
			}
			found = true
			c.opts = parseCall(&d, b.diags)
		}
	}
	if len(b.diags.list) > before {
		return nil
	}
	c.proto, c.doc = proto, doc
	sig := fn.Signature()
	if sig.Variadic() {
		b.diags.addf(f.Names[0].Pos(), codeVariadic, "%s takes any number of arguments: a binding has one method for each shape of call", fn.Name())
		return nil
	}
	b.checkResult(c, f, sig, o)
	b.checkParams(c, f, sig, o)
	if len(b.diags.list) > before {
		return nil
	}
	c.plan()
	return c
}

// prototypeText is the prototype in a method's comment, behind it or else at the beginning of the one above it, its place, and the
// lines of documentation that follow.
func prototypeText(f *ast.Field) (text string, pos token.Pos, doc []string) {
	rest := lines(f.Doc)
	if f.Comment != nil {
		return strings.Join(lines(f.Comment), " "), f.Comment.Pos(), rest
	}
	if len(rest) == 0 {
		return "", f.Pos(), nil
	}
	for i, line := range rest {
		if line = strings.TrimRight(line, " ;"); strings.HasSuffix(line, ")") || i == len(rest)-1 {
			text, doc = strings.Join(rest[:i+1], " "), rest[i+1:]
			break
		}
	}
	for len(doc) > 0 && doc[0] == "" {
		doc = doc[1:]
	}
	return text, f.Doc.Pos(), doc
}

func isError(t types.Type) bool { return types.Identical(t, types.Universe.Lookup("error").Type()) }

func (b *builder) checkResult(c *callModel, f *ast.Field, sig *types.Signature, o bindOptions) {
	pos := f.Names[0].Pos()
	list := slices.Collect(sig.Results().Variables())
	last := len(list) > 0 && isError(list[len(list)-1].Type())
	switch {
	case c.opts.optional && !last:
		b.diags.addf(pos, codeOptional, "%s is optional: its last result must be an error, for libraries without it", c.name)
		return
	case !c.opts.optional && last:
		b.diags.addf(pos, codeOptional, "%s returns an error, which only a function that may be missing does: add //poolgen:c optional, or return what C returns", c.name)
		return
	}
	if last {
		list = list[:len(list)-1]
	}
	void := c.proto.result.base == "void" && c.proto.result.ptr == 0
	switch {
	case len(list) > 1:
		b.diags.addf(pos, codeSignature, "%s has %d results, a C function has one: take what it writes by a pointer", c.name, len(list))
	case void && len(list) == 1:
		b.diags.addf(pos, codeSignature, "%s returns nothing in C: remove the result %s", c.name, typeName(list[0].Type()))
	case !void && len(list) == 0:
		b.diags.addf(pos, codeSignature, "%s returns %s in C: declare its result", c.name, c.proto.result.text)
	case len(list) == 1:
		c.result = list[0].Type()
		if why := mismatch(c.proto.result, c.result, o.types, true); why.text != "" {
			b.diags.addf(pos, why.code, "the result of %s: %s", c.name, why.text)
		} else if c.proto.variadic && isFloat(kindOf(c.result)) {
			b.diags.addf(pos, codeFloats, "the result of %s: %s", c.name, variadicFloat)
		}
	}
}

// On arm a variadic function takes and returns floats as a library for soft float does, those of its fixed parameters too.
const variadicFloat = "without cgo, a float cannot be passed to a variadic function on arm, nor come from one: bind a function that is not variadic"

func (b *builder) checkParams(c *callModel, f *ast.Field, sig *types.Signature, o bindOptions) {
	pos := f.Names[0].Pos()
	n, want := sig.Params().Len(), len(c.proto.params)
	if n != want && !(c.proto.variadic && n >= want) {
		b.diags.addf(pos, codeSignature, "%s has %d parameters, %s has %d: declare the same", c.name, n, c.proto.name, want)
		return
	}
	floats := ""
	for i := range n {
		v := sig.Params().At(i)
		p := callParam{v.Name(), v.Type(), kindOf(v.Type())}
		at, why := v.Pos(), fault{}
		if at == token.NoPos {
			at = pos
		}
		if i < want {
			why = mismatch(c.proto.params[i], p.typ, o.types, false)
		} else {
			why = refuseGo(p.typ, false)
			switch {
			case why.text != "":
			case goWidths[p.kind] < 4 && !isPtr(p.kind):
				why = fault{codeVariadic, fmt.Sprintf("C passes %s to a variadic function as an int: use int32", typeName(p.typ))}
			}
		}
		if why.text == "" && isFloat(p.kind) && c.proto.variadic {
			why = fault{codeFloats, variadicFloat}
		}
		if why.text == "" && isFloat(p.kind) {
			if floats != "" && floats != p.kind {
				why = fault{codeFloats, fmt.Sprintf("%s after %s: without cgo, floats of different widths cannot be passed together on arm; bind a function that takes one kind, or a pointer", p.kind, floats)}
			}
			floats = p.kind
		}
		if why.text != "" {
			b.diags.addf(at, why.code, "parameter %d of %s: %s", i+1, c.name, why.text)
		}
		c.params = append(c.params, p)
	}
	if most := c.words(); most > maxWords {
		b.diags.addf(pos, codeTooMany, "%s takes %d words on a 32-bit machine, without cgo at most %d can be passed: bind a function that takes a pointer", c.name, most, maxWords)
	}
}
