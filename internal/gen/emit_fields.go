package gen

import (
	"fmt"

	"github.com/dave/jennifer/jen"
)

// emitAccessors renders what Go gets for C strings and for a payload.
func emitAccessors(out *jen.File, p *poolModel, local func(string) string) {
	for _, m := range p.members {
		switch {
		case m.string:
			emitString(out, p, m, local("p"))
		case m.tail:
			emitPayload(out, p, m)
		}
	}
}

func emitString(out *jen.File, p *poolModel, m member, self string) {
	methods := stringMethods(m.name)
	get, set := methods[0], methods[1]
	field := func() *jen.Statement { return jen.Id(self).Dot(m.name).Index(jen.Empty(), jen.Empty()) }
	// func (p *Frame) NameString() string { return pool.CString(p.Name[:]) }
	out.Line()
	comments(out, []string{fmt.Sprintf("%s is the text in %s, up to the first NUL.", get, m.name)})
	out.Func().Params(jen.Id(self).Op("*").Id(p.name)).Id(get).Params().String().Block(jen.Return(jen.Qual(poolPath, "CString").Call(field())))
	// func (p *Frame) SetName(s string) bool { return pool.SetCString(p.Name[:], s) }
	out.Line()
	comments(out, []string{fmt.Sprintf("%s puts s into %s with a NUL behind it, and reports whether all of it fit: %d bytes do. See pool.SetCString.", set, m.name, m.size-1)})
	out.Func().Params(jen.Id(self).Op("*").Id(p.name)).Id(set).Params(jen.Id("s").String()).Bool().Block(jen.Return(jen.Qual(poolPath, "SetCString").Call(field(), jen.Id("s"))))
}

func emitPayload(out *jen.File, p *poolModel, m member) {
	name := p.name + upperFirst(m.name)
	// const (
	//	FrameDataOffset = 64
	//	FrameDataCap    = 1500
	// )
	out.Line()
	comments(out, []string{fmt.Sprintf("Where the payload of %s begins in its block, and how many bytes it may have.", p.name)})
	out.Const().Defs(jen.Id(name+"Offset").Op("=").Lit(int(m.offset)), jen.Id(name+"Cap").Op("=").Lit(int(m.size)))
	// func FrameData(r FrameRef) []byte { return r.Tail(FrameDataOffset, FrameDataCap) }
	out.Line()
	comments(out, []string{
		fmt.Sprintf("%s is the part of r's payload that is in use: all of it until Set%sLen. It is valid until the caller's reference is released.", name, name)})
	out.Func().Id(name).Params(jen.Id("r").Id(p.name + "Ref")).Index().Byte().Block(jen.Return(jen.Id("r").Dot("Tail").Call(jen.Id(name+"Offset"), jen.Id(name+"Cap"))))
	// func SetFrameDataLen(r FrameRef, n int) { r.SetTail(FrameDataOffset, FrameDataCap, n) }
	out.Line()
	comments(out, []string{
		fmt.Sprintf("Set%sLen says that n bytes of r's payload are in use, 0 to %sCap; it panics if n is out of range or others hold references.", name, name)})
	out.Func().Id("Set"+name+"Len").Params(jen.Id("r").Id(p.name+"Ref"), jen.Id("n").Int()).Block(jen.Id("r").Dot("SetTail").Call(jen.Id(name+"Offset"), jen.Id(name+"Cap"), jen.Id("n")))
}
