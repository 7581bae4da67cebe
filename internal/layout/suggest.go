package layout

import (
	"fmt"
	"go/format"
	"go/types"
	"slices"
	"strings"
)

// Suggestion is the order of fields that takes the least memory on every target.
type Suggestion struct {
	Order []string         `json:"order"` // field names; an embedded field's is its type's
	Lines []string         `json:"-"`     // and as Go source
	Saved map[string]int64 `json:"saved"` // bytes that it saves in Go, by target
}

// Suggest orders the fields of s. Fields go by alignment, largest first: each size is a multiple of its alignment, so no gap is left but at
// the end, and no order has a smaller one. Fields without bytes go first, because Go pads a last one. Blank fields are gaps made by
// hand: they are left out. nil if nothing is saved.
func Suggest(s *types.Struct) *Suggestion {
	type item struct {
		v    *types.Var
		tag  string
		rank int64
	}
	var items []item
	strictest := types.SizesFor("gc", "amd64")
	for i := range s.NumFields() {
		f := s.Field(i)
		if f.Name() == "_" {
			continue
		}
		rank := strictest.Alignof(f.Type()) * 2
		if arm := types.SizesFor("gc", "arm").Alignof(f.Type()) * 2; arm < rank {
			rank-- // 8 bytes that arm aligns to 4 come after those that it aligns to 8
		}
		if strictest.Sizeof(f.Type()) == 0 {
			rank = 1 << 20
		}
		items = append(items, item{f, s.Tag(i), rank})
	}
	slices.SortStableFunc(items, func(a, b item) int { return int(b.rank - a.rank) })
	var vars []*types.Var
	var tags []string
	sug := &Suggestion{Saved: map[string]int64{}}
	for _, it := range items {
		vars, tags = append(vars, it.v), append(tags, it.tag)
		sug.Order = append(sug.Order, it.v.Name())
		line := it.v.Name() + " " + typeText(it.v.Type(), it.v.Pkg())
		if it.v.Embedded() {
			line = typeText(it.v.Type(), it.v.Pkg())
		}
		if it.tag != "" {
			line += fmt.Sprintf(" `%s`", it.tag)
		}
		sug.Lines = append(sug.Lines, line)
	}
	better := types.NewStruct(vars, tags)
	gain := int64(0)
	for _, arch := range arches {
		sizes := types.SizesFor("gc", arch)
		saved := sizes.Sizeof(s) - sizes.Sizeof(better)
		if saved < 0 {
			return nil
		}
		sug.Saved[arch] = saved
		gain += saved
	}
	if gain == 0 {
		return nil
	}
	return sug
}

// Source is the struct in the suggested order.
func (s *Suggestion) Source(name string) string {
	text := "type " + name + " struct {\n\t" + strings.Join(s.Lines, "\n\t") + "\n}\n"
	if nice, err := format.Source([]byte(text)); err == nil {
		return string(nice)
	}
	return text
}
