package gen

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write what is wanted in testdata/bad anew")

// bad runs the generator once over all archives of testdata/bad, each a folder of one module, and returns what it says of each.
func bad(t *testing.T) (archives map[string]*txtar.Archive, got map[string]string, r *Result) {
	t.Helper()
	// One archive has a file of cgo, and another lengths that a 32-bit compiler does not take at all.
	t.Setenv("CGO_ENABLED", "1")
	t.Setenv("GOARCH", "amd64")
	dir := t.TempDir()
	paths, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	writeFile(t, filepath.Join(dir, "go.mod"), "module example.com/bad\n\ngo 1.26\n")
	archives, got = map[string]*txtar.Archive{}, map[string]string{}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		archives[name] = a
		for _, f := range a.Files {
			if f.Name != "want" {
				writeFile(t, filepath.Join(dir, name, f.Name), string(f.Data))
			}
		}
	}
	r, err = Run(Config{Dir: dir, Patterns: []string{"./..."}})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range r.Diagnostics {
		name, rest, ok := strings.Cut(d.String(), "/")
		if !ok || archives[name] == nil {
			t.Fatalf("%s is in no archive", d)
		}
		got[name] += strings.ReplaceAll(rest, dir+"/", "") + "\n"
	}
	return archives, got, r
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestBadInput checks file, line, column, text and code of everything that can be wrong with a source. Each archive in testdata/bad
// holds a package and, as its file "want", what is said of it.
func TestBadInput(t *testing.T) {
	archives, got, _ := bad(t)
	for name, a := range archives {
		i := len(a.Files) - 1
		if i < 0 || a.Files[i].Name != "want" {
			t.Fatalf("%s does not end with the file want", name)
		}
		if *update {
			a.Files[i].Data = []byte(got[name])
			if err := os.WriteFile("testdata/bad/"+name+".txtar", txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if d := cmp.Diff(string(a.Files[i].Data), got[name]); d != "" {
			t.Errorf("%s: want - got +\n%s", name, d)
		}
		if got[name] == "" {
			t.Errorf("%s: nothing is said", name)
		}
	}
}

// TestCodes checks that every code is explained, that the sources use no other, and that tests raise each.
func TestCodes(t *testing.T) {
	_, _, r := bad(t)
	raised := map[Code]bool{}
	for _, d := range r.Diagnostics {
		raised[d.Code] = true
	}
	for _, d := range runPlaces(t) {
		raised[d.Code] = true
	}
	seen := map[Code]bool{}
	for _, c := range Codes() {
		if seen[c.Code] {
			t.Errorf("%s is explained twice", c.Code)
		}
		seen[c.Code] = true
		if !raised[c.Code] {
			t.Errorf("%s (%s) is raised by no test", c.Code, c.Title)
		}
		if c.Title == "" || !strings.HasSuffix(c.Text, ".") || c.Wrong == "" || c.Right == "" {
			t.Errorf("%s is not explained: %+v", c.Code, c)
		}
		if got, ok := Explain(c.Code); !ok || got != c {
			t.Errorf("Explain(%s) is %+v, %v", c.Code, got, ok)
		}
	}
	if _, ok := Explain("PG0000"); ok {
		t.Error("PG0000 is explained")
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range sources {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		for _, m := range regexp.MustCompile(`"(PG\d+)"`).FindAllStringSubmatch(string(text), -1) {
			if !seen[m[1]] {
				t.Errorf("%s uses %s, which is not explained", path, m[1])
			}
		}
	}
	for _, d := range r.Diagnostics {
		if !seen[d.Code] {
			t.Errorf("%s has an unknown code", d)
		}
	}
}
