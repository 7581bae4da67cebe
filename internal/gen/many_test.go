package gen

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// manyNames are fields' names, many of them awkward in C or in generated code.
var manyNames = []string{
	"A", "B", "PTS", "FrameCount", "HTTPPort", "class", "Int", "Errno", "Reserved0", "Reserved4", "Reserved8", "GoodPoint", "GoodKind", "GoodCounters", "Uint32T", "Int64T",
	"p", "o", "s", "Load", "StoreX", "Len", "Set", "X_Y", "X__Z", "xy", "Linux", "Major", "Offsetof", "Template", "This", "Value", "Data", "Double", "Float", "Char", "unsafe", "pool", "atomic",
	"_", "_", "_",
}

// manyTypes are types of fields and the tags that suit them.
var manyTypes = []struct {
	typ  string
	tags []string
}{
	{"int8", nil}, {"uint8", nil}, {"int16", nil}, {"uint16", nil}, {"int32", []string{"atomic"}}, {"uint32", []string{"atomic", "atomic,cacheline"}}, {"int64", []string{"atomic"}},
	{"uint64", []string{"atomic", "atomic,align=32"}}, {"float32", nil}, {"float64", nil}, {"[3]uint8", []string{"cstring"}}, {"[32]byte", []string{"cstring", "cstring,align=16"}}, {"[2][3]int16", nil},
	{"[5]float64", nil}, {"kind", nil}, {"mask", []string{"atomic"}}, {"point", nil}, {"[3]point", nil}, {"matrix", nil}, {"counters", nil}, {"[2]counters", nil}, {"[2][2]counters", nil},
	{"atomic.Int64", nil}, {"atomic.Uint32", []string{"cacheline"}}, {"[3]atomic.Uint64", nil}, {"pair[int16]", nil}, {"pair[point]", nil}, {"pair[[2]int64]", nil}, {"deep", nil}, {"[2]deep", nil}, {"time.Duration", nil},
	{"gain", nil}, {"same", nil},
}

const manyHead = `package good

import (
	"sync/atomic"
	"time"
)

var _ atomic.Int32
var _ time.Duration

type kind int8

const (
	kindA kind = -1
	kindB kind = 1
)

type mask uint32

const (
	maskA mask = 1 << iota
	maskB
)

type gain float32

const gainUnity gain = 1.5

type point struct{ X, Y int16 }

type same = point

type matrix [2][2]float64

type counters struct {
	N    atomic.Uint64
	M, L atomic.Uint32
}

type pair[T any] struct{ First, Second T }

type deep struct {
	P [2]point
	C counters
	K kind
	_ [7]uint8
	G [2]gain
}
`

// manyStructs is a source with n annotated structs of random fields.
func manyStructs(r *rand.Rand, n int) string {
	var b strings.Builder
	b.WriteString(manyHead)
	for i := range n {
		options := []string{"shared"}
		for _, o := range []string{"prealloc=2", "max=64", "align=256", "budget=1GiB"} {
			if r.IntN(3) == 0 {
				options = append(options, o)
			}
		}
		fmt.Fprintf(&b, "\n//poolgen:pool %s\ntype s%d struct {\n", strings.Join(options, " "), i)
		seen := map[string]bool{}
		if r.IntN(3) == 0 {
			embedded := []string{"point", "counters", "deep", "pair[int32]", "same"}[r.IntN(5)]
			seen[memberName(strings.TrimSuffix(embedded, "[int32]"))] = true
			fmt.Fprintf(&b, "\t%s\n", embedded)
		}
		for range 1 + r.IntN(8) {
			name := manyNames[r.IntN(len(manyNames))]
			if name != "_" && seen[memberName(name)] {
				continue
			}
			seen[memberName(name)] = true
			t := manyTypes[r.IntN(len(manyTypes))]
			tag := ""
			switch k := r.IntN(4); {
			case k == 0:
				tag = "align=" + strconv.Itoa(1<<r.IntN(8))
			case k == 1 && name != "_" && len(t.tags) > 0:
				tag = t.tags[r.IntN(len(t.tags))]
			case k == 2 && r.IntN(4) == 0:
				tag = "cacheline"
			}
			if tag != "" {
				tag = " `poolgen:\"" + tag + "\"`"
			}
			fmt.Fprintf(&b, "\t%s %s%s\n", name, t.typ, tag)
		}
		if r.IntN(4) == 0 && !seen["tail"] {
			fmt.Fprintf(&b, "\tTail %s `poolgen:\"payload,cap=%d,align=%d\"`\n", []string{"[]byte", "[0]byte"}[r.IntN(2)], 1+r.IntN(5000), 1<<r.IntN(7))
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// TestManyStructs generates for structs of random fields. The output must compile in Go with one layout on all targets, and in C and
// C++ with the same, which each side asserts. POOLGEN_SEEDS is how many sources to try.
func TestManyStructs(t *testing.T) {
	seeds := 2
	if n, err := strconv.Atoi(os.Getenv("POOLGEN_SEEDS")); err == nil {
		seeds = n
	}
	for seed := range seeds {
		src := manyStructs(rand.New(rand.NewPCG(uint64(seed), 0)), 40)
		list := generateSource(t, src)
		if len(list) != 2 {
			t.Fatalf("seed %d was refused:\n%s", seed, src)
		}
		takenByC(t, list[1].content)
		if t.Failed() {
			t.Fatalf("seed %d:\n%s", seed, src)
		}
	}
}
