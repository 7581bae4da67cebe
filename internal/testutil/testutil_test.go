package testutil

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// recorder stands in for a test that skips or fails.
type recorder struct {
	testing.TB
	skipped, failed string
	cleanups        []func()
}

func (r *recorder) Helper() {}
func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}
func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}
func (r *recorder) Errorf(format string, args ...any) { r.failed = fmt.Sprintf(format, args...) }
func (r *recorder) Cleanup(f func())                  { r.cleanups = append(r.cleanups, f) }

// run runs f as a test of its own, which Skipf and Fatalf end.
func run(t *testing.T, f func(testing.TB)) *recorder {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	for _, c := range r.cleanups {
		c()
	}
	return r
}

// A guest has few tools: what it should have must be there, the rest is skipped.
func TestRequireInGuest(t *testing.T) {
	t.Setenv(RequireAll, "1")
	t.Setenv(VM, "1")
	if r := run(t, func(tb testing.TB) { RequireTool(tb, "poolgen-no-such-tool", "gcc") }); !strings.Contains(r.skipped, "guests have no gcc") || r.failed != "" {
		t.Errorf("compiler: skipped %q, failed %q", r.skipped, r.failed)
	}
	if r := run(t, func(tb testing.TB) { RequireTool(tb, "poolgen-no-such-tool", "v4l-utils") }); r.failed == "" {
		t.Errorf("tool of the guest: skipped %q", r.skipped)
	}
}

func TestRequire(t *testing.T) {
	const absent = "poolgen-no-such-tool"
	needs := map[string]func(testing.TB){
		"tool": func(tb testing.TB) { RequireTool(tb, absent, "some-package") },
		"file": func(tb testing.TB) { RequireFile(tb, "/nonexistent/"+absent, "some-package") },
	}
	for name, f := range needs {
		t.Run(name, func(t *testing.T) {
			t.Setenv(RequireAll, "")
			t.Setenv(VM, "")
			r := run(t, f)
			if !strings.Contains(r.skipped, "some-package") || !strings.Contains(r.skipped, absent) || r.failed != "" {
				t.Errorf("skipped %q, failed %q; want a skip naming %s and some-package", r.skipped, r.failed, absent)
			}
			t.Setenv(RequireAll, "1")
			r = run(t, f)
			if !strings.Contains(r.failed, "some-package") || r.skipped != "" {
				t.Errorf("with %s=1: skipped %q, failed %q; want a failure naming some-package", RequireAll, r.skipped, r.failed)
			}
		})
	}
	t.Setenv(RequireAll, "1")
	r := run(t, func(tb testing.TB) {
		if got := RequireFile(tb, "/proc/self/fd", "none"); got != "/proc/self/fd" {
			t.Errorf("RequireFile = %q", got)
		}
	})
	if r.skipped != "" || r.failed != "" {
		t.Errorf("a present file: skipped %q, failed %q", r.skipped, r.failed)
	}
}

func TestOpenFDs(t *testing.T) {
	var kept *os.File
	r := run(t, func(tb testing.TB) {
		OpenFDs(tb)
		kept, _ = os.Open(os.DevNull)
	})
	defer kept.Close()
	if !strings.Contains(r.failed, os.DevNull) {
		t.Errorf("a leaked %s was reported as %q", os.DevNull, r.failed)
	}
	r = run(t, func(tb testing.TB) {
		OpenFDs(tb)
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Error(err)
			return
		}
		f.Close()
	})
	if r.failed != "" {
		t.Errorf("no leak was reported as %q", r.failed)
	}
}

func TestMappings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mapped")
	if err := os.WriteFile(path, make([]byte, 1<<16), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, leak := range []bool{true, false} {
		var mem []byte
		r := run(t, func(tb testing.TB) {
			Mappings(tb)
			if mem, err = syscall.Mmap(int(f.Fd()), 0, 1<<16, syscall.PROT_READ, syscall.MAP_SHARED); err != nil {
				t.Error(err)
			}
			if !leak {
				err = syscall.Munmap(mem)
			}
		})
		if leak {
			err = syscall.Munmap(mem)
		}
		if err != nil {
			t.Fatal(err)
		}
		if leak != strings.Contains(r.failed, path) {
			t.Errorf("left mapped %v, reported as %q", leak, r.failed)
		}
	}
}
