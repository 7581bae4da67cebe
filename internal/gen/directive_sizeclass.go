package gen

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// classOptions are the options of a //poolgen:sizeclass directive, after what follows from them has been worked out.
type classOptions struct {
	min, max int64 // bytes of a request
	budget   int64 // bytes, bookkeeping included
	growth   int64 // classes a doubling
	align    int64 // bytes
	cache    int64 // bytes that a thread's cache keeps; 0 is the runtime's choice
	shared   bool
	as       string
	prefix   string
	text     string // the options as written

	sizes    []int64 // of the classes
	prealloc []int64 // blocks a class, as many as sizes or none
}

const (
	maxAllocatorBudget = 1 << 31
	maxClassSize       = 16 << 20
	maxClasses         = 250
	maxBuckets         = 2048
)

// parseSizeClass reads the arguments of a sizeclass directive and reports every one that is wrong.
func parseSizeClass(d *ast.Directive, diags *diagnostics) classOptions {
	defaults := classOptions{min: 64, max: 128 << 10, growth: 8, align: 16, text: d.Args}
	o := defaults
	args, err := d.ParseArgs()
	if err != nil {
		diags.addf(d.ArgsPos, codeSyntax, "options of //poolgen:sizeclass: %v", err)
		return o
	}
	seen := map[string]token.Pos{}
	var prealloc string
	for _, a := range args {
		key, value, hasValue := strings.Cut(a.Arg, "=")
		if _, twice := seen[key]; twice {
			diags.addf(a.Pos, codeTwice, "option %q is given twice: keep one", key)
		}
		seen[key] = a.Pos
		var err error
		switch key {
		case "shared":
			if o.shared = true; hasValue {
				diags.addf(a.Pos, codeValue, `option "shared" takes no value: write shared`)
			}
			continue
		case "min":
			o.min, err = number(value, 1, maxClassSize)
		case "max":
			o.max, err = number(value, 1, maxClassSize)
		case "budget":
			o.budget, err = number(value, 64<<10, maxAllocatorBudget)
		case "growth":
			if o.growth, err = number(value, 1, 16); err == nil && bits.OnesCount64(uint64(o.growth)) != 1 {
				err = fmt.Errorf("%s is not 1, 2, 4, 8 or 16 classes from one power of two to the next", value)
			}
		case "sizes":
			o.sizes, err = sizeList(value)
		case "align":
			if o.align, err = alignment(value, 8); err == nil && o.align > 4096 {
				err = fmt.Errorf("%s is more than a page: at most 4096", value)
			}
		case "cache":
			o.cache, err = number(value, 1024, 1<<30)
		case "prealloc":
			prealloc = value
		case "as":
			if o.as = value; !token.IsIdentifier(value) || !token.IsExported(value) || !isASCII(value) {
				err = fmt.Errorf("%q is not an exported Go name in ASCII", value)
			}
		case "prefix":
			if o.prefix = value; !isCName(value) {
				err = fmt.Errorf("%q is not a C name of lower-case letters, digits and _", value)
			}
		default:
			diags.addf(a.Pos, codeOption, "unknown option %q of //poolgen:sizeclass: it knows min=, max=, budget=, growth=, sizes=, align=, cache=, prealloc=, shared, as= and prefix=", key)
			continue
		}
		if !hasValue {
			err = fmt.Errorf("it needs a value, as in %s=64", key)
		}
		if err != nil {
			diags.addf(a.Pos, codeValue, "option %q: %v", key, err)
			o.min, o.max = cmp.Or(o.min, defaults.min), cmp.Or(o.max, defaults.max)
			o.growth, o.align = cmp.Or(o.growth, defaults.growth), cmp.Or(o.align, defaults.align)
		}
	}
	if _, ok := seen["budget"]; !ok {
		diags.addf(d.ArgsPos, codeMissing, "//poolgen:sizeclass needs a budget in bytes: add budget=8MiB")
	}
	o.classes(d, seen, diags)
	if prealloc != "" && len(o.sizes) > 0 {
		o.preallocate(prealloc, seen["prealloc"], diags)
	}
	return o
}

// classes works the class sizes out, or checks those that are given.
func (o *classOptions) classes(d *ast.Directive, seen map[string]token.Pos, diags *diagnostics) {
	if pos, ok := seen["sizes"]; ok {
		for _, other := range []string{"min", "max", "growth"} {
			if at, both := seen[other]; both {
				diags.addf(at, codeContradict, "%s= and sizes= contradict each other: sizes= lists every class", other)
			}
		}
		for i, n := range o.sizes {
			if n%o.align != 0 {
				diags.addf(pos, codeContradict, "class size %d is not a multiple of align=%d: write %d", n, o.align, roundUp(n, o.align))
			}
			if i > 0 && n <= o.sizes[i-1] {
				diags.addf(pos, codeValue, "class size %d comes after %d: list the sizes in ascending order, each once", n, o.sizes[i-1])
			}
		}
	} else if o.sizes = nil; o.min > o.max {
		diags.addf(d.ArgsPos, codeContradict, "min=%d is more than max=%d: swap them", o.min, o.max)
	} else {
		for n := roundUp(o.min, o.align); ; n += max(o.align, 1<<(bits.Len64(uint64(n))-1)/o.growth) {
			o.sizes = append(o.sizes, n)
			if n >= o.max || len(o.sizes) > maxClasses {
				break
			}
		}
	}
	if len(o.sizes) > maxClasses {
		diags.addf(d.ArgsPos, codeValue, "more than %d classes: raise min=, lower max= or lower growth=", maxClasses)
	}
	if n := len(o.sizes); n > 0 && o.budget > 0 && o.sizes[n-1] > o.budget/2 {
		diags.addf(d.ArgsPos, codeContradict, "blocks of %d bytes in a budget of %d bytes: raise budget= or lower the largest size", o.sizes[n-1], o.budget)
	}
}

// preallocate reads size:count pairs.
func (o *classOptions) preallocate(text string, pos token.Pos, diags *diagnostics) {
	o.prealloc = make([]int64, len(o.sizes))
	total := int64(0)
	for pair := range strings.SplitSeq(text, ",") {
		size, count, ok := strings.Cut(pair, ":")
		n, err := number(size, 1, maxClassSize)
		k, err2 := number(count, 1, maxBlocks)
		if !ok || err != nil || err2 != nil {
			diags.addf(pos, codeValue, `option "prealloc": %q is not size:count, as in prealloc=1920:16,4KiB:4`, pair)
			continue
		}
		c, _ := slices.BinarySearch(o.sizes, n)
		if c == len(o.sizes) {
			diags.addf(pos, codeContradict, `option "prealloc": no class holds %d bytes: the largest is %d`, n, o.sizes[len(o.sizes)-1])
			continue
		}
		o.prealloc[c] += k
		total += k * o.sizes[c]
	}
	if total > o.budget {
		diags.addf(pos, codeContradict, "prealloc= takes %d bytes, the budget is %d: raise budget= or lower the counts", total, o.budget)
	}
}

func sizeList(text string) ([]int64, error) {
	var list []int64
	for word := range strings.SplitSeq(text, ",") {
		n, err := number(word, 8, maxClassSize)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

// spacing is how a request's class is computed; runtime/pool and poolgen_alloc_init.h choose the same from the same sizes.
type spacing struct {
	step, base, first int64
	lookup            string // class numbers; "" when a bucket is a class
}

func bucketOf(n, base, step int64) int64 {
	k := int64(bits.Len64(uint64((n-1)|1<<base))) - 1
	return (k-base)<<step + (n-1)>>(k-step)
}

// spacing reports false when two classes lie too close to each other.
func (o *classOptions) spacing() (spacing, bool) {
	for s := int64(0); s <= 6; s++ {
		base := int64(bits.Len64(uint64(o.align))) - 1 + s
		first := bucketOf(o.sizes[0], base, s)
		n := bucketOf(o.sizes[len(o.sizes)-1], base, s) - first + 1
		if n > maxBuckets {
			break
		}
		var lookup []byte
		fits, regular := true, n == int64(len(o.sizes))
		for k, size := range o.sizes {
			b := bucketOf(size, base, s) - first
			regular = regular && bucketOf(size+1, base, s)-first == b+1
			fits = fits && int64(len(lookup)) <= b
			for int64(len(lookup)) <= b {
				lookup = append(lookup, byte(k))
			}
		}
		if fits && regular {
			return spacing{s, base, first, ""}, true
		}
		if fits {
			return spacing{s, base, first, string(lookup)}, true
		}
	}
	return spacing{}, false
}

// bytesText is a size for people: 64 B, 128 KiB, 8 MiB.
func bytesText(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	}
	return strconv.FormatInt(n, 10) + " B"
}
