package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// vetTool builds poolgen, to be run by the go command.
func vetTool(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "poolgen")
	if out, err := exec.Command("go", "build", "-o", name, ".").CombinedOutput(); err != nil {
		t.Fatalf("building poolgen: %v\n%s", err, out)
	}
	return name
}

// goVet runs the tool over packages of the module in dir and returns the findings as file:line: message.
func goVet(t *testing.T, dir, tool string, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"vet", "-vettool=" + tool, "-json"}, args...)...)
	cmd.Dir = dir
	// No cgo: what it makes of files is not what this is about, and takes a C compiler.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go vet in %s: %v\n%s", dir, err, errs.String())
	}
	found, err := parseVet(out)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range found {
		rel, err := filepath.Rel(dir, f.File)
		if err != nil || strings.HasPrefix(rel, "..") {
			rel = f.File
		}
		lines = append(lines, rel+": "+f.Message+" ("+f.Code+")")
	}
	return lines
}

// TestVetFindsNothingHere runs vet over this module, its examples and tests included.
func TestVetFindsNothingHere(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	tool := vetTool(t)
	for _, f := range goVet(t, root, tool, "./...") {
		t.Error(f)
	}
	// That would hold of a tool that looks at nothing, too.
	dir := filepath.Join(root, "cmd", "poolgen", "testdata", "leak")
	if found := goVet(t, root, tool, dir); len(found) != 1 || !strings.Contains(found[0], "(PG1001)") {
		t.Errorf("in %s, which leaks one buffer, vet found %q", dir, found)
	}
}

// TestVetOnModulesOfOthers runs vet over modules with many atomics, with counted buffers, and with sound and pictures. What it finds there was
// looked at: nothing but what want lists is right.
func TestVetOnModulesOfOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: modules of others are not vetted")
	}
	tool := vetTool(t)
	for _, m := range []struct {
		module, version string
		packages        []string
		want            []string
	}{
		{"github.com/nats-io/nats-server/v2", "v2.12.1", []string{"./server"}, nil},
		{"google.golang.org/grpc", "v1.85.0", []string{"./mem/...", "./encoding/...", "./internal/transport"}, nil},
		{"github.com/pion/interceptor", "v0.1.40", []string{"./..."}, nil},
	} {
		t.Run(m.module, func(t *testing.T) {
			t.Parallel()
			dir := download(t, m.module, m.version)
			found := goVet(t, dir, tool, append([]string{"-modfile=" + modfile(t, dir)}, m.packages...)...)
			if len(found) != len(m.want) {
				t.Errorf("vet found\n\t%s\nwant\n\t%s", strings.Join(found, "\n\t"), strings.Join(m.want, "\n\t"))
			}
		})
	}
}

// download returns the folder of a module in the module cache, and skips the test where the module is not there and cannot be fetched.
func download(t *testing.T, module, version string) string {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", module+"@"+version)
	cmd.Dir = t.TempDir() // outside of this module
	out, err := cmd.Output()
	var got struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &got); jsonErr != nil || err != nil || got.Dir == "" {
		t.Skipf("%s@%s is not in the module cache and cannot be fetched: %v %s", module, version, err, got.Error)
	}
	return got.Dir
}

// modfile copies the go.mod and go.sum of the module in dir, so that the go command can complete them, and fetches what the module needs.
func modfile(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mod := filepath.Join(to, "go.mod")
	cmd := exec.Command("go", "list", "-modfile="+mod, "-mod=mod", "-deps", "-test", "-f", "{{with .Error}}{{.}}{{end}}", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("what %s imports is not in the module cache and cannot be fetched: %v\n%s", dir, err, out)
	}
	return mod
}
