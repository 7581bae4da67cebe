package ctest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
)

// warnings are those that the header is free of.
var warnings = []string{"-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"}

// toolchain is one way to build and run C.
type toolchain struct {
	name string
	tool string // a command, and the Debian package that has it
	pkg  string
	args []string
	qemu bool // its programs are for ARM
}

// std selects the language; C++ compiles the same sources.
func (c toolchain) std(version string) toolchain {
	c.name += "/" + version
	c.args = append(slices.Clone(c.args), "-std="+version)
	if strings.HasPrefix(version, "c++") {
		c.args = append(c.args, "-x", "c++")
	}
	return c
}

func (c toolchain) with(name string, args ...string) toolchain {
	c.name += "/" + name
	c.args = append(slices.Clone(c.args), args...)
	return c
}

var (
	gcc      = toolchain{name: "gcc", tool: "gcc", pkg: "gcc"}
	gxx      = toolchain{name: "g++", tool: "g++", pkg: "g++"}
	clang    = toolchain{name: "clang", tool: "clang", pkg: "clang"}
	clangxx  = toolchain{name: "clang++", tool: "clang++", pkg: "clang"}
	armGcc   = toolchain{name: "arm-gcc", tool: "arm-linux-gnueabihf-gcc", pkg: "gcc-arm-linux-gnueabihf", qemu: true}
	armGxx   = toolchain{name: "arm-g++", tool: "arm-linux-gnueabihf-g++", pkg: "g++-arm-linux-gnueabihf", qemu: true}
	armClang = toolchain{name: "arm-clang", tool: "clang", pkg: "clang", qemu: true,
		args: []string{"--target=arm-linux-gnueabihf", "-march=armv7-a"}}
)

var (
	addressSanitizer = []string{"-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"}
	threadSanitizer  = []string{"-O1", "-g", "-fsanitize=thread"}
)

// compile makes a program of the sources in testdata and returns its path.
func (c toolchain) compile(t *testing.T, sources ...string) string {
	t.Helper()
	tool := testutil.RequireTool(t, c.tool, c.pkg)
	if c.qemu {
		testutil.RequireTool(t, "arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf") // whose linker and libc clang uses too
		testutil.RequireTool(t, "qemu-arm-static", "qemu-user-static")
		testutil.RequireFile(t, "/lib/ld-linux-armhf.so.3", "libc6:armhf")
	}
	if strings.HasPrefix(c.tool, "clang") && slices.ContainsFunc(c.args, func(a string) bool { return strings.HasPrefix(a, "-fsanitize") }) {
		testutil.RequireFile(t, command(t, tool, "-print-runtime-dir"), "libclang-rt-dev")
	}
	out := filepath.Join(t.TempDir(), strings.TrimSuffix(sources[0], ".c"))
	args := slices.Concat(c.args, warnings, []string{"-I../../include", "-pthread", "-o", out})
	if !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "-O") }) {
		args = append(args, "-O2")
	}
	for _, s := range sources {
		args = append(args, filepath.Join("testdata", s))
	}
	command(t, tool, args...)
	return out
}

// start is a command that runs a compiled program; kill it through ctx.
func (c toolchain) start(ctx context.Context, program string, args ...string) *exec.Cmd {
	if c.qemu {
		args = append([]string{program}, args...)
		program = "qemu-arm-static"
	}
	cmd := exec.CommandContext(ctx, program, args...)
	// Thread sanitizer's own report is an exit status of 66; leaks are errors too.
	cmd.Env = append(os.Environ(), "TSAN_OPTIONS=halt_on_error=1", "ASAN_OPTIONS=detect_leaks=1", "UBSAN_OPTIONS=print_stacktrace=1")
	return cmd
}

// run runs a program with descriptor 3 and following, and returns what it printed.
func (c toolchain) run(t *testing.T, files []*os.File, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := c.start(ctx, program, args...)
	cmd.ExtraFiles = files
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("running %s %q: %v\n%s%s", filepath.Base(program), args, err, out.String(), errs.String())
	}
	return strings.TrimSpace(out.String())
}

// command runs a tool that has to succeed, and returns what it printed.
func command(t *testing.T, tool string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("running %s %q: %v\n%s", tool, args, err, out)
	}
	return strings.TrimSpace(string(out))
}
