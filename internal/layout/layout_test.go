package layout

import (
	"encoding/xml"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
)

// structs type-checks a source and returns its structs by name.
func structs(t *testing.T, text string) map[string]*types.Struct {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "x.go", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := (&types.Config{Importer: importer.Default()}).Check("x", fset, []*ast.File{f}, nil)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*types.Struct{}
	for _, name := range p.Scope().Names() {
		if s, ok := p.Scope().Lookup(name).Type().Underlying().(*types.Struct); ok {
			found[name] = s
		}
	}
	return found
}

// What C compilers of the four targets say, field by field, by static assertions.
func TestAgreesWithCCompilers(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	kinds := []struct{ inGo, inC string }{
		{"int8", "int8_t"}, {"uint16", "uint16_t"}, {"int32", "int32_t"}, {"uint64", "uint64_t"}, {"float32", "float"}, {"float64", "double"},
		{"*int32", "int32_t *"}, {"uintptr", "uintptr_t"}, {"inner", "inner"}, {"wide", "wide"},
	}
	text := "package x\n\ntype inner struct { A uint8; B uint32 }\n\ntype wide struct { A uint8; B uint64 }\n\n"
	header := "#include <stddef.h>\n#include <stdint.h>\ntypedef struct { uint8_t a; uint32_t b; } inner;\ntypedef struct { uint8_t a; uint64_t b; } wide;\n"
	for k := range 40 {
		text += fmt.Sprintf("type s%d struct {\n", k)
		header += "typedef struct {\n"
		for f := range 1 + r.IntN(7) {
			kind, n := kinds[r.IntN(len(kinds))], 1+r.IntN(3)
			text += fmt.Sprintf("\tF%d [%d]%s\n", f, n, kind.inGo)
			header += fmt.Sprintf("\t%s F%d[%d];\n", kind.inC, f, n)
		}
		text += "}\n\n"
		header += fmt.Sprintf("} s%d;\n", k)
	}
	all := structs(t, text)
	for arch, tool := range map[string][2]string{
		"amd64": {"gcc", "gcc"}, "arm64": {"aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"}, "386": {"i686-linux-gnu-gcc", "gcc-i686-linux-gnu"}, "arm": {"arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf"},
	} {
		t.Run(arch, func(t *testing.T) {
			name := testutil.RequireTool(t, tool[0], tool[1])
			source, asserted := header, 0
			for k := range 40 {
				s := fmt.Sprintf("s%d", k)
				l, err := Of(all[s], "C", arch)
				if err != nil {
					t.Fatal(err)
				}
				source += fmt.Sprintf("_Static_assert(sizeof(%s) == %d && _Alignof(%s) == %d, \"size of %s\");\n", s, l.Size, s, l.Align, s)
				for _, f := range l.Fields {
					if !f.Gap {
						source += fmt.Sprintf("_Static_assert(offsetof(%s, %s) == %d, \"%s.%s\");\n", s, f.Name, f.Offset, s, f.Name)
						asserted++
					}
				}
			}
			if asserted < 100 {
				t.Fatalf("%d assertions", asserted)
			}
			cmd := exec.Command(name, "-std=c11", "-fsyntax-only", "-xc", "-")
			cmd.Stdin = strings.NewReader(source)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestLayoutInGo(t *testing.T) {
	s := structs(t, "package x\n\nimport \"sync/atomic\"\n\ntype a struct { A uint32; B int64; _ [0]atomic.Int64; C int64; D struct{} }\n")["a"]
	for arch, want := range map[string]string{
		"amd64": "0 4-gap 8 16 16 24 24-gap /32", "arm64": "0 4-gap 8 16 16 24 24-gap /32", "386": "0 4 12-gap 16 16 24 24-gap /32", "arm": "0 4 12-gap 16 16 24 24-gap /32",
	} {
		l, err := Of(s, "Go", arch)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range l.Fields {
			got += fmt.Sprint(f.Offset)
			if f.Gap {
				got += "-gap"
			}
			got += " "
		}
		if got += fmt.Sprintf("/%d", l.Size); got != want {
			t.Errorf("%s: %s, want %s", arch, got, want)
		}
	}
	if _, err := Of(s, "Go", "mips"); err == nil {
		t.Error("mips is taken for a target")
	}
	if _, err := Of(s, "C", "arm"); err == nil {
		t.Error("C has arrays of length 0")
	}
}

// No order of the fields is smaller than the one that is suggested.
func TestSuggestionIsTheSmallest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	kinds := []string{"int8", "uint16", "int32", "uint64", "string", "[3]byte", "[]int", "atomic.Int64", "float64", "bool", "struct{}"}
	improved := 0
	for range 60 {
		text := "package x\n\nimport \"sync/atomic\"\n\nvar _ atomic.Int64\n\ntype a struct {\n"
		for f := range 2 + r.IntN(5) {
			text += fmt.Sprintf("\tF%d %s\n", f, kinds[r.IntN(len(kinds))])
		}
		s := structs(t, text+"}\n")["a"]
		var fields []*types.Var
		for f := range s.Fields() {
			fields = append(fields, f)
		}
		sug := Suggest(s)
		if sug != nil {
			improved++
			if len(sug.Order) != len(fields) || strings.Count(sug.Source("a"), "\n") != len(fields)+2 {
				t.Fatalf("%s\n%s", text, sug.Source("a"))
			}
		}
		for _, arch := range Arches() {
			sizes := types.SizesFor("gc", arch)
			best := int64(1 << 40)
			permute(fields, 0, func() { best = min(best, sizes.Sizeof(types.NewStruct(fields, nil))) })
			got := sizes.Sizeof(s)
			if sug != nil {
				got -= sug.Saved[arch]
			}
			if got != best {
				t.Errorf("%s: %d bytes, %d are enough for\n%s", arch, got, best, text)
			}
		}
	}
	if improved < 10 {
		t.Errorf("only %d of 60 structs were improved", improved)
	}
}

func permute(list []*types.Var, k int, do func()) {
	if k == len(list) {
		do()
	}
	for i := k; i < len(list); i++ {
		list[k], list[i] = list[i], list[k]
		permute(list, k+1, do)
		list[k], list[i] = list[i], list[k]
	}
}

func TestPictures(t *testing.T) {
	s := structs(t, "package x\n\ntype a struct { A uint8; B int64; C [900]byte; D, E uint16; F func(<-chan int) }\n")["a"]
	pictures, why, err := Pictures(s, Arches())
	if err != nil || why == nil || len(pictures) != 2 {
		t.Fatalf("%d pictures, %v, %v", len(pictures), why, err)
	}
	for _, p := range pictures {
		if covered := int64(0); true {
			for _, f := range p.Fields {
				if f.Offset != covered {
					t.Errorf("%s: a hole at %d", p.Title, covered)
				}
				covered += f.Size
			}
			if covered != p.Size {
				t.Errorf("%s: %d of %d bytes drawn", p.Title, covered, p.Size)
			}
		}
		for line := range strings.Lines(Text(p, nil)) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > 100 || strings.Contains(line, "\x1b") {
				t.Errorf("a line of %d columns: %q", n, line)
			}
		}
	}
	for name, text := range map[string]string{"SVG": SVG("a & b", pictures), "HTML": HTML([]Struct{{Name: "x.a", Short: "a", Note: "<note>", Pictures: pictures, Suggestion: Suggest(s)}})} {
		d := xml.NewDecoder(strings.NewReader(text))
		d.Strict, d.AutoClose, d.Entity = name == "SVG", xml.HTMLAutoClose, xml.HTMLEntity
		var words []string
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if c, ok := token.(xml.CharData); ok {
				words = append(words, strings.TrimSpace(string(c)))
			}
		}
		for _, want := range []string{"A", "func(<-chan int)", "888 bytes more of C"} {
			if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, want) }) && !strings.Contains(text, "func(&lt;-chan int)") {
				t.Errorf("%s does not show %q", name, want)
			}
		}
		if strings.Contains(text, "http://") && !strings.Contains(text, "http://www.w3.org/2000/svg") || strings.Contains(text, "<script") {
			t.Errorf("%s refers to something outside", name)
		}
	}
}
