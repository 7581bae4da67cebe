package ctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
)

// TestHeaderCompiles compiles the header on its own, so that it includes what it needs, without a warning.
func TestHeaderCompiles(t *testing.T) {
	for _, c := range []toolchain{
		gcc.std("c11"), gcc.std("c17"), gcc.std("gnu11"), gxx.std("c++17"), gxx.std("c++20"),
		clang.std("c11"), clang.std("gnu17"), clangxx.std("c++17"), clangxx.std("c++20"),
		armGcc.std("c11"), armGxx.std("c++17"), armClang.std("c11"),
		gcc.std("c11").with("O0", "-O0"), gcc.std("c11").with("Os", "-Os"), gcc.std("c11").with("O3", "-O3"),
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tool := testutil.RequireTool(t, c.tool, c.pkg)
			if c.qemu {
				testutil.RequireTool(t, "arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf")
			}
			dir := t.TempDir()
			for name, text := range map[string]string{
				"header": "#include <poolgen.h>\nPOOLGEN_REQUIRE_ABI(1);\nint main(void) { return 0; }\n",
				"layout": "#include <poolgen_abi.h>\nPOOLGEN_REQUIRE_ABI(1);\nint main(void) { return 0; }\n",
				"alloc":  "#include <poolgen_alloc.h>\nPOOLGEN_ALLOC_REQUIRE_ABI(1);\nint main(void) { return 0; }\n",
				"all":    "#include <poolgen_alloc.h>\n#include <poolgen_ring_writer.h>\n#include <poolgen_ipc.h>\n",
				"allsym": "#define POOLGEN_INLINE\n#include <poolgen_alloc.h>\n#include <poolgen_ring_writer.h>\n#include <poolgen_ipc.h>\n",
				"ipc":    "#include <poolgen_ipc.h>\nint main(void) { return 0; }\n",
				"ipcabi": "#include <poolgen_ipc_abi.h>\nint main(void) { return 0; }\n",
				"ring":   "#include <poolgen_ring_writer.h>\nint main(void) { return 0; }\n",
				"rngabi": "#include <poolgen_ring_abi.h>\nint main(void) { return 0; }\n",
				"time64": "#define _FILE_OFFSET_BITS 64\n#define _TIME_BITS 64\n#include <poolgen_ipc.h>\nint main(void) { return 0; }\n",
				"atomic": "#define POOLGEN_INLINE\n#include <poolgen.h>\n#include <stdatomic.h>\n",
			} {
				if name == "atomic" && strings.Contains(c.name, "++") {
					continue // stdatomic.h is C's
				}
				src := filepath.Join(dir, name+".c")
				if err := os.WriteFile(src, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				command(t, tool, slices.Concat(c.args, warnings, []string{"-O2", "-I../../include", "-c", "-o", filepath.Join(dir, name+".o"), src})...)
			}
		})
	}
}

// A header for another version of the arena refuses to compile, and says what to do.
func TestRequireABIRefusesAnotherVersion(t *testing.T) {
	for _, c := range []toolchain{gcc.std("c11"), gxx.std("c++17"), clang.std("c11"), clangxx.std("c++17")} {
		t.Run(c.name, func(t *testing.T) {
			tool := testutil.RequireTool(t, c.tool, c.pkg)
			cmd := exec.Command(tool, slices.Concat([]string{"-x", "c"}, c.args, []string{"-I../../include", "-fsyntax-only", "-"})...)
			cmd.Stdin = strings.NewReader("#include <poolgen.h>\nPOOLGEN_REQUIRE_ABI(2);\n")
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "run poolgen again") {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}

// TestBothSidesAssertTheSameOffsets compares the assertions of the header with those of runtime/pool and runtime/ipc.
func TestBothSidesAssertTheSameOffsets(t *testing.T) {
	types := map[string]string{"superblock": "poolgen_superblock", "descriptor": "poolgen_descriptor", "hintSlot": "poolgen_hint_slot", "header": "poolgen_block",
		"class": "poolgen_class", "allocHeader": "poolgen_allocator", "channelHead": "poolgen_priv_channel", "frameSlot": "poolgen_priv_frame_slot"}
	goSide := map[string]string{}
	inGo := `Offsetof\((\w+)\{\}\.(\w+)\)-(\d+)`
	for _, m := range slices.Concat(findAll(t, "../../runtime/pool/abi_unsafe.go", inGo), findAll(t, "../../runtime/ipc/channel_unsafe.go", inGo)) {
		field := regexp.MustCompile(`[A-Z]+`).ReplaceAllStringFunc(m[2], func(s string) string { return "_" + strings.ToLower(s) })
		if field == "class" {
			field = "size_class" // a word of C++
		}
		goSide[types[m[1]]+"."+field] = m[3]
	}
	cSide := map[string]string{}
	for _, m := range slices.Concat(findAll(t, "../../include/poolgen_abi.h", `POOLGEN_PRIV_AT\((\w+), (\w+), (\d+)\)`),
		findAll(t, "../../include/poolgen_alloc_abi.h", `POOLGEN_ALLOC_ASSERT\((\w+), (\w+), (\d+)\)`),
		findAll(t, "../../include/poolgen_ipc_abi.h", `POOLGEN_IPC_AT\((\w+), (\w+), (\d+)\)`)) {
		if m[1] != "poolgen_buf" {
			cSide[m[1]+"."+m[2]] = m[3]
		}
	}
	for name, at := range goSide {
		if cSide[name] != at {
			t.Errorf("%s is at %s in Go, at %q in C", name, at, cSide[name])
		}
	}
	for name, at := range cSide {
		if _, ok := goSide[name]; !ok && at != "0" && name != "poolgen_superblock.abi" && name != "poolgen_superblock.endian" && name != "poolgen_superblock.header_size" {
			t.Errorf("%s is at %s in C, Go asserts nothing", name, at)
		}
	}
	if len(goSide) < 60 {
		t.Fatalf("found %d assertions in Go", len(goSide))
	}
}

func findAll(t *testing.T, file, pattern string) [][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1)
}

// TestUnit runs the unit tests in C and in C++, optimised and sanitized.
func TestUnit(t *testing.T) {
	for _, c := range []toolchain{
		gcc.std("c11"), gxx.std("c++17"), clang.std("c11"), clangxx.std("c++17"), armGcc.std("c11"), armGxx.std("c++17"), armClang.std("c11"),
		gcc.std("c11").with("O0", "-O0"), gcc.std("c11").with("asan", addressSanitizer...), clang.std("c11").with("asan", addressSanitizer...),
		clang.std("c11").with("tsan", threadSanitizer...),
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if out := c.run(t, nil, c.compile(t, "unit.c", "more.c")); out != "ok" {
				t.Fatalf("printed %q", out)
			}
		})
	}
}

// TestStress runs threads on one arena. ARM's memory order cannot be seen under qemu on another machine: there it only runs.
func TestStress(t *testing.T) {
	for _, c := range []struct {
		toolchain
		rounds string
	}{
		{gcc.std("c11"), "200000"},
		{clang.std("c11"), "200000"},
		{gcc.std("c11").with("asan", addressSanitizer...), "20000"},
		{clang.std("c11").with("asan", addressSanitizer...), "20000"},
		{clang.std("c11").with("tsan", threadSanitizer...), "20000"},
		{armGcc.std("c11"), "10000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if out := c.run(t, nil, c.compile(t, "stress.c"), c.rounds); out != "ok" {
				t.Fatalf("printed %q", out)
			}
		})
	}
}

// TestDoubleReleaseHarmsNobody releases references twice at once while others use the same blocks: misuse is told, and costs nobody
// else a reference.
func TestDoubleReleaseHarmsNobody(t *testing.T) {
	for _, c := range []struct {
		toolchain
		rounds string
	}{
		{gcc.std("c11"), "2000000"},
		{clang.std("c11"), "2000000"},
		{clang.std("c11").with("tsan", threadSanitizer...), "100000"},
		{armGcc.std("c11"), "20000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if out := c.run(t, nil, c.compile(t, "misuse.c"), c.rounds); out != "ok" {
				t.Fatalf("printed %q", out)
			}
		})
	}
}

// The benchmark runs; what it measures is for a quiet machine.
func TestBenchmarkProgram(t *testing.T) {
	out := gcc.std("c11").run(t, nil, gcc.std("c11").compile(t, "bench.c"), "1000")
	if !strings.Contains(out, "2 threads: get+release") {
		t.Fatal(out)
	}
}
