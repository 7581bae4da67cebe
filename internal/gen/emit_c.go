package gen

import (
	"bytes"
	"fmt"
	"go/constant"
	"go/types"
	"strings"
	"unicode"

	"github.com/poolgen/poolgen/templates"
)

var cBasic = map[types.BasicKind]string{
	types.Int8: "int8_t", types.Int16: "int16_t", types.Int32: "int32_t", types.Int64: "int64_t",
	types.Uint8: "uint8_t", types.Uint16: "uint16_t", types.Uint32: "uint32_t", types.Uint64: "uint64_t",
	types.Float32: "float", types.Float64: "double",
}

// declare is the declaration of a member of type t: "int16_t pcm[2][960]".
func (b *builder) declare(t types.Type, name string) string {
	dims := ""
	for {
		if _, isNamed := types.Unalias(t).(*types.Named); !isNamed || isArray(t) {
			if a, ok := t.Underlying().(*types.Array); ok {
				dims += fmt.Sprintf("[%d]", a.Len())
				t = a.Elem()
				continue
			}
		}
		break
	}
	base := ""
	if base = atomicBase(t); base != "" {
		return base + " " + name + dims
	}
	if n, ok := types.Unalias(t).(*types.Named); ok {
		base = b.cTypeName(n)
	} else {
		base = cBasic[t.Underlying().(*types.Basic).Kind()]
	}
	return base + " " + name + dims
}

func isArray(t types.Type) bool {
	_, ok := t.Underlying().(*types.Array)
	return ok
}

// cLiteral is a constant as C writes it, without surprises of sign or width.
func cLiteral(v constant.Value, kind types.BasicKind) string {
	switch kind {
	case types.Float32, types.Float64:
		f, _ := constant.Float64Val(v)
		return fmt.Sprintf("%.17g", f)
	case types.Uint8, types.Uint16, types.Uint32, types.Uint64:
		return fmt.Sprintf("UINT64_C(%s)", v.ExactString())
	default:
		if v.ExactString() == "-9223372036854775808" {
			return "INT64_MIN"
		}
		return fmt.Sprintf("INT64_C(%s)", v.ExactString())
	}
}

// cPool is what the template needs of one pool.
type cPool struct {
	Name     string
	GoName   string
	Doc      []string
	Members  []cMember
	Atomics  []cAtomic
	Strings  []cText
	Payloads []cPayload
	Size     int64
	Align    int64
}

// cText is a member that holds a C string.
type cText struct {
	Pool, Name string
	Size       int64
}

// cPayload is the member that a block ends with.
type cPayload struct {
	Pool, Name   string
	Offset, Size int64
}

type cAtomic struct{ Pool, Name, Type string }

// Short is the member's name in those of functions: without the underscore that keeps it apart from a keyword.
func (c cAtomic) Short() string  { return strings.TrimSuffix(c.Name, "_") }
func (c cText) Short() string    { return strings.TrimSuffix(c.Name, "_") }
func (c cPayload) Short() string { return strings.TrimSuffix(c.Name, "_") }

// header renders the C side of a file; nil when C can share none of its structs.
func (f *file) header(guard string) ([]byte, error) {
	b := &builder{file: f}
	var pools []cPool
	for _, p := range f.pools {
		if p.heap {
			continue
		}
		c := cPool{Name: p.cname, GoName: p.name, Doc: p.doc, Size: p.size, Align: p.align}
		for _, m := range p.members {
			name, decl := m.cname, ""
			switch {
			case m.typ == nil || m.blank:
				decl = fmt.Sprintf("uint8_t %s[%d]", name, m.size)
			case m.string:
				decl = fmt.Sprintf("char %s[%d]", name, m.size)
				c.Strings = append(c.Strings, cText{p.cname, name, m.size})
			default:
				decl = b.declare(m.typ, name)
			}
			switch {
			case m.tail:
				c.Payloads = append(c.Payloads, cPayload{p.cname, name, m.offset, m.size})
			case m.atomic != "" && atomicBase(m.typ) != "":
				c.Atomics = append(c.Atomics, cAtomic{p.cname, name, atomicBase(m.typ)})
			case m.atomic != "":
				c.Atomics = append(c.Atomics, cAtomic{p.cname, name, cBasic[m.typ.Underlying().(*types.Basic).Kind()]})
			}
			c.Members = append(c.Members, cMember{m.doc, decl, name, m.offset})
		}
		pools = append(pools, c)
	}
	var allocs []string
	for _, m := range f.allocs {
		text, err := f.allocHeader(m)
		if err != nil {
			return nil, err
		}
		allocs = append(allocs, text)
	}
	if len(pools) == 0 && len(allocs) == 0 {
		return nil, nil
	}
	var out bytes.Buffer
	err := templates.Header.Execute(&out, map[string]any{
		"Mark": generatedMark, "Guard": guard, "Package": f.pkg.Name(), "Enums": exportEnums(f.enums), "Structs": exportStructs(f.structs), "Pools": exportPools(pools),
		"Allocs": allocs,
	})
	return out.Bytes(), err
}

// comment makes a C comment of doc. No line goes on after its end, whatever it ends with, and nothing in it hides the code behind it.
func comment(doc []string, indent string) string {
	if len(doc) == 0 {
		return ""
	}
	var b strings.Builder
	for _, line := range doc {
		line = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
				return -1
			}
			return r
		}, line)
		for { // a backslash, or the trigraph for one, would make the next line part of the comment
			short := strings.TrimSuffix(strings.TrimRight(line, " \t\\"), "??/")
			if short == line {
				break
			}
			line = short
		}
		b.WriteString(strings.TrimRight(indent+"// "+line, " ") + "\n")
	}
	return b.String()
}

// The views that the template prints: everything is text or a number by then.

type viewMember struct {
	Comment, Decl, Name string
	Offset              int64
}

func views(list []cMember) []viewMember {
	var out []viewMember
	for _, m := range list {
		out = append(out, viewMember{comment(m.doc, "    "), m.decl, m.name, m.offset})
	}
	return out
}

func exportEnums(list []*cEnum) []map[string]any {
	var out []map[string]any
	for _, e := range list {
		var items []map[string]string
		for _, c := range e.items {
			items = append(items, map[string]string{"Comment": comment(c.doc, ""), "Name": c.name, "Value": c.value})
		}
		out = append(out, map[string]any{"Comment": comment(e.doc, ""), "Name": e.name, "Guard": strings.ToUpper(e.name) + "_DEFINED", "Base": e.base, "Items": items})
	}
	return out
}

func exportStructs(list []*cStruct) []map[string]any {
	var out []map[string]any
	for _, s := range list {
		out = append(out, map[string]any{"Comment": comment(s.doc, ""), "Name": s.name, "Guard": strings.ToUpper(s.name) + "_DEFINED", "Members": views(s.members), "Atomics": s.atomics, "Size": s.size})
	}
	return out
}

func exportPools(list []cPool) []map[string]any {
	var out []map[string]any
	for _, p := range list {
		out = append(out, map[string]any{
			"Comment": comment(p.Doc, ""), "Name": p.Name, "Upper": strings.ToUpper(p.Name), "GoName": p.GoName,
			"Members": views(p.Members), "Atomics": p.Atomics, "Strings": p.Strings, "Payloads": p.Payloads, "Size": p.Size,
		})
	}
	return out
}
