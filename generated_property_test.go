package poolgen_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/poolgen/poolgen/internal/testutil"
	"pgregory.net/rapid"
)

// crossCompilers are the C compilers of the four targets.
var crossCompilers = []struct{ arch, name, debian string }{
	{"amd64", "gcc", "gcc"},
	{"amd64", "clang-14", "clang-14"},
	{"arm64", "aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"},
	{"386", "i686-linux-gnu-gcc", "gcc-i686-linux-gnu"},
	{"arm", "arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf"},
}

// typ is a random type in Go, with the size and alignment that it must have everywhere.
type typ struct {
	text        string
	size, align int
}

func scalar(text string, size int) typ { return typ{text, size, size} }

var scalars = []typ{
	scalar("int8", 1), scalar("uint8", 1), scalar("byte", 1), scalar("int16", 2), scalar("uint16", 2), scalar("int32", 4), scalar("uint32", 4),
	scalar("rune", 4), scalar("int64", 8), scalar("uint64", 8), scalar("float32", 4), scalar("float64", 8),
	scalar("atomic.Int32", 4), scalar("atomic.Uint32", 4), scalar("atomic.Int64", 8), scalar("atomic.Uint64", 8),
}

// awkward are field names that C or C++ has trouble with, or that are hard to put into lower case.
var awkward = []string{"PTS", "HTTPPort", "class", "New", "Int", "Errno", "URLs", "X", "Reserved", "x_y", "A__B", "Struct", "ID3", "Major", "Template", "i18n", "DataURL"}

// source is a package of random structs, and what their layout must be.
type source struct {
	text    strings.Builder
	main    strings.Builder
	want    map[string]string // of each emitted struct: offsets and names, as layouts gives them
	fields  int
	structs int
	helpers []typ // named types that fields may have
}

func up(n, align int) int { return (n + align - 1) / align * align }

// nested declares a struct that is used as it stands: its own gaps are fields.
func (s *source) nested(t *rapid.T, name string) typ {
	off, align := 0, 1
	fmt.Fprintf(&s.text, "type %s struct {\n", name)
	for i := range rapid.IntRange(1, 5).Draw(t, "fields") {
		f := s.field(t)
		if gap := up(off, f.align) - off; gap > 0 {
			fmt.Fprintf(&s.text, "\t_ [%d]byte\n", gap)
			off += gap
		}
		fmt.Fprintf(&s.text, "\tF%d %s\n", i, f.text)
		off += f.size
		align = max(align, f.align)
	}
	if gap := up(off, align) - off; gap > 0 {
		fmt.Fprintf(&s.text, "\t_ [%d]byte\n", gap)
		off += gap
	}
	s.text.WriteString("}\n\n")
	return typ{name, off, align}
}

// field is a random type: a scalar, a named type, or an array of such, of up to three dimensions.
func (s *source) field(t *rapid.T) typ {
	base := rapid.SampledFrom(scalars).Draw(t, "scalar")
	if len(s.helpers) > 0 && rapid.IntRange(0, 2).Draw(t, "named") == 0 {
		base = rapid.SampledFrom(s.helpers).Draw(t, "helper")
	}
	for range max(0, rapid.IntRange(-2, 3).Draw(t, "dimensions")) {
		n := rapid.IntRange(1, 4).Draw(t, "length")
		base = typ{fmt.Sprintf("[%d]%s", n, base.text), n * base.size, base.align}
	}
	return base
}

// add writes one annotated struct and computes where its members must be: by the rule, not by the generator.
func (s *source) add(t *rapid.T, k int) {
	name := fmt.Sprintf("rec%d", k)
	generic := rapid.IntRange(0, 5).Draw(t, "generic") == 0
	var lines, want []string
	off, align := 0, 1
	gap := func(to int) {
		if to > off {
			want = append(want, fmt.Sprintf("%d gap", off))
			off = to
		}
	}
	used := map[string]bool{}
	n := rapid.IntRange(1, 9).Draw(t, "fields")
	for i := range n {
		f, tags, member := s.field(t), []string(nil), fmt.Sprintf("Field%d", i)
		if a := rapid.SampledFrom(awkward).Draw(t, "name"); !used[a] && rapid.Bool().Draw(t, "awkward") {
			member = a
			used[a] = true
		}
		fieldAlign, line := 1, false
		switch kind := rapid.IntRange(0, 11).Draw(t, "kind"); {
		case kind == 0:
			f = rapid.SampledFrom(scalars[5:10]).Draw(t, "atomic")
			if f.text != "rune" {
				tags = append(tags, "atomic")
			}
		case kind == 1:
			size := rapid.IntRange(2, 40).Draw(t, "text")
			f, tags = typ{fmt.Sprintf("[%d]byte", size), size, 1}, []string{"cstring"}
		case kind == 2:
			tags, line = append(tags, "cacheline"), true
		case kind == 3:
			a := 1 << rapid.IntRange(0, 8).Draw(t, "align")
			tags = append(tags, "align="+strconv.Itoa(a))
			fieldAlign = max(fieldAlign, a)
		case kind == 4:
			member = "_"
		case kind == 5 && i == n-1:
			size, a := rapid.IntRange(1, 3000).Draw(t, "capacity"), 1<<rapid.IntRange(0, 6).Draw(t, "align")
			f = typ{rapid.SampledFrom([]string{"[]byte", "[0]byte"}).Draw(t, "payload"), size, 1}
			tags, member = []string{fmt.Sprintf("payload,cap=%d,align=%d", size, a)}, "Payload"
			fieldAlign = a
		case kind == 6 && generic:
			f = typ{"T", 4, 4}
		}
		fieldAlign = max(fieldAlign, f.align)
		if line {
			fieldAlign = max(fieldAlign, 64)
		}
		gap(up(off, fieldAlign))
		squashed := squash(strings.TrimSuffix(member, "_"))
		if member == "_" || strings.HasPrefix(squashed, "reserved") {
			squashed = "gap"
		}
		want = append(want, fmt.Sprintf("%d %s", off, squashed))
		off += f.size
		align = max(align, fieldAlign)
		if line {
			gap(up(off, 64))
		}
		tag := ""
		if len(tags) > 0 {
			tag = fmt.Sprintf(" `poolgen:%q`", strings.Join(tags, ","))
		}
		lines = append(lines, fmt.Sprintf("\t%s %s%s\n", member, f.text, tag))
		s.fields++
	}
	gap(up(off, align))
	want = append(want, fmt.Sprintf("%d size", off))
	if generic {
		fmt.Fprintf(&s.text, "type %sOf[T any] struct {\n%s}\n\n//poolgen:pool shared prefix=p max=1\ntype %s = %sOf[int32]\n\n", name, strings.Join(lines, ""), name, name)
	} else {
		fmt.Fprintf(&s.text, "//poolgen:pool shared prefix=p max=1\ntype %s struct {\n%s}\n\n", name, strings.Join(lines, ""))
	}
	fmt.Fprintf(&s.main, "var v%d Rec%d\n", k, k)
	s.want["rec"+strconv.Itoa(k)] = strings.Join(want, "\n") + "\n"
	s.structs++
}

func randomSource(t *rapid.T, structs int) *source {
	s := &source{want: map[string]string{}}
	s.text.WriteString("package main\n\nimport \"sync/atomic\"\n\nvar _ atomic.Int32\n\n")
	for k := range rapid.IntRange(0, 6).Draw(t, "helpers") {
		name := fmt.Sprintf("kind%d", k)
		if rapid.Bool().Draw(t, "struct") {
			s.helpers = append(s.helpers, s.nested(t, name))
			continue
		}
		base := rapid.SampledFrom(scalars[:12]).Draw(t, "base")
		fmt.Fprintf(&s.text, "type %s %s\n\nconst %sOne %s = 1\n\n", name, base.text, name, name)
		s.helpers = append(s.helpers, typ{name, base.size, base.align})
	}
	for k := range structs {
		s.add(t, k)
	}
	s.main.WriteString("\nfunc main() {\n")
	for k := range structs {
		fmt.Fprintf(&s.main, "\tprintln(&v%d)\n", k)
	}
	s.main.WriteString("}\n")
	return s
}

var typedefs = regexp.MustCompile(`(?m)^} p_(rec\w+);`)

// TestRandomStructs generates pools for random structs and compares, member by member, where Go on four targets, C compilers of four
// targets, and the rule itself place them. POOLGEN_PROPERTY_STRUCTS says how many structs.
func TestRandomStructs(t *testing.T) {
	structs, batch := 100, 25
	if v := os.Getenv("POOLGEN_PROPERTY_STRUCTS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			t.Fatalf("POOLGEN_PROPERTY_STRUCTS=%q is no number of structs", v)
		}
		structs, batch = n, min(n, 100)
	}
	for _, c := range crossCompilers {
		testutil.RequireTool(t, c.name, c.debian)
	}
	bin := filepath.Join(t.TempDir(), "poolgen")
	run(t, nil, "go", "build", "-o", bin, "./cmd/poolgen")
	root := mustAbs(t, ".")
	dir := t.TempDir()
	newModule(t, root, dir)
	if err := flag.Set("rapid.checks", strconv.Itoa((structs+batch-1)/batch)); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	done, fields, compared := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		s := randomSource(rt, batch)
		n := compareEverywhere(rt, bin, root, dir, s)
		mu.Lock()
		defer mu.Unlock()
		done, fields, compared = done+s.structs, fields+s.fields, compared+n
	})
	t.Logf("%d structs with %d fields, %d layouts compared with the rule, no disagreement", done, fields, compared)
	if done < structs || compared < done*(len(arches)+len(crossCompilers)) {
		t.Errorf("%d structs, %d comparisons", done, compared)
	}
}

// newModule makes a module in dir that uses this one.
func newModule(t *testing.T, root, dir string) {
	t.Helper()
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(mod), "module github.com/poolgen/poolgen", "module example.com/random", 1) +
		"\nrequire github.com/poolgen/poolgen v0.0.0\nreplace github.com/poolgen/poolgen => " + root + "\n"
	for name, content := range map[string]string{"go.mod": text, "go.sum": string(sum)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func compareEverywhere(t *rapid.T, bin, root, dir string, s *source) int {
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command := func(env []string, name string, args ...string) {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "GOFLAGS=-mod=mod", "CGO_ENABLED=0", "POOLGEN_CACHE=off"), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v\n%s\n%s", name, strings.Join(args, " "), err, out, s.text.String())
		}
	}
	write("rec.go", s.text.String())
	write("main.go", "package main\n\n"+s.main.String())
	command(nil, bin, ".")
	header, err := os.ReadFile(filepath.Join(dir, "rec_pool.h"))
	if err != nil {
		t.Fatal(err)
	}
	c := "#include \"rec_pool.h\"\n"
	for i, m := range typedefs.FindAllStringSubmatch(string(header), -1) {
		c += fmt.Sprintf("extern p_%s v%d; p_%s v%d;\n", m[1], i, m[1], i)
	}
	write("rec.c", c)
	compared := 0
	compare := func(where, path, prefix string) {
		got, err := readLayouts(path, prefix)
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		for name, want := range s.want {
			if d := cmp.Diff(want, got[name]); d != "" {
				t.Fatalf("%s places the members of %s elsewhere: want - got +\n%s\n%s", where, name, d, s.text.String())
			}
			compared++
		}
	}
	for _, k := range crossCompilers {
		object := filepath.Join(dir, "rec-"+k.name+".o")
		command(nil, k.name, "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-g", "-gdwarf-4", "-I"+filepath.Join(root, "include"), "-c", "-o", object, "rec.c")
		compare(k.name, object, "p_")
	}
	for _, arch := range arches {
		program := filepath.Join(dir, "rec-"+arch)
		command([]string{"GOARCH=" + arch}, "go", "build", "-o", program, ".")
		compare("Go for "+arch, program, "main.")
	}
	return compared
}
