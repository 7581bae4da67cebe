package gen

import (
	"fmt"
	"go/types"
	"slices"

	"github.com/poolgen/poolgen/internal/layout"
)

// maxStruct is the largest struct in bytes: more does not fit a block.
const maxStruct = 1 << 30

// maxMapped is more bytes than a 32-bit process can map.
const maxMapped = 1 << 31

// natural is the size and alignment that a type has in the layout for all targets: every scalar aligned to its size.
func natural(t types.Type) (size, align int64, err error) {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		size = types.SizesFor("gc", "amd64").Sizeof(u)
		return size, size, nil
	case *types.Array:
		size, align, err = natural(u.Elem())
		if err == nil && size > 0 && u.Len() > maxStruct/size {
			err = fmt.Errorf("%s has more than %d bytes: a block cannot hold it", t, maxStruct)
		}
		return size * u.Len(), align, err
	case *types.Struct:
		align = 1
		for f := range u.Fields() {
			s, a, err := natural(f.Type())
			if err != nil {
				return 0, 0, err
			}
			size = roundUp(size, a) + s
			align = max(align, a)
			if size > maxStruct {
				return 0, 0, fmt.Errorf("%s has more than %d bytes: a block cannot hold it", t, maxStruct)
			}
		}
		return roundUp(size, align), align, nil
	}
	return 0, 0, fmt.Errorf("%s has no layout in C", t)
}

// agrees checks that a struct which is used as it stands in the source has its natural layout on every target in both languages. Go
// on arm and 386 and C on 386 align 8 bytes to 4; a struct whose fields lie alike all the same is fine.
func agrees(s *types.Struct) error {
	var want []int64
	off := int64(0)
	for f := range s.Fields() {
		size, align, err := natural(f.Type())
		if err != nil {
			return err
		}
		off = roundUp(off, align)
		want = append(want, off)
		off += size
	}
	size, _, err := natural(s)
	if err != nil {
		return err
	}
	for _, arch := range layout.Arches() {
		for _, language := range []string{"Go", "C"} {
			l, err := layout.Of(s, language, arch)
			if err != nil {
				return err
			}
			where := "on " + arch
			if language == "C" {
				where = "in C on " + arch
			}
			fields := slices.DeleteFunc(l.Fields, func(f layout.Field) bool { return f.Gap })
			for i, f := range fields {
				if f.Offset != want[i] {
					return fmt.Errorf("field %s is at offset %d %s and at %d elsewhere: put a field _ [%d]byte before it", f.Name, f.Offset, where, want[i], want[i]-f.Offset)
				}
			}
			if l.Size != size {
				return fmt.Errorf("its size is %d %s and %d elsewhere: put a field _ [%d]byte at its end", l.Size, where, size, size-l.Size)
			}
		}
	}
	return nil
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }
