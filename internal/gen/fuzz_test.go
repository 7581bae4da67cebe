package gen

import (
	"bytes"
	"fmt"
	"go/ast"
	goimporter "go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/poolgen/poolgen/internal/layout"
	"github.com/poolgen/poolgen/internal/testutil"
	"golang.org/x/tools/txtar"
)

// known fails on a diagnostic without a code that is explained, a message, or a place in the source.
func known(t *testing.T, src string, list []Diagnostic) {
	t.Helper()
	for _, d := range list {
		if _, ok := Explain(d.Code); !ok || d.Message == "" || strings.Contains(d.Message, "%!") && !strings.Contains(src, "%!") {
			t.Errorf("%q is not a proper diagnostic", d)
		}
		if d.Pos.Line < 1 || d.Pos.Column < 1 {
			t.Errorf("%q has no place", d)
		}
	}
}

// FuzzDirective gives both directives any options: no panic, and what is accepted is in range.
func FuzzDirective(f *testing.F) {
	for _, s := range []string{
		"", "shared", "shared prealloc=16 max=256 align=64", "budget=8MiB as=Name prefix=cam", "max=9223372036854775807", "max=-9223372036854775808",
		"budget=9007199254740993KiB", "align=0x40", `"max=3" prefix="a b"`, "max", "max= max=", "=", "prealloc=2 max=1", "as=größe", "\t shared\t", "`",
		"min=64 max=128KiB budget=8MiB growth=4", "sizes=64,128,1920 budget=1MiB prealloc=1920:16,64:1", "budget=2GiB sizes=8,", "budget=64KiB prealloc=:",
		"budget=8MiB sizes= align=4096 cache=1GiB", "budget=64KiB min=16MiB max=1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, args string) {
		if strings.ContainsAny(args, "\n\r") {
			return // ends the comment
		}
		fset := token.NewFileSet()
		file := fset.AddFile("x.go", -1, len(args)+100)
		for _, name := range []string{"pool", "sizeclass"} {
			d, ok := ast.ParseDirective(token.Pos(file.Base()), "//poolgen:"+name+" "+args)
			if !ok {
				return
			}
			diags := &diagnostics{fset: fset}
			if name == "pool" {
				o := parsePool(&d, diags)
				if len(diags.list) == 0 && (o.prealloc < 0 || o.max < 0 || o.max > maxBlocks || o.max > 0 && o.prealloc > o.max || o.budget < 0 || o.align&(o.align-1) != 0 || o.align > maxAlign) {
					t.Errorf("%q was accepted as %+v", args, o)
				}
			} else {
				o := parseSizeClass(&d, diags)
				if len(diags.list) == 0 {
					_, _ = o.spacing()
					if len(o.sizes) == 0 || len(o.sizes) > maxClasses || o.budget < 1 || o.sizes[len(o.sizes)-1] > o.budget || o.align < 8 {
						t.Errorf("%q was accepted as %+v", args, o)
					}
				}
			}
			known(t, args, diags.list)
		}
	})
}

// FuzzTag gives a field any tag.
func FuzzTag(f *testing.F) {
	for _, s := range []string{
		"`poolgen:\"atomic\"`", "`poolgen:\"align=64\"`", "`poolgen:\"atomic,align=8\"`", "`poolgen:\"align=\"`", "`poolgen:\"\"`", "`poolgen:\",\"`", "`poolgen:\"cstring\"`",
		"`poolgen:\"cacheline\"`", "`poolgen:\"payload,cap=4096,align=64\"`", "`json:\"x\" poolgen:\"align=3\"`", "\"poolgen:\\\"atomic\\\"\"", "`poolgen:\"align=9223372036854775808\"`", "`poolgen`",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, tag string) {
		src := "package p\n\n//poolgen:pool\ntype a struct {\n\tX [8]byte " + tag + "\n\tY int32 " + tag + "\n}\n"
		generateSource(t, src)
	})
}

// FuzzSource gives the generator any source file. What it accepts must come out as Go whose layout holds on every target.
func FuzzSource(f *testing.F) {
	paths, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			if strings.HasSuffix(file.Name, ".go") {
				f.Add(string(file.Data))
			}
		}
	}
	for _, path := range []string{"../../examples/frames/frames.go", "../../examples/voice/frames.go", "testdata/good/features.go.txt", "testdata/good/names.go.txt", "testdata/good/cnames.go.txt", "testdata/good/bind.go.txt", "../../examples/bind/bind.go"} {
		src, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(src))
	}
	f.Fuzz(func(t *testing.T, src string) { generateSource(t, src) })
}

// TestAccepted checks that sources with every feature, and with names that collide with those of generated code, are accepted.
func TestAccepted(t *testing.T) {
	for _, name := range []string{"features", "names", "cnames"} {
		src, err := os.ReadFile("testdata/good/" + name + ".go.txt")
		if err != nil {
			t.Fatal(err)
		}
		if list := generateSource(t, string(src)); len(list) != 2 {
			t.Errorf("%s: %d outputs, want Go and C", name, len(list))
		} else {
			takenByC(t, list[1].content)
		}
	}
}

// TestLargeBudgets checks that what does not fit in 32 bits is emitted in full, also where poolgen runs on 32 bits.
func TestLargeBudgets(t *testing.T) {
	list := generateSource(t, "package p\n\n//poolgen:pool budget=8GiB\ntype frame struct{ X int32 }\n\n//poolgen:sizeclass budget=2GiB\ntype heap struct{}\n")
	if len(list) != 2 {
		t.Fatalf("%d outputs", len(list))
	}
	for _, want := range []string{"Budget: 8589934592,", "= 2147483648\n"} {
		if !strings.Contains(string(list[0].content), want) {
			t.Errorf("no %q in\n%s", want, list[0].content)
		}
	}
}

// takenByC compiles a header as C and as C++, with every warning.
func takenByC(t *testing.T, header []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x_pool.h")
	writeFile(t, path, string(header))
	for _, c := range [][]string{{"gcc", "gcc", "-xc", "-std=c11"}, {"arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf", "-xc", "-std=gnu17"}, {"g++", "g++", "-xc++", "-std=c++17"}, {"clang-14", "clang-14", "-xc++", "-std=gnu++17"}} {
		testutil.RequireTool(t, c[0], c[1])
		cmd := exec.Command(c[0], append(c[2:], "-I../../include", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-fsyntax-only", "-")...)
		cmd.Stdin = strings.NewReader("#include \"" + path + "\"\nint main(void);\nint main(void) { return 0; }\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s\n%s", c, err, out, header)
		}
	}
}

// exports are the files with the types of what generated code imports.
var exports = sync.OnceValues(func() (map[string]string, error) {
	out, err := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", poolPath, dlPath, "errors", "fmt", "sync/atomic", "time").Output()
	list := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if path, file, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			list[path] = file
		}
	}
	return list, err
})

// generateSource runs everything between reading and writing on one file, and returns what would be written.
func generateSource(t *testing.T, src string) (all []output) {
	list, err := exports()
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, "x.go", src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil
	}
	imports := goimporter.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if list[path] == "" {
			return nil, fmt.Errorf("no package %s", path)
		}
		return os.Open(list[path])
	})
	check := func(arch string, bodies bool, files ...*ast.File) (*types.Package, *types.Info, []error) {
		var errs []error
		info := &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}, Instances: map[*ast.Ident]types.Instance{}}
		conf := types.Config{
			Importer: imports, Sizes: types.SizesFor("gc", arch), IgnoreFuncBodies: !bodies, FakeImportC: true, DisableUnusedImportCheck: true,
			Error: func(err error) { errs = append(errs, err) },
		}
		p, _ := conf.Check("example.com/p", fset, files, info)
		return p, info, errs
	}
	if syntax.Name.Name == "_" {
		return nil
	}
	p, info, _ := check("amd64", false, syntax)
	diags := &diagnostics{fset: fset}
	files := buildPackage(&unit{Name: syntax.Name.Name, PkgPath: "example.com/p", Syntax: []*ast.File{syntax}, Types: p, TypesInfo: info}, diags)
	known(t, src, diags.list)
	if len(diags.list) > 0 {
		t.Log(diags.list)
		return nil
	}
	for _, f := range files {
		outputs, err := f.render(Config{})
		if err != nil {
			t.Fatalf("rendering: %v\n%s", err, src)
		}
		for _, o := range outputs {
			if isGoText(o.content) {
				diags.shadowed(f, o.content)
			}
		}
		if known(t, src, diags.list); len(diags.list) > 0 {
			t.Log(diags.list)
			return nil
		}
		for _, o := range outputs {
			if !bytes.HasPrefix(o.content, []byte(generatedMark)) {
				t.Errorf("%s does not begin with the mark:\n%s", o.path, o.content)
			}
		}
		all = append(all, outputs...)
		for _, other := range []string{nocgoSuffix, cgoSuffix} {
			compiled, texts := []*ast.File{syntax}, ""
			for _, o := range outputs {
				if !isGoText(o.content) || strings.HasSuffix(o.path, other) {
					continue
				}
				generated, err := parser.ParseFile(fset, filepath.Base(o.path), o.content, parser.SkipObjectResolution)
				if err != nil {
					t.Fatalf("the output does not parse: %v\n%s", err, o.content)
				}
				compiled, texts = append(compiled, generated), texts+string(o.content)
			}
			for _, target := range layout.Arches() {
				if _, _, errs := check(target, true, syntax); len(errs) > 0 {
					continue // the source is wrong already
				}
				if _, _, errs := check(target, true, compiled...); len(errs) > 0 {
					t.Errorf("the output does not compile for %s: %v\n%s\nfrom\n%s", target, errs, texts, src)
				}
			}
		}
	}
	return all
}
