package gen

import (
	"bytes"
	"fmt"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"github.com/dave/jennifer/jen"
)

const (
	poolPath   = "github.com/poolgen/poolgen/runtime/pool"
	unsafePath = "unsafe"
	atomicPath = "sync/atomic"
)

// goFile renders the Go side of a file.
func (f *file) goFile() ([]byte, error) {
	out := jen.NewFilePathName(f.pkg.Path(), f.pkg.Name())
	f.begin(out, "")
	f.nameImports(out)
	// const _ = pool.IsABI1
	if len(f.pools) > 0 {
		out.Comment("Generated for version 1 of the buffer ABI: another version of the runtime does not compile with it.")
		out.Const().Id("_").Op("=").Qual(poolPath, "IsABI1")
	}
	if len(f.allocs) > 0 {
		out.Comment("Generated for version 1 of the allocator ABI: another version of the runtime does not compile with it.")
		out.Const().Id("_").Op("=").Qual(poolPath, "IsAllocABI1")
	}
	for _, m := range f.allocs {
		emitAlloc(out, m)
	}
	for _, p := range f.pools {
		if p.heap {
			emitHeap(out, p, f.local("o"))
		} else {
			emitTyped(out, p, f.local("o"), f.local("p"))
			emitAccessors(out, p, f.local)
		}
	}
	return f.rendered(out)
}

// begin writes what stands above the package clause: who made the file, and what it is built under, besides what its source is.
func (f *file) begin(out *jen.File, constraint string) {
	out.HeaderComment(generatedMark)
	list := []string{constraint, f.constraint}
	if constraint = allOf(slices.DeleteFunc(list, func(s string) bool { return s == "" })); constraint != "" {
		out.HeaderComment("//go:build " + constraint)
	}
}

// rendered is the text of out.
func (f *file) rendered(out *jen.File) ([]byte, error) {
	var b bytes.Buffer
	if err := out.Render(&b); err != nil {
		return nil, fmt.Errorf("rendering Go for %s: %w", f.source, err)
	}
	// A constraint stands apart, so that the first line says alone who wrote the file.
	return bytes.Replace(b.Bytes(), []byte(generatedMark+"\n//go:build "), []byte(generatedMark+"\n\n//go:build "), 1), nil
}

func emitTyped(out *jen.File, p *poolModel, o, self string) {
	// // Frame is ...
	// type Frame struct {
	//	PTS int64
	//	_   [56]byte
	//	PCM [1920]int16
	// }
	out.Line()
	comments(out, docFor(p))
	out.Type().Id(p.name).StructFunc(func(g *jen.Group) {
		for _, m := range p.members {
			for _, line := range m.doc {
				g.Comment("// " + line)
			}
			switch {
			case m.typ == nil:
				g.Id("_").Index(jen.Lit(int(m.size))).Byte()
			case m.atomic != "":
				g.Id(m.name).Qual(atomicPath, m.atomic)
			case m.embed:
				g.Add(embedded(m.typ))
			default:
				g.Id(m.name).Add(goType(m.typ))
			}
		}
	})
	aliases(out, p, "Typed", "Ref")
	// func NewFramePool(o pool.Options) (*FramePool, error) {
	//	return pool.NewTyped[Frame](o.Or(pool.Options{Name: "frame", Max: 256}))
	// }
	out.Line()
	comments(out, []string{
		fmt.Sprintf("New%sPool makes a pool of %s. Options that are zero come from the directive: %s.", p.name, p.name, strings.TrimSpace("pool "+p.opts.text)),
		"The caller owns the pool and closes it.",
	})
	out.Func().Id("New"+p.name+"Pool").Params(jen.Id(o).Qual(poolPath, "Options")).Params(jen.Op("*").Id(p.name+"Pool"), jen.Error()).Block(
		jen.Return(jen.Qual(poolPath, "NewTyped").Types(jen.Id(p.name)).Call(defaults(p, o))))
	// var (
	//	_ = [1]struct{}{}[unsafe.Sizeof(Frame{})-3904]
	//	_ = [1]struct{}{}[unsafe.Offsetof(Frame{}.PTS)-0]
	// )
	out.Line()
	out.Comment(fmt.Sprintf("The layout that C relies on, the same on amd64, arm64, 386 and arm: see %s in the header.", p.cname))
	out.Var().DefsFunc(func(g *jen.Group) {
		assert := func(what *jen.Statement, want int64) {
			g.Id("_").Op("=").Index(jen.Lit(1)).Struct().Values().Index(what.Op("-").Lit(int(want)))
		}
		assert(jen.Qual(unsafePath, "Sizeof").Call(jen.Id(p.name).Values()), p.size)
		for _, m := range p.members {
			if m.name != "_" {
				// A blank name has no offset to ask for; what follows it has.
				assert(jen.Qual(unsafePath, "Offsetof").Call(jen.Id(p.name).Values().Dot(m.name)), m.offset)
			}
		}
	})
	// func _(p *Frame) frame { return frame{p.PTS, p.PCM} }
	out.Line()
	out.Comment(fmt.Sprintf("It does not compile when %s has changed since: run go generate.", p.spec.Name()))
	out.Func().Id("_").Params(jen.Id(self).Op("*").Id(p.name)).Id(p.spec.Name()).Block(
		jen.Return(jen.Id(p.spec.Name()).ValuesFunc(func(g *jen.Group) {
			for _, m := range p.members {
				switch {
				case m.typ == nil:
				case m.tail && m.slice:
					g.Index().Byte().Parens(jen.Nil())
				case m.tail:
					g.Index(jen.Lit(0)).Byte().Values()
				case m.blank || holdsAtomic(m.typ):
					g.Op("*").New(goType(m.typ))
				case m.atomic != "" && isNamed(m.typ):
					g.Add(goType(m.typ)).Call(jen.Id(self).Dot(m.name).Dot("Load").Call())
				case m.atomic != "":
					g.Id(self).Dot(m.name).Dot("Load").Call()
				default:
					g.Id(self).Dot(m.name)
				}
			}
		})))
}

func emitHeap(out *jen.File, p *poolModel, o string) {
	aliases(out, p, "Heap", "HeapRef")
	// func NewPacketPool(o pool.Options) (*PacketPool, error) { return pool.NewHeap[packet](o.Or(pool.Options{...})) }
	out.Line()
	comments(out, []string{
		fmt.Sprintf("New%sPool makes a pool of %s on the Go heap, because C cannot share it: %s.", p.name, p.spec.Name(), p.why),
		"Options that are zero come from the directive: " + strings.TrimSpace("pool "+p.opts.text) + ". The caller owns the pool and closes it.",
	})
	out.Func().Id("New"+p.name+"Pool").Params(jen.Id(o).Qual(poolPath, "Options")).Params(jen.Op("*").Id(p.name+"Pool"), jen.Error()).Block(
		jen.Return(jen.Qual(poolPath, "NewHeap").Types(jen.Id(p.spec.Name())).Call(defaults(p, o))))
}

func aliases(out *jen.File, p *poolModel, poolType, refType string) {
	elem := p.name
	if p.heap {
		elem = p.spec.Name()
	}
	// type FramePool = pool.Typed[Frame]
	out.Line()
	comments(out, []string{fmt.Sprintf("%sPool hands out references to pooled values; see pool.%s.", p.name, poolType)})
	out.Type().Id(p.name+"Pool").Op("=").Qual(poolPath, poolType).Types(jen.Id(elem))
	// type FrameRef = pool.Ref[Frame]
	out.Line()
	comments(out, []string{fmt.Sprintf("%sRef is one reference, which owes one Release; see pool.%s.", p.name, refType)})
	out.Type().Id(p.name+"Ref").Op("=").Qual(poolPath, refType).Types(jen.Id(elem))
}

// defaults is o.Or(pool.Options{Name: "frame", Prealloc: 16, Max: 256, Align: 64}).
func defaults(p *poolModel, o string) *jen.Statement {
	values := jen.Dict{jen.Id("Name"): jen.Lit(snake(p.name))}
	put := func(name string, v int64) {
		if v > 0 {
			values[jen.Id(name)] = decimal(v)
		}
	}
	put("Prealloc", p.opts.prealloc)
	put("Max", p.opts.max)
	put("Budget", p.opts.budget)
	if !p.heap && p.align > 64 {
		put("Align", p.align)
	}
	return jen.Id(o).Dot("Or").Call(jen.Qual(poolPath, "Options").Values(values))
}

// decimal is v as an untyped constant; an int would be too short where poolgen itself runs on 32 bits.
func decimal(v int64) *jen.Statement { return jen.Id(strconv.FormatInt(v, 10)) }

func docFor(p *poolModel) []string {
	if len(p.doc) == 0 {
		return []string{fmt.Sprintf("%s is %s with every gap made a field.", p.name, p.spec.Name())}
	}
	doc := append([]string(nil), p.doc...)
	if rest, ok := strings.CutPrefix(doc[0], p.spec.Name()+" "); ok {
		doc[0] = p.name + " " + rest
	}
	return doc
}

func comments(out *jen.File, lines []string) {
	for _, line := range lines {
		out.Comment(strings.TrimRight("// "+line, " "))
	}
}

func isNamed(t types.Type) bool {
	_, ok := types.Unalias(t).(*types.Named)
	return ok
}

// embedded is t as the declaration of an embedded field, whose name is that of t's alias if it has one.
func embedded(t types.Type) *jen.Statement {
	if a, ok := t.(*types.Alias); ok && a.TypeArgs().Len() == 0 && a.Obj().Pkg() != nil {
		return jen.Qual(a.Obj().Pkg().Path(), a.Obj().Name())
	}
	return goType(t)
}

// goType is t as Go writes it.
func goType(t types.Type) *jen.Statement {
	if n, ok := types.Unalias(t).(*types.Named); ok {
		name := jen.Qual(n.Obj().Pkg().Path(), n.Obj().Name())
		if n.TypeArgs().Len() == 0 {
			return name
		}
		return name.TypesFunc(func(g *jen.Group) {
			for arg := range n.TypeArgs().Types() {
				g.Add(goType(arg))
			}
		})
	}
	switch u := t.(type) {
	case *types.Array:
		return jen.Index(jen.Lit(int(u.Len()))).Add(goType(u.Elem()))
	case *types.Alias:
		return goType(types.Unalias(u))
	default:
		return jen.Id(types.Unalias(t).(*types.Basic).Name())
	}
}
