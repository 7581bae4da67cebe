package gen

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBindAccepted checks that bindings with every feature, and with names that collide with those of generated code, come out as
// Go that compiles on every target, on both sides.
func TestBindAccepted(t *testing.T) {
	src, err := os.ReadFile("testdata/good/bind.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	list := generateSource(t, string(src))
	if len(list) != 2 || !strings.HasSuffix(list[0].path, "x_cgo.go") || !strings.HasSuffix(list[1].path, "x_nocgo.go") {
		t.Fatalf("%d outputs", len(list))
	}
	// A char has a sign on some machines only.
	for _, want := range []string{"fnChar", "l.fnChar(a, dl_.Char(uint8(b)), dl_.Char(c), dl_.Char(uint8(d)))", ".fnCharLate, uintptr(a), dl_.Char(uint8(b)), 0"} {
		if !strings.Contains(string(list[1].content), want) {
			t.Errorf("no %s in the side without cgo", want)
		}
	}
	for _, want := range []string{
		"sizeof(struct pair) == (sizeof(void *) == 8 ? 16 : 8), \"struct pair is not as large as p.pair in Go\"",
		// cgo looks for Go pointers behind a pointer to any, not behind one to bytes.
		"C.pg_shapes_points((*C.uint8_t)(unsafe.Pointer(p)), ", "C.pg_shapes_open(unsafe.Pointer(h), path, ",
		`_Static_assert((flag_t)2 == 1, "flag_t is no bool, which memory of a bool in Go must hold");`,
	} {
		if !strings.Contains(string(list[0].content), want) {
			t.Errorf("no %s in the cgo side", want)
		}
	}
	// What is behind a condition may not be compiled.
	if n := strings.Count(string(list[0].content), "_Static_assert(sizeof(late_t) == sizeof(int16_t)"); n != 2 {
		t.Errorf("late_t is checked %d times, not once with a condition and once without", n)
	}
	// A compiler of C takes an address for an integer with a warning at best.
	if want := "((int32_t (*)(void *, int64_t))fn)((void *)a0, a1)"; !strings.Contains(string(list[0].content), want) {
		t.Errorf("no %s in the cgo side", want)
	}
}

// TestBindSteady checks that what else a package declares does not change its bindings: they would be stale with every new function.
func TestBindSteady(t *testing.T) {
	src, err := os.ReadFile("testdata/good/bind.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	before := generateSource(t, string(src))
	after := generateSource(t, string(src)+"\nfunc path() {}\n\nvar l, of, mode, request int\n")
	for i := range before {
		if d := cmp.Diff(string(before[i].content), string(after[i].content)); d != "" {
			t.Errorf("%s: before - after +\n%s", before[i].path, d)
		}
	}
}

// FuzzPrototype checks that nothing written as a prototype stops the generator, and that what is taken means the same when it is written
// as the generator writes it.
func FuzzPrototype(f *testing.F) {
	for _, s := range []string{
		"int f(void)", "extern const char *f(unsigned long long int n, ...);", "struct a *f(const struct b *restrict x, enum c y[4], char **)",
		"void f(int (*g)(void *, int), void (*)(void))", "long double f(_Bool b, size_t)", "T f(T t, const T *t2)", "int f()", "(", "int f(int n, int)[",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePrototype(s)
		if err != nil {
			return
		}
		q, err := parsePrototype(p.text())
		if err != nil {
			t.Fatalf("%q becomes %q: %v", s, p.text(), err)
		}
		if d := cmp.Diff(p, q, cmp.AllowUnexported(cProto{}, cType{})); d != "" {
			t.Fatalf("%q becomes %q:\n%s", s, p.text(), d)
		}
	})
}
