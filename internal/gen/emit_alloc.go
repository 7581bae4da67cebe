package gen

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/types"
	"strings"

	"github.com/dave/jennifer/jen"
	"github.com/poolgen/poolgen/templates"
)

// allocModel is one type annotated with //poolgen:sizeclass.
type allocModel struct {
	spec    *types.TypeName
	name    string // of the Go type that is emitted
	prefix  string // of names in C
	doc     []string
	opts    classOptions
	spacing spacing
}

// sizeClass checks an annotated type and works out its classes.
func (b *builder) sizeClass(spec *ast.TypeSpec, obj *types.TypeName, st *ast.StructType, o classOptions, doc []string) *allocModel {
	before := len(b.diags.list)
	m := &allocModel{spec: obj, prefix: o.prefix, doc: doc, opts: o}
	if source := obj.Name(); st.Fields.NumFields() > 0 {
		b.diags.addf(st.Fields.List[0].Pos(), codeWrongPlace, "%s has fields: //poolgen:sizeclass belongs on an empty struct, write type %s struct{}", source, source)
	}
	m.name = b.emittedName(spec, o.as)
	if m.prefix == "" {
		m.prefix = snake(m.name)
	}
	if reserved(m.prefix) {
		b.diags.addf(spec.Name.Pos(), codeReserved, "prefix %s is reserved in C: add prefix=other", m.prefix)
	}
	var ok bool
	if m.spacing, ok = o.spacing(); !ok {
		b.diags.addf(spec.Name.Pos(), codeValue, "class sizes %v lie too close to each other: leave some out", o.sizes)
	}
	if len(b.diags.list) > before {
		return nil
	}
	return m
}

// emitAlloc renders the Go side of an allocator.
func emitAlloc(out *jen.File, m *allocModel) {
	o := &m.opts
	n := len(o.sizes)
	sizes := lowerFirst(m.name) + "Sizes"
	// var _ camAlloc
	out.Line()
	out.Comment(fmt.Sprintf("%s stands for what is generated from it.", m.spec.Name()))
	out.Var().Id("_").Id(m.spec.Name())
	// // CamAlloc is ...
	// type CamAlloc struct{ *pool.Allocator }
	out.Line()
	doc := m.doc
	if len(doc) == 0 {
		doc = []string{fmt.Sprintf("%s allocates blocks from %d size classes of %s to %s, within a budget of %s by default.",
			m.name, n, bytesText(o.sizes[0]), bytesText(o.sizes[n-1]), bytesText(o.budget))}
	} else if rest, ok := strings.CutPrefix(doc[0], m.spec.Name()+" "); ok {
		doc = append([]string{m.name + " " + rest}, doc[1:]...)
	}
	comments(out, doc)
	out.Type().Id(m.name).Struct(jen.Op("*").Qual(poolPath, "Allocator"))
	// const (
	//	CamAllocClasses = 85
	//	CamAllocMaxSize = 131072
	// )
	out.Line()
	comments(out, []string{fmt.Sprintf("What %s was generated with. Larger requests than %sMaxSize take whole units.", m.name, m.name)})
	out.Const().Defs(
		jen.Id(m.name+"Classes").Op("=").Lit(n),
		jen.Id(m.name+"MinSize").Op("=").Lit(int(o.sizes[0])),
		jen.Id(m.name+"MaxSize").Op("=").Lit(int(o.sizes[n-1])),
		jen.Id(m.name+"Budget").Op("=").Add(decimal(o.budget)),
	)
	// var camAllocSizes = [...]uint32{64, 80}
	out.Line()
	comments(out, []string{sizes + " are the bytes of each class's blocks; nothing changes them."})
	out.Var().Id(sizes).Op("=").Index(jen.Op("...")).Uint32().ValuesFunc(func(g *jen.Group) {
		for _, s := range o.sizes {
			g.Lit(int(s))
		}
	})
	// func NewCamAlloc(o pool.AllocOptions) (CamAlloc, error) {
	//	d := pool.AllocOptions{Name: "cam_alloc", Budget: CamAllocBudget, Align: 16}
	//	for _, n := range camAllocSizes { d.Sizes = append(d.Sizes, int(n)) }
	//	a, err := pool.NewAllocator(o.Or(d))
	//	return CamAlloc{a}, err
	// }
	out.Line()
	comments(out, []string{
		fmt.Sprintf("New%s makes an allocator. Options that are zero come from the directive: %s.", m.name, strings.TrimSpace("sizeclass "+o.text)),
		"Sizes and Align of o must be zero: C and ClassOf know those of the directive. The caller owns it and closes it.",
	})
	values := jen.Dict{jen.Id("Name"): jen.Lit(snake(m.name)), jen.Id("Budget"): jen.Id(m.name + "Budget"), jen.Id("Align"): jen.Lit(int(o.align))}
	if o.shared {
		values[jen.Id("Shared")] = jen.True()
	}
	if o.cache > 0 {
		values[jen.Id("Cache")] = jen.Lit(int(o.cache))
	}
	if o.prealloc != nil {
		values[jen.Id("Prealloc")] = jen.Index().Int().ValuesFunc(func(g *jen.Group) {
			for _, k := range o.prealloc {
				g.Lit(int(k))
			}
		})
	}
	out.Func().Id("New"+m.name).Params(jen.Id("o").Qual(poolPath, "AllocOptions")).Params(jen.Id(m.name), jen.Error()).Block(
		jen.Id("d").Op(":=").Qual(poolPath, "AllocOptions").Values(values),
		jen.For(jen.List(jen.Id("_"), jen.Id("n")).Op(":=").Range().Id(sizes)).Block(
			jen.Id("d").Dot("Sizes").Op("=").Append(jen.Id("d").Dot("Sizes"), jen.Int().Call(jen.Id("n")))),
		jen.Id("o").Dot("Sizes").Op(",").Id("o").Dot("Align").Op("=").Nil().Op(",").Lit(0),
		jen.List(jen.Id("a"), jen.Err()).Op(":=").Qual(poolPath, "NewAllocator").Call(jen.Id("o").Dot("Or").Call(jen.Id("d"))),
		jen.Return(jen.Id(m.name).Values(jen.Id("a")), jen.Err()),
	)
	emitClassOf(out, m, sizes)
}

// emitClassOf renders the class of a size, without a loop and without a division.
func emitClassOf(out *jen.File, m *allocModel, sizes string) {
	s := m.spacing
	out.Line()
	comments(out, []string{
		fmt.Sprintf("ClassOf is the number of the smallest class that holds n bytes, 0 to %sMaxSize; ClassSize is the bytes of its blocks.", m.name),
	})
	// func (CamAlloc) ClassOf(n int) int {
	//	m := uint32(max(n, 64)) - 1
	//	k := 31 - uint32(bits.LeadingZeros32(m|128))
	//	return int((k-7)<<3 + m>>(k-3) - 3)
	// }
	bucket := jen.Parens(jen.Id("k").Op("-").Lit(int(s.base))).Op("<<").Lit(int(s.step)).Op("+").Id("m").Op(">>").Parens(jen.Id("k").Op("-").Lit(int(s.step))).Op("-").Lit(int(s.first))
	body := []jen.Code{
		jen.Id("m").Op(":=").Uint32().Call(jen.Id("max").Call(jen.Id("n"), jen.Id(m.name+"MinSize"))).Op("-").Lit(1),
		jen.Id("k").Op(":=").Lit(31).Op("-").Uint32().Call(jen.Qual("math/bits", "LeadingZeros32").Call(jen.Id("m").Op("|").Lit(1 << s.base))),
	}
	if s.lookup == "" {
		body = append(body, jen.Return(jen.Int().Call(bucket)))
	} else {
		// // A bucket holds the end of at most one class.
		// c := int("\x00\x01"[(k-7)<<3+m>>(k-3)-3])
		// if m >= camAllocSizes[c] { c++ }
		body = append(body,
			jen.Id("c").Op(":=").Int().Call(jen.Id(lowerFirst(m.name)+"Lookup").Index(bucket)),
			jen.If(jen.Id("m").Op(">=").Id(sizes).Index(jen.Id("c"))).Block(jen.Id("c").Op("++")),
			jen.Return(jen.Id("c")))
	}
	out.Func().Params(jen.Id(m.name)).Id("ClassOf").Params(jen.Id("n").Int()).Int().Block(body...)
	if s.lookup != "" {
		out.Line()
		comments(out, []string{lowerFirst(m.name) + "Lookup is the class in which the smallest size of each bucket ends."})
		out.Const().Id(lowerFirst(m.name) + "Lookup").Op("=").Lit(s.lookup)
	}
	// func (CamAlloc) ClassSize(c int) int { return int(camAllocSizes[c]) }
	out.Line()
	comments(out, []string{"ClassSize is the bytes of a block of class c."})
	out.Func().Params(jen.Id(m.name)).Id("ClassSize").Params(jen.Id("c").Int()).Int().Block(
		jen.Return(jen.Int().Call(jen.Id(sizes).Index(jen.Id("c")))))
}

// allocHeader renders the C side of an allocator.
func (f *file) allocHeader(m *allocModel) (string, error) {
	o, s := &m.opts, m.spacing
	var lookup []int64
	for i := range len(s.lookup) {
		lookup = append(lookup, int64(s.lookup[i]))
	}
	var b bytes.Buffer
	err := templates.Alloc.Execute(&b, map[string]any{
		"Comment": comment(m.doc, ""), "Name": m.prefix, "Upper": strings.ToUpper(m.prefix), "GoName": m.name,
		"Classes": len(o.sizes), "Min": o.sizes[0], "Max": o.sizes[len(o.sizes)-1], "Budget": o.budget, "Align": o.align, "Cache": o.cache,
		"Sizes": numbers(o.sizes), "Prealloc": numbers(o.prealloc), "Lookup": numbers(lookup),
		"Base": s.base, "Step": s.step, "First": s.first,
	})
	return b.String(), err
}

// numbers is a list in C, several lines of it.
func numbers(list []int64) string {
	var b strings.Builder
	for i, n := range list {
		switch {
		case i == 0:
		case i%16 == 0:
			b.WriteString(",\n    ")
		default:
			b.WriteString(", ")
		}
		fmt.Fprint(&b, n)
	}
	return b.String()
}
