package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the golden files of the scripts anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"poolgen": main})
}

// TestScripts runs poolgen on small modules; testdata/script says what each shows.
func TestScripts(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	out, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE", "GOPROXY").Output()
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		env[[]string{"GOCACHE", "GOMODCACHE", "GOPROXY"}[i]] = line
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			for k, v := range env {
				e.Setenv(k, v)
			}
			e.Setenv("INCLUDE", filepath.Join(root, "include"))
			e.Setenv("GOFLAGS", "-mod=mod")
			e.Setenv("CGO_ENABLED", "0")
			e.Setenv("POOLGEN_CACHE", filepath.Join(e.WorkDir, ".cache"))
			mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
			if err != nil {
				return err
			}
			// The module of the script needs what ours does, and ours itself from this checkout.
			text := strings.Replace(string(mod), "module github.com/poolgen/poolgen", "module example.com/camera", 1) +
				"\nrequire github.com/poolgen/poolgen v0.0.0\nreplace github.com/poolgen/poolgen => " + root + "\n"
			sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(e.WorkDir, "go.mod"), []byte(text), 0o644); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(e.WorkDir, "go.sum"), sum, 0o644)
		},
	})
}
