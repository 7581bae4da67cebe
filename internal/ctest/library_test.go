package ctest

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
)

// inlines are the functions that the headers declare.
func inlines(t *testing.T) []string {
	t.Helper()
	var names []string
	headers, err := filepath.Glob("../../include/poolgen*.h")
	if err != nil || len(headers) == 0 {
		t.Fatalf("no headers: %v", err)
	}
	for _, header := range headers {
		for _, m := range findAll(t, header, `(?m)^POOLGEN_INLINE [\w *]*?\b(poolgen_\w+)\(`) {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	if len(names) < 15 {
		t.Fatalf("found only %q", names)
	}
	return names
}

// TestLibrarySymbols builds libpoolgen for both machines: it exports each inline of the headers, and nothing else.
func TestLibrarySymbols(t *testing.T) {
	want := inlines(t)
	for _, c := range []toolchain{gcc, clang, armGcc} {
		t.Run(c.name, func(t *testing.T) {
			dir := buildLibrary(t, c, "all")
			f, err := elf.Open(filepath.Join(dir, "libpoolgen.so.1"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			symbols, err := f.DynamicSymbols()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range symbols {
				if s.Section == elf.SHN_UNDEF || elf.ST_TYPE(s.Info) != elf.STT_FUNC {
					continue
				}
				got = append(got, s.Name)
				if s.Version != "POOLGEN_1" {
					t.Errorf("%s has version %q", s.Name, s.Version)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("the library exports\n%q\nthe headers have\n%q", got, want)
			}
			if name, err := f.DynString(elf.DT_SONAME); err != nil || !slices.Equal(name, []string{"libpoolgen.so.1"}) {
				t.Errorf("soname %q, %v", name, err)
			}
			info, err := os.Stat(filepath.Join(dir, "libpoolgen.a"))
			if err != nil || info.Size() == 0 {
				t.Errorf("libpoolgen.a: %v", err)
			}
		})
	}
}

// TestLibraryLinks installs the library and links a program that sees no inline against it, as pkg-config says.
func TestLibraryLinks(t *testing.T) {
	testutil.RequireTool(t, "pkg-config", "pkg-config")
	prefix := t.TempDir()
	buildLibrary(t, gcc, "install", "PREFIX="+prefix)
	pc := func(what ...string) []string {
		t.Setenv("PKG_CONFIG_PATH", filepath.Join(prefix, "lib/pkgconfig"))
		return strings.Fields(command(t, "pkg-config", append(what, "poolgen")...))
	}
	// What is installed is all that a program's own and generated headers need.
	installed, err := filepath.Glob(filepath.Join(prefix, "include/*.h"))
	if here, err2 := filepath.Glob("../../include/*.h"); err != nil || err2 != nil || len(here) != len(installed) {
		t.Errorf("%d headers are installed of %d: %v, %v", len(installed), len(here), err, err2)
	}
	for _, header := range []string{"poolgen.h", "poolgen_alloc.h", "poolgen_ipc.h", "poolgen_ring.h", "poolgen_ring_writer.h", "../../examples/alloc/alloc_pool.h", "../../examples/frames/frames_pool.h"} {
		command(t, "gcc", slices.Concat(warnings, pc("--cflags"), []string{"-fsyntax-only", "-include", header, "-xc", "/dev/null"})...)
	}
	program := filepath.Join(t.TempDir(), "linked")
	for _, libs := range [][]string{append(pc("--libs"), "-Wl,-rpath,"+filepath.Join(prefix, "lib")), {filepath.Join(prefix, "lib/libpoolgen.a")}} {
		command(t, "gcc", slices.Concat(warnings, pc("--cflags"), []string{"-o", program, "testdata/linked.c"}, libs)...)
		if out := command(t, program); !strings.Contains(out, "stale") {
			t.Fatalf("%q printed %q", libs, out)
		}
	}
}

func buildLibrary(t *testing.T, c toolchain, target string, variables ...string) string {
	t.Helper()
	tool := testutil.RequireTool(t, c.tool, c.pkg)
	testutil.RequireTool(t, "make", "make")
	dir := t.TempDir()
	command(t, "make", append([]string{"-s", "-C", "../../include/lib", target, "CC=" + tool, "BUILD=" + dir}, variables...)...)
	return dir
}
