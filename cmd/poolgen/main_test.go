package main

import (
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write the golden files of the scripts anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"poolgen": main, "watched": watched})
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
			e.Setenv("PID", strconv.Itoa(os.Getpid())) // a process without a shared pool
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

// TestHelp checks that the help of every command is short and has an example, and that no flag lacks its meaning.
func TestHelp(t *testing.T) {
	var all func(*cobra.Command)
	all = func(c *cobra.Command) {
		if c.Name() != "help" {
			var text strings.Builder
			c.SetOut(&text)
			if err := c.Help(); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(text.String(), "\n"); n > 45 || !strings.Contains(text.String(), "Examples:") {
				t.Errorf("the help of %s has %d lines or no example:\n%s", c.CommandPath(), n, text.String())
			}
			for line := range strings.Lines(text.String()) {
				if len(line) > 120 {
					t.Errorf("the help of %s has a line of %d characters: %s", c.CommandPath(), len(line), line)
				}
			}
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s -%s says nothing", c.CommandPath(), f.Name)
			}
		})
		for _, sub := range c.Commands() {
			all(sub)
		}
	}
	all(root(io.Discard, io.Discard))
}

func TestNearest(t *testing.T) {
	names := []string{"check", "completion", "explain", "init", "layout", "vet", "version", "bash"}
	for s, want := range map[string]string{
		"chek": "check", "hceck": "check", "explian": "explain", "explainn": "explain", "comp": "completion", "vte": "vet", "int": "init",
		"tcsh": "", "x": "", "": "", "fmt": "", "camera": "", "verzion": "version", "ve": "vet", "lay": "layout",
	} {
		if got := nearest(s, names); got != want {
			t.Errorf("nearest to %q is %q, not %q", s, got, want)
		}
	}
}
