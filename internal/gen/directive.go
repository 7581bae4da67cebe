package gen

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"math/bits"
	"reflect"
	"strconv"
	"strings"
)

// poolOptions are the options of a //poolgen:pool directive.
type poolOptions struct {
	shared   bool   // C must be able to share the struct
	prealloc int64  // blocks
	max      int64  // blocks
	budget   int64  // bytes
	align    int64  // bytes
	as       string // name of the Go type to emit
	prefix   string // of names in C
	text     string // the options as written
}

const (
	maxBlocks = 1 << 24
	maxAlign  = 1 << 20
	maxBudget = 1 << 40
)

// parsePool reads the arguments of a pool directive and reports every one that is wrong.
func parsePool(d *ast.Directive, diags *diagnostics) poolOptions {
	o := poolOptions{text: d.Args}
	args, err := d.ParseArgs()
	if err != nil {
		diags.addf(d.ArgsPos, codeSyntax, "options of //poolgen:pool: %v", err)
		return o
	}
	seen := map[string]bool{}
	for _, a := range args {
		key, value, hasValue := strings.Cut(a.Arg, "=")
		if seen[key] {
			diags.addf(a.Pos, codeTwice, "option %q is given twice: keep one", key)
		}
		seen[key] = true
		if key == "shared" {
			if hasValue {
				diags.addf(a.Pos, codeValue, `option "shared" takes no value: write shared`)
			}
			o.shared = true
			continue
		}
		var err error
		switch key {
		case "prealloc":
			o.prealloc, err = number(value, 0, maxBlocks)
		case "max":
			o.max, err = number(value, 1, maxBlocks)
		case "budget":
			o.budget, err = number(value, 1, maxBudget)
		case "align":
			o.align, err = alignment(value, 64)
		case "as":
			if o.as = value; !token.IsIdentifier(value) || !token.IsExported(value) || !isASCII(value) {
				err = fmt.Errorf("%q is not an exported Go name in ASCII", value)
			}
		case "prefix":
			if o.prefix = value; !isCName(value) {
				err = fmt.Errorf("%q is not a C name of lower-case letters, digits and _", value)
			}
		default:
			diags.addf(a.Pos, codeOption, "unknown option %q of //poolgen:pool: it knows shared, prealloc=, max=, budget=, align=, as= and prefix=", key)
			continue
		}
		if !hasValue {
			err = fmt.Errorf("it needs a value, as in %s=8", key)
		}
		if err != nil {
			diags.addf(a.Pos, codeValue, "option %q: %v", key, err)
		}
	}
	if o.max > 0 && o.prealloc > o.max {
		diags.addf(d.ArgsPos, codeContradict, "prealloc=%d is more than max=%d: raise max or lower prealloc", o.prealloc, o.max)
	}
	return o
}

// fieldOptions are the options in a field's `poolgen:"..."` tag.
type fieldOptions struct {
	atomic    bool
	align     int64
	cacheline bool
	cstring   bool
	payload   bool
	capacity  int64 // bytes of a payload
}

const cacheLine = 64 // bytes

func parseTag(field *ast.Field, diags *diagnostics) fieldOptions {
	var o fieldOptions
	if field.Tag == nil {
		return o
	}
	raw, err := strconv.Unquote(field.Tag.Value)
	if err != nil {
		return o
	}
	tag, ok := reflect.StructTag(raw).Lookup("poolgen")
	if !ok {
		if strings.Contains(raw, "poolgen:") {
			diags.addf(field.Tag.Pos(), codeSyntax, "the tag cannot be read: write it as in `poolgen:\"atomic\"`, with a blank before another key")
		}
		return o
	}
	seen := map[string]bool{}
	for word := range strings.SplitSeq(tag, ",") {
		key, value, hasValue := strings.Cut(strings.TrimSpace(word), "=")
		if seen[key] {
			diags.addf(field.Tag.Pos(), codeTwice, "tag option %q is given twice: keep one", key)
		}
		seen[key] = true
		switch {
		case key == "atomic" && !hasValue:
			o.atomic = true
		case key == "cacheline" && !hasValue:
			o.cacheline = true
		case key == "cstring" && !hasValue:
			o.cstring = true
		case key == "payload" && !hasValue:
			o.payload = true
		case key == "cap" && hasValue:
			if o.capacity, err = number(value, 1, maxStruct); err != nil {
				diags.addf(field.Tag.Pos(), codeTagValue, `tag option "cap": %v`, err)
				o.capacity = 1
			}
		case key == "align" && hasValue:
			if o.align, err = alignment(value, 1); err != nil {
				diags.addf(field.Tag.Pos(), codeTagValue, `tag option "align": %v`, err)
			}
		default:
			diags.addf(field.Tag.Pos(), codeTagOption, `unknown tag option %q: a field knows atomic, align=, cacheline, cstring, payload and cap=`, word)
		}
	}
	switch {
	case o.payload && (o.atomic || o.cstring):
		diags.addf(field.Tag.Pos(), codeContradict, "a payload is neither atomic nor a string: remove one of the options")
	case o.atomic && o.cstring:
		diags.addf(field.Tag.Pos(), codeContradict, "a string is not atomic: remove one of the options")
	case o.payload && o.capacity == 0:
		diags.addf(field.Tag.Pos(), codePayload, "a payload needs a capacity in bytes: write payload,cap=1500")
	case o.capacity > 0 && !o.payload:
		diags.addf(field.Tag.Pos(), codePayload, "cap= belongs to a payload: write payload,cap=%d", o.capacity)
	}
	if o.cacheline {
		o.align = max(o.align, cacheLine)
	}
	return o
}

// number reads a count or a size in bytes: 12, 64KiB, 8MiB, 1GiB.
func number(s string, low, high int64) (int64, error) {
	digits, unit := s, int64(1)
	for i, suffix := range []string{"KiB", "MiB", "GiB"} {
		if rest, ok := strings.CutSuffix(s, suffix); ok {
			digits, unit = rest, 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%s is out of range: from %d to %d", s, low, high)
	}
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number, with KiB, MiB or GiB after it if need be", s)
	}
	if n < 0 || n > high/unit || n*unit < low {
		return 0, fmt.Errorf("%s is out of range: from %d to %d", s, low, high)
	}
	return n * unit, nil
}

func alignment(s string, low int64) (int64, error) {
	n, err := number(s, low, maxAlign)
	if err == nil && bits.OnesCount64(uint64(n)) != 1 {
		err = fmt.Errorf("%s is not a power of two", s)
	}
	return n, err
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func isCName(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
