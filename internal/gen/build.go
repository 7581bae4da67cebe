package gen

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
)

// buildPool checks an annotated struct and lays it out. It returns nil when it reported something.
func (b *builder) buildPool(spec *ast.TypeSpec, obj *types.TypeName, st *ast.StructType, o poolOptions, doc []string) *poolModel {
	before := len(b.diags.list)
	p := &poolModel{spec: obj, opts: o, doc: doc}
	p.name = b.emittedName(spec, o.as)
	p.cname = b.file.prefix + "_" + snake(p.name)
	p.align = max(1, o.align)
	if _, ok := obj.Type().Underlying().(*types.Struct); !ok {
		b.diags.addf(spec.Name.Pos(), codeRecursive, "%s contains itself: hold an index instead", obj.Name())
		return nil
	}
	flat := flatten(st)
	if len(flat) == 0 {
		b.diags.addf(spec.Name.Pos(), codeEmpty, "%s has no fields: a block would hold nothing", obj.Name())
	}
	problems, ok := b.place(p, flat)
	if !ok {
		return nil
	}
	b.nameMembers(p)
	if len(problems) > 0 {
		return b.onHeap(p, flat, problems, before)
	}
	switch bytes := roundUp(p.size, max(p.align, cacheLine)); {
	case o.budget > 0 && bytes*max(1, o.prealloc) > o.budget:
		b.diags.addf(spec.Name.Pos(), codeContradict, "%d blocks of %d bytes do not fit in budget=%d: raise budget or lower prealloc", max(1, o.prealloc), bytes, o.budget)
	case bytes*o.prealloc >= maxMapped:
		b.diags.addf(spec.Name.Pos(), codeTooLarge, "prealloc=%d blocks of %d bytes do not fit in the 2 GiB that a 32-bit process has: lower prealloc", o.prealloc, bytes)
	}
	if len(b.diags.list) > before {
		return nil
	}
	for _, m := range p.members {
		if m.typ != nil && !m.tail {
			b.need(m.typ, spec.Name.Pos())
		}
	}
	return p
}

// emittedName is the name of the type to emit for an annotated one.
func (b *builder) emittedName(spec *ast.TypeSpec, as string) string {
	source := spec.Name.Name
	if as != "" {
		return as
	}
	if ast.IsExported(source) {
		b.diags.addf(spec.Name.Pos(), codeExported, "%s is exported, and so would be the type that poolgen emits: rename it, to %s, or add as=OtherName", source, lowerFirst(source))
		return source
	}
	name := upperFirst(source)
	if !isASCII(source) || name == source {
		b.diags.addf(spec.Name.Pos(), codeNotC, "%s cannot be a name in C: use ASCII letters, beginning with one, or add as=Name", source)
	}
	return name
}

// place gives every field its offset, and makes members of the gaps. It reports false when there is no sense in going on.
func (b *builder) place(p *poolModel, flat []flatField) ([]problem, bool) {
	var problems []problem
	off, fieldAlign := int64(0), int64(1)
	gapTo := func(align int64) {
		if gap := roundUp(off, align) - off; gap > 0 {
			p.members = append(p.members, member{name: "_", offset: off, size: gap})
			off += gap
		}
	}
	seen := map[string]string{}
	fields := map[token.Pos]*types.Var{} // the type checker leaves out what is declared twice
	for v := range p.spec.Type().Underlying().(*types.Struct).Fields() {
		fields[v.Pos()] = v
	}
	for i, f := range flat {
		if f.name == nil || fields[f.name.Pos()] == nil {
			b.diags.addf(f.pos, codeFieldTwice, "%s has this field already: rename one", p.spec.Name())
			return nil, false
		}
		v := fields[f.name.Pos()]
		fo := parseTag(f.field, b.diags)
		m := member{name: v.Name(), typ: v.Type(), embed: v.Embedded(), doc: docOf(f.field), blank: v.Name() == "_", cname: memberName(v.Name())}
		if why := b.fieldFault(&m, fo, i == len(flat)-1, seen); why.text != "" {
			if why.code == codeUnresolved && ofC(f.field.Type) {
				why = fault{codeCgo, ": only the C compiler knows types of cgo: declare the field with a type of Go, such as int32"}
			}
			if said := b.p.errorIn(f.field.Type); why.code == codeUnresolved && said != "" {
				why.text = fmt.Sprintf(": its type cannot be resolved, %s: mend the package first, or declare the type outside generated files", said)
			}
			if why.code == codeNestedTag { // also on the heap
				b.diags.addf(f.pos, why.code, "field %s%s", v.Name(), why.text)
			}
			problems = append(problems, problem{f.pos, fault{why.code, "field " + v.Name() + why.text}})
			continue
		}
		seen[m.cname] = v.Name()
		size, align, _ := natural(m.typ)
		switch {
		case m.blank && (fo.atomic || fo.cstring):
			b.diags.addf(f.field.Tag.Pos(), codeContradict, "a field named _ can be neither read nor written: remove the option, or name the field")
		case m.blank:
		case atomicNamed(m.typ) != nil:
			m.atomic = atomicNamed(m.typ).Obj().Name()
		case fo.atomic:
			if m.atomic = atomicType(m.typ); m.atomic == "" {
				b.diags.addf(f.pos, codeAtomicType, "field %s: only int32, uint32, int64 and uint64 can be atomic, %s cannot: change its type", v.Name(), v.Type())
			}
		case fo.cstring:
			m.string = true
		}
		align = max(align, fo.align)
		gapTo(align)
		m.offset, m.size = off, size
		off += size
		fieldAlign = max(fieldAlign, align)
		p.members = append(p.members, m)
		if fo.cacheline {
			gapTo(cacheLine)
		}
		if off > maxStruct {
			b.diags.addf(f.pos, codeTooLarge, "%s has more than %d bytes up to this field: a block cannot hold it", p.spec.Name(), maxStruct)
			return nil, false
		}
	}
	gapTo(fieldAlign)
	p.size, p.align = off, max(p.align, fieldAlign)
	return problems, true
}

// fieldFault says why C cannot share a field, after its name. A payload's type becomes an array of its capacity.
func (b *builder) fieldFault(m *member, fo fieldOptions, last bool, seen map[string]string) fault {
	if fo.payload && fo.capacity > 0 {
		slice, isSlice := m.typ.Underlying().(*types.Slice)
		array, isArray := m.typ.Underlying().(*types.Array)
		if !isSlice && !(isArray && array.Len() == 0) || isSlice && !isByte(slice.Elem()) || isArray && !isByte(array.Elem()) || !last || m.blank || m.embed {
			return fault{codePayload, ": a payload is the last field, with a name, and of type []byte or [0]byte: move it, or change its type"}
		}
		m.tail, m.slice = true, isSlice
		m.typ = types.NewArray(types.Typ[types.Byte], fo.capacity)
	}
	if why := b.refuse(m.typ); why.text != "" {
		return fault{why.code, ": " + why.text}
	}
	size, _, err := natural(m.typ)
	if err != nil {
		return fault{codeTooLarge, ": " + err.Error()}
	}
	if size == 0 {
		return fault{codeNoBytes, " has no bytes, and C and Go place such fields differently: remove it"}
	}
	if array, ok := types.Unalias(m.typ).(*types.Array); fo.cstring && (!ok || !isByte(array.Elem()) || array.Len() < 2) {
		return fault{codeCString, fmt.Sprintf(": %s cannot hold a C string: use [32]byte, or another array of at least 2 bytes", typeName(m.typ))}
	}
	if m.blank {
		return fault{}
	}
	if !isASCII(m.name) {
		return fault{codeNotC, " cannot be a name in C: use ASCII letters"}
	}
	if other, ok := seen[m.cname]; ok {
		return fault{codeSameMember, " and field " + other + " have the same name in C, " + m.cname + ": rename one"}
	}
	return fault{}
}

func isByte(t types.Type) bool {
	b, ok := types.Unalias(t).(*types.Basic)
	return ok && b.Kind() == types.Uint8
}

// onHeap makes of a struct that C cannot share a pool on the Go heap, unless it says that it is shared.
func (b *builder) onHeap(p *poolModel, flat []flatField, problems []problem, before int) *poolModel {
	if p.opts.shared {
		for _, x := range problems {
			b.diags.addf(x.pos, x.code, "%s", x.text)
		}
	} else {
		// The values on the heap are those of the source: nothing pads or wraps their fields.
		for _, f := range flat {
			if parseTag(f.field, &diagnostics{fset: b.diags.fset}) != (fieldOptions{}) {
				b.diags.addf(f.field.Tag.Pos(), codeContradict, "%s is pooled on the Go heap, as it stands, because of %s: this option has no effect there, remove it (for atomic, declare an atomic.Uint64)", p.spec.Name(), problems[0].text)
			}
		}
	}
	if len(b.diags.list) > before {
		return nil
	}
	p.heap, p.why, p.members = true, problems[0].text, nil
	return p
}
