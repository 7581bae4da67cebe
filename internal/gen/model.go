package gen

import (
	"go/ast"
	"go/types"
)

// file is what one source file comes to: a Go file and, when C can share any of its structs, a header.
type file struct {
	pkg     *types.Package
	source  string // path of the annotated file
	prefix  string // of names in C
	pools   []*poolModel
	allocs  []*allocModel
	structs []*cStruct // nested structs, in the order C needs them
	enums   []*cEnum   // named integer types
}

// poolModel is one annotated struct.
type poolModel struct {
	spec    *types.Named // the struct in the source
	name    string       // of the Go type that is emitted
	cname   string
	doc     []string
	opts    poolOptions
	heap    bool // on the Go heap, because C cannot share it
	why     string
	members []member
	size    int64
	align   int64
}

// member is one field of an emitted struct, gaps included.
type member struct {
	name   string // in Go; "_" in a gap
	cname  string
	doc    []string
	typ    types.Type // nil in a gap
	atomic string     // name of the sync/atomic type, or ""
	embed  bool
	offset int64
	size   int64
	blank  bool // a field named _ in the source
}

// cStruct is a nested struct, which both languages take as it stands in the source.
type cStruct struct {
	name    string
	doc     []string
	members []cMember
	size    int64
}

// cMember is a declaration in C and where it must be.
type cMember struct {
	doc    []string
	decl   string
	name   string
	offset int64
}

// cEnum is a named integer type with its constants.
type cEnum struct {
	name  string
	base  string
	doc   []string
	items []cConst
}

type cConst struct {
	name, value string
	doc         []string
}

// buildPool checks an annotated struct and lays it out. It returns nil when it reported something.
func (b *builder) buildPool(spec *ast.TypeSpec, named *types.Named, st *ast.StructType, o poolOptions, doc []string) *poolModel {
	before := len(b.diags.list)
	p := &poolModel{spec: named, opts: o, doc: doc, name: o.as}
	source := named.Obj().Name()
	if p.name == "" {
		if named.Obj().Exported() {
			b.diags.addf(spec.Name.Pos(), codeExported, "%s is exported, and so would be the type that poolgen emits: rename it, to %s, or add as=OtherName", source, lowerFirst(source))
		} else if p.name = upperFirst(source); !isASCII(source) || p.name == source {
			b.diags.addf(spec.Name.Pos(), codeNotC, "%s cannot be a name in C: use ASCII letters, beginning with one, or add as=Name", source)
		}
	}
	if named.TypeParams().Len() > 0 {
		b.diags.addf(spec.Name.Pos(), codeGeneric, "%s has type parameters, which have no layout: annotate a struct without", source)
		return nil
	}
	p.cname = b.file.prefix + "_" + snake(p.name)
	var problems []problem
	off := int64(0)
	p.align = max(1, o.align)
	flat := flatten(st)
	if len(flat) == 0 {
		b.diags.addf(spec.Name.Pos(), codeEmpty, "%s has no fields: a block would hold nothing", source)
	}
	seen := map[string]string{}
	for i, f := range flat {
		v := named.Underlying().(*types.Struct).Field(i)
		fo := parseTag(f.field, b.diags)
		m := member{name: v.Name(), typ: v.Type(), embed: v.Embedded(), doc: docOf(f.field), blank: v.Name() == "_"}
		m.cname = memberName(v.Name())
		if other, ok := seen[m.cname]; ok && !m.blank {
			problems = append(problems, problem{f.pos, codeSameMember, "field " + v.Name() + " and field " + other + " have the same name in C, " + m.cname + ": rename one"})
		}
		seen[m.cname] = v.Name()
		if code, why := b.refuse(v.Type()); why != "" {
			problems = append(problems, problem{f.pos, code, "field " + v.Name() + ": " + why})
			continue
		}
		size, align, err := natural(v.Type())
		if err != nil {
			problems = append(problems, problem{f.pos, codeTooLarge, "field " + v.Name() + ": " + err.Error()})
			continue
		}
		if size == 0 {
			problems = append(problems, problem{f.pos, codeNoBytes, "field " + v.Name() + " has no bytes, and C and Go place such fields differently: remove it"})
			continue
		}
		if fo.atomic {
			if m.atomic = atomicType(v.Type()); m.atomic == "" {
				b.diags.addf(f.pos, codeAtomicType, "field %s: only int32, uint32, int64 and uint64 can be atomic, %s cannot: change its type", v.Name(), v.Type())
			}
		}
		align = max(align, fo.align)
		if gap := roundUp(off, align) - off; gap > 0 {
			p.members = append(p.members, member{name: "_", offset: off, size: gap})
			off += gap
		}
		m.offset, m.size = off, size
		off += size
		p.align = max(p.align, align)
		p.members = append(p.members, m)
		if off > maxStruct {
			b.diags.addf(f.pos, codeTooLarge, "%s has more than %d bytes up to this field: a block cannot hold it", source, maxStruct)
			return nil
		}
	}
	if len(problems) > 0 {
		return b.onHeap(p, problems, before)
	}
	fieldAlign := int64(1)
	for _, m := range p.members {
		if m.typ != nil {
			_, a, _ := natural(m.typ)
			fieldAlign = max(fieldAlign, a)
		}
	}
	for _, f := range flat {
		fieldAlign = max(fieldAlign, parseTag(f.field, &diagnostics{fset: b.diags.fset}).align)
	}
	if gap := roundUp(off, fieldAlign) - off; gap > 0 {
		p.members = append(p.members, member{name: "_", offset: off, size: gap})
		off += gap
	}
	p.size = off
	if len(b.diags.list) > before {
		return nil
	}
	for _, m := range p.members {
		if m.typ != nil {
			b.need(m.typ)
		}
	}
	return p
}

// onHeap makes of a struct that C cannot share a pool on the Go heap, unless it says that it is shared.
func (b *builder) onHeap(p *poolModel, problems []problem, before int) *poolModel {
	if p.opts.shared {
		for _, x := range problems {
			b.diags.addf(x.pos, x.code, "%s", x.text)
		}
	}
	if len(b.diags.list) > before {
		return nil
	}
	p.heap, p.why, p.members = true, problems[0].text, nil
	p.name = upperFirst(p.spec.Obj().Name())
	if p.opts.as != "" {
		p.name = p.opts.as
	}
	return p
}
