package gen

import (
	"fmt"
	"go/types"
)

// target is one architecture, with the alignment rules of its two compilers.
type target struct {
	name    string
	sizes   types.Sizes
	wordInC int64 // alignment of a 64-bit member in C
}

// targets are the architectures that one layout must hold on. In C a 64-bit member is aligned to 8 by AAPCS, AAPCS64 and the
// System V ABI of x86-64, and to 4 by the System V ABI of i386. Go aligns it to 4 on arm and 386.
var targets = []target{
	{"amd64", types.SizesFor("gc", "amd64"), 8},
	{"arm64", types.SizesFor("gc", "arm64"), 8},
	{"386", types.SizesFor("gc", "386"), 4},
	{"arm", types.SizesFor("gc", "arm"), 8},
}

// maxStruct is the largest struct in bytes: more does not fit a block.
const maxStruct = 1 << 30

// maxMapped is more bytes than a 32-bit process can map.
const maxMapped = 1 << 31

// natural is the size and alignment that a type has in the layout for all targets: every scalar aligned to its size.
func natural(t types.Type) (size, align int64, err error) {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		size = targets[0].sizes.Sizeof(u)
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

// agrees checks that a struct which is used as it stands in the source has its natural layout on every target in both languages.
func agrees(s *types.Struct) error {
	var fields []*types.Var
	var want []int64
	off := int64(0)
	for f := range s.Fields() {
		if inner, ok := f.Type().Underlying().(*types.Struct); ok && atomicNamed(f.Type()) == nil {
			if err := agrees(inner); err != nil {
				return err
			}
		}
		size, align, err := natural(f.Type())
		if err != nil {
			return err
		}
		off = roundUp(off, align)
		fields, want = append(fields, f), append(want, off)
		off += size
	}
	size, _, err := natural(s)
	if err != nil {
		return err
	}
	for _, t := range targets {
		for i, got := range t.sizes.Offsetsof(fields) {
			if got != want[i] {
				return fmt.Errorf("field %s is at offset %d on %s and at %d elsewhere: put a field _ [%d]byte before it",
					fields[i].Name(), got, t.name, want[i], want[i]-got)
			}
		}
		if got := t.sizes.Sizeof(s); got != size {
			return fmt.Errorf("its size is %d on %s and %d elsewhere: put a field _ [%d]byte at its end", got, t.name, size, size-got)
		}
		if err := agreesInC(s, t); err != nil {
			return err
		}
	}
	return nil
}

// agreesInC checks the natural layout against the C compiler of a target.
func agreesInC(s *types.Struct, t target) error {
	size, want := int64(0), int64(0)
	align := int64(1)
	for f := range s.Fields() {
		n, natAlign, err := natural(f.Type())
		if err != nil {
			return err
		}
		a := alignInC(f.Type(), t)
		size, want = roundUp(size, a), roundUp(want, natAlign)
		if size != want {
			return fmt.Errorf("field %s is at offset %d in C on %s and at %d elsewhere: put a field _ [%d]byte before it", f.Name(), size, t.name, want, want-size)
		}
		size, want, align = size+n, want+n, max(align, a)
	}
	if n, _, _ := natural(s); roundUp(size, align) != n {
		return fmt.Errorf("its size is %d in C on %s and %d elsewhere: put a field _ [%d]byte at its end", roundUp(size, align), t.name, n, n-size)
	}
	return nil
}

func alignInC(typ types.Type, t target) int64 {
	switch u := typ.Underlying().(type) {
	case *types.Array:
		return alignInC(u.Elem(), t)
	case *types.Struct:
		align := int64(1)
		for f := range u.Fields() {
			align = max(align, alignInC(f.Type(), t))
		}
		return align
	default:
		if n := targets[0].sizes.Sizeof(typ); n < 8 {
			return n
		}
		return t.wordInC
	}
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }
