package poolgen_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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
