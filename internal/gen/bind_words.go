package gen

import (
	"slices"

	"github.com/dave/jennifer/jen"
)

const (
	maxWords  = 32 // arguments that purego passes
	fastWords = 16 // those that pass without an allocation
)

// abi is how integer arguments become machine words.
type abi int

const (
	abi64   abi = iota // one word each
	abiEven            // arm: two words of a 64-bit integer begin at an even one
	abi32              // 386: two words wherever they fall
)

// slot is one word of an argument; of no argument when param is -1.
type slot struct {
	param int
	high  bool
}

// slots are the words of a call.
func (c *callModel) slots(a abi) []slot {
	var list []slot
	for i, p := range c.params {
		switch wide := isWide(p.kind) || p.kind == "float64"; {
		case !wide || a == abi64:
			list = append(list, slot{i, false})
		default:
			if a == abiEven && len(list)%2 == 1 {
				list = append(list, slot{-1, false})
			}
			list = append(list, slot{i, false}, slot{i, true})
		}
	}
	return list
}

// words is how many words a call has at most on any target.
func (c *callModel) words() int {
	return max(len(c.slots(abi64)), len(c.slots(abiEven)), len(c.slots(abi32)))
}

// plan decides how the function is called without cgo.
func (c *callModel) plan() {
	floats := slices.ContainsFunc(c.params, func(p callParam) bool { return isFloat(p.kind) })
	c.typed = floats || c.result != nil && isFloat(kindOf(c.result)) || c.words() > fastWords
}

// word is slot s as an argument of a Caller.
func (c *callModel) word(s slot, dl string, name func(int) string) *jen.Statement {
	if s.param < 0 {
		return jen.Lit(0)
	}
	p := c.params[s.param]
	switch {
	case c.char(s.param):
		return charWord(p, dl, name(s.param))
	case p.kind == "bool" && isNamed(p.typ):
		return jen.Qual(dl, "Bool").Call(jen.Bool().Call(jen.Id(name(s.param))))
	case p.kind == "bool":
		return jen.Qual(dl, "Bool").Call(jen.Id(name(s.param)))
	case p.kind == "*":
		return jen.Uintptr().Call(jen.Qual(unsafePath, "Pointer").Call(jen.Id(name(s.param))))
	case s.high:
		return jen.Uintptr().Call(jen.Id(name(s.param)).Op(">>").Lit(32))
	case p.kind == "uintptr" && !isNamed(p.typ):
		return jen.Id(name(s.param))
	}
	return jen.Uintptr().Call(jen.Id(name(s.param)))
}

// char reports whether parameter i is a char in C, which has a sign on some machines only: the caller extends it to a word.
func (c *callModel) char(i int) bool {
	return i < len(c.proto.params) && c.proto.params[i].base == "char" && c.proto.params[i].ptr == 0
}

// charWord is a char as an argument.
func charWord(p callParam, dl, name string) *jen.Statement {
	x := jen.Id(name)
	if p.kind != "uint8" || isNamed(p.typ) {
		x = jen.Uint8().Call(x)
	}
	return jen.Qual(dl, "Char").Call(x)
}
