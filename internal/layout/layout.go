package layout

import (
	"fmt"
	"go/types"
	"slices"
	"strings"
)

// CacheLine is the bytes that caches of the targets move together.
const CacheLine = 64

// Arches are the targets.
var arches = []string{"amd64", "arm64", "386", "arm"}

// Arches returns the targets' names, as GOARCH has them.
func Arches() []string { return slices.Clone(arches) }

// Field is one field of a struct, or a gap.
type Field struct {
	Name   string `json:"name,omitempty"`
	Type   string `json:"type,omitempty"`
	Offset int64  `json:"offset"`
	Size   int64  `json:"size"`
	Align  int64  `json:"align,omitempty"`
	Gap    bool   `json:"gap,omitempty"`   // bytes that the compiler leaves between fields
	Blank  bool   `json:"blank,omitempty"` // a field named _, such as the gaps that poolgen makes fields
}

// Layout is where the fields of a struct are.
type Layout struct {
	Language string  `json:"language"` // Go or C
	Arch     string  `json:"arch"`
	Size     int64   `json:"size"`
	Align    int64   `json:"align"`
	Lost     int64   `json:"lost"` // bytes in gaps and blank fields
	Fields   []Field `json:"fields"`
}

// Of lays s out as language, Go or C, does on arch. The error says what C cannot hold.
func Of(s *types.Struct, language, arch string) (*Layout, error) {
	sizes := types.SizesFor("gc", arch)
	if sizes == nil || !slices.Contains(arches, arch) {
		return nil, fmt.Errorf("%s is no target: choose from %s", arch, strings.Join(arches, ", "))
	}
	l := &Layout{Language: language, Arch: arch, Align: 1}
	var offsets []int64
	var vars []*types.Var
	for f := range s.Fields() {
		vars = append(vars, f)
	}
	if language == "Go" {
		offsets, l.Size, l.Align = sizes.Offsetsof(vars), sizes.Sizeof(s), sizes.Alignof(s)
	}
	at := int64(0)
	for i, f := range vars {
		field := Field{Name: f.Name(), Type: typeText(f.Type(), f.Pkg()), Blank: f.Name() == "_"}
		if language == "Go" {
			field.Size, field.Align, field.Offset = sizes.Sizeof(f.Type()), sizes.Alignof(f.Type()), offsets[i]
		} else {
			var err error
			if field.Size, field.Align, err = inC(f.Type(), arch, nil); err != nil {
				return nil, fmt.Errorf("field %s: %w", f.Name(), err)
			}
			field.Offset = up(at, field.Align)
			l.Align = max(l.Align, field.Align)
		}
		l.gap(at, field.Offset)
		l.Fields = append(l.Fields, field)
		if field.Blank {
			l.Lost += field.Size
		}
		at = field.Offset + field.Size
	}
	if language != "Go" {
		l.Size = up(at, l.Align)
	}
	l.gap(at, l.Size)
	return l, nil
}

func (l *Layout) gap(from, to int64) {
	if to > from {
		l.Fields = append(l.Fields, Field{Offset: from, Size: to - from, Gap: true})
		l.Lost += to - from
	}
}

// inC is the size and alignment of a type in C.
func inC(t types.Type, arch string, outer []types.Type) (size, align int64, err error) {
	word := types.SizesFor("gc", arch).Sizeof(types.Typ[types.Uintptr])
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Kind() == types.String || u.Kind() == types.Invalid || u.Info()&types.IsComplex != 0 || u.Info()&types.IsUntyped != 0:
			return 0, 0, fmt.Errorf("no %s in C", typeText(t, nil))
		case u.Kind() == types.UnsafePointer:
			return word, word, nil
		}
		size = types.SizesFor("gc", arch).Sizeof(u)
		if size == 8 && arch == "386" {
			return 8, 4, nil
		}
		return size, size, nil
	case *types.Pointer:
		return word, word, nil
	case *types.Array:
		if u.Len() == 0 {
			return 0, 0, fmt.Errorf("no arrays of length 0 in C")
		}
		size, align, err = inC(u.Elem(), arch, outer)
		return size * u.Len(), align, err
	case *types.Struct:
		if atomicInteger(t) {
			return inC(u.Field(u.NumFields()-1).Type(), arch, outer)
		}
		if u.NumFields() == 0 {
			return 0, 0, fmt.Errorf("no empty structs in C")
		}
		align = 1
		for f := range u.Fields() {
			s, a, err := inC(f.Type(), arch, outer)
			if err != nil {
				return 0, 0, err
			}
			size, align = up(size, a)+s, max(align, a)
		}
		return up(size, align), align, nil
	}
	return 0, 0, fmt.Errorf("no %s in C", typeText(t, nil))
}

// atomicInteger reports whether t is an integer of sync/atomic, whose value is its last field.
func atomicInteger(t types.Type) bool {
	n, ok := types.Unalias(t).(*types.Named)
	return ok && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == "sync/atomic" &&
		slices.Contains([]string{"Int32", "Uint32", "Int64", "Uint64", "Uintptr"}, n.Obj().Name())
}

// typeText is t as a file of package own writes it.
func typeText(t types.Type, own *types.Package) string {
	return types.TypeString(t, func(p *types.Package) string {
		if p == own {
			return ""
		}
		return p.Name()
	})
}

func up(n, align int64) int64 { return (n + align - 1) / align * align }

// same reports whether two layouts place everything alike, whatever alignment each would need.
func same(a, b *Layout) bool {
	return a.Size == b.Size && slices.EqualFunc(a.Fields, b.Fields, func(x, y Field) bool {
		x.Align, y.Align = 0, 0
		return x == y
	})
}

// Picture is a layout and all the targets and languages that share it: "Go: amd64, arm64".
type Picture struct {
	Title string `json:"title"`
	*Layout
	least int64 // alignment, where the targets differ
}

// summary says how large it is.
func (p Picture) summary() string {
	align := fmt.Sprint(p.Align)
	if p.least < p.Align {
		align = fmt.Sprintf("%d or %d", p.least, p.Align)
	}
	return fmt.Sprintf("%s, aligned to %s, %s lost", plural(p.Size, "byte"), align, plural(p.Lost, "byte"))
}

// Pictures are the layouts of s on arches in Go and, where C can hold it, in C, each once. why says what C cannot hold.
func Pictures(s *types.Struct, arches []string) (list []Picture, why error, err error) {
	type group struct {
		l     *Layout
		least int64
		where map[string][]string
	}
	var groups []*group
	for _, language := range []string{"Go", "C"} {
		for _, arch := range arches {
			l, e := Of(s, language, arch)
			if e != nil && language == "C" {
				why = e
				continue
			}
			if e != nil {
				return nil, nil, e
			}
			i := slices.IndexFunc(groups, func(g *group) bool { return same(g.l, l) })
			if i < 0 {
				groups = append(groups, &group{l, l.Align, map[string][]string{}})
				i = len(groups) - 1
			}
			g := groups[i]
			g.least = min(g.least, l.Align)
			if l.Align > g.l.Align {
				g.l = l
			}
			g.where[language] = append(g.where[language], arch)
		}
	}
	for _, g := range groups {
		var parts []string
		for _, language := range []string{"Go", "C"} {
			if on := g.where[language]; len(on) > 0 {
				parts = append(parts, language+" on "+strings.Join(on, ", "))
			}
		}
		list = append(list, Picture{strings.Join(parts, "; "), g.l, g.least})
	}
	return list, why, nil
}
