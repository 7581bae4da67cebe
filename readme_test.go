package poolgen_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
)

// TestReadmeTests: every test that a table of README names is there, in the package whose heading stands above the table.
func TestReadmeTests(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	heading := regexp.MustCompile("^### `([^`]+)`")
	name := regexp.MustCompile(`\b(Test|Benchmark|Fuzz)[A-Z]\w*`)
	sources := map[string]string{}
	dir, n := "", 0
	for i, line := range strings.Split(string(b), "\n") {
		if m := heading.FindStringSubmatch(line); m != nil {
			dir = m[1]
			files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
			if err != nil || len(files) == 0 {
				t.Fatalf("README.md:%d: no tests in %s", i+1, dir)
			}
			for _, f := range files {
				src, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				sources[dir] += string(src)
			}
			continue
		}
		if strings.HasPrefix(line, "#") {
			dir = ""
		}
		if dir == "" || !strings.HasPrefix(line, "|") {
			continue
		}
		for _, test := range name.FindAllString(line, -1) {
			n++
			if !strings.Contains(sources[dir], "func "+test+"(") {
				t.Errorf("README.md:%d: %s has no %s", i+1, dir, test)
			}
		}
	}
	if n < 30 {
		t.Errorf("README names %d tests", n)
	}
}

// TestReadmeCode: what README shows in Go and C is taken as it stands into a module that uses this one, generated, and compiled. A whole file is
// taken as such, an annotated type gets a package clause, and statements with runtime/ipc a function around them.
func TestReadmeCode(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	newModule(t, root, dir)
	bin := filepath.Join(dir, "poolgen")
	run(t, nil, "go", "build", "-o", bin, "./cmd/poolgen")
	kinds := map[string]int{}
	write := func(kind, name, text string) {
		kinds[kind]++
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i, m := range regexp.MustCompile("(?s)\n```(go|c)\n(.*?)\n```\n").FindAllStringSubmatch(string(b), -1) {
		n, text := strconv.Itoa(i), m[2]
		switch {
		case m[1] == "c":
			write("c", "camera/frames.c", text+"\n")
		case strings.HasPrefix(text, "package ") && strings.Contains(text, "//poolgen:"):
			write("annotated file", "camera/frames.go", text+"\n")
		case strings.HasPrefix(text, "package "):
			write("file", "camera/part"+n+".go", text+"\n")
		case strings.HasPrefix(text, "//poolgen:"):
			write("type", "part"+n+"/part.go", "package part\n\n"+text+"\n")
		case !strings.Contains(text, "ipc."):
			t.Logf("not compiled, because it is not known what goes before it:\n%s", text)
		default:
			write("statements", "part"+n+"/part.go", "package part\n\nimport (\n\t\"context\"\n\n\t\"github.com/poolgen/poolgen/runtime/ipc\"\n"+
				"\t\"github.com/poolgen/poolgen/runtime/pool\"\n)\n\nfunc _(ctx context.Context, frames *pool.Pool, pts int64) {\n"+text+"\n"+uses(t, text)+"}\n")
		}
	}
	if kinds["annotated file"] != 1 || kinds["file"] != 2 || kinds["type"] != 2 || kinds["statements"] != 1 || kinds["c"] != 1 {
		t.Errorf("README has other pieces of code than before: %v", kinds)
	}
	env := append(os.Environ(), "GOFLAGS=-mod=mod", "CGO_ENABLED=0", "POOLGEN_CACHE=off")
	for _, args := range [][]string{{bin, "./..."}, {"go", "vet", "./..."}} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir, cmd.Env = dir, env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", args, err, out)
		}
	}
	for _, compiler := range []string{"gcc", "clang"} {
		testutil.RequireTool(t, compiler, compiler)
		run(t, nil, compiler, "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-Iinclude", "-c",
			"-o", filepath.Join(dir, compiler+".o"), filepath.Join(dir, "camera/frames.c"))
	}
}

// uses are statements that use what the statements of text declare, which an example need not do.
func uses(t *testing.T, text string) string {
	f, err := parser.ParseFile(token.NewFileSet(), "README.md", "package p\nfunc _() {\n"+text+"\n}", 0)
	if err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	ast.Inspect(f, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && a.Tok == token.DEFINE {
			for _, e := range a.Lhs {
				list.WriteString("_ = " + e.(*ast.Ident).Name + "\n")
			}
		}
		return true
	})
	return list.String()
}
