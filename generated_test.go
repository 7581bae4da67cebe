package poolgen_test

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/poolgen/poolgen/internal/testutil"
)

// The generator is used here as its users do: as a command.

var arches = []string{"amd64", "arm64", "386", "arm"}

func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s %s: %v\n%s", strings.Join(env, " "), name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestExamplesRegenerate regenerates every example and every binding and compares with what is checked in.
func TestExamplesRegenerate(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "poolgen")
	run(t, nil, "go", "build", "-o", bin, "./cmd/poolgen")
	run(t, nil, bin, "-check", "./examples/...", "./ffi/...")
	// The check itself must be able to fail.
	stale, err := os.ReadFile("examples/frames/frames_pool.h")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	source, err := os.ReadFile("examples/frames/frames.go")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"go.mod": "module example.com/frames\n\ngo 1.26\n", "frames.go": string(source), "stale.h": string(stale) + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(bin, "-check", "-header", "stale.h")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "stale.h is stale") {
		t.Fatalf("a stale header passed: %v %s", err, out)
	}
}

func TestExamplesBuildOnEveryTarget(t *testing.T) {
	for _, arch := range arches {
		t.Run(arch, func(t *testing.T) {
			run(t, []string{"GOARCH=" + arch, "CGO_ENABLED=0"}, "go", "build", "-o", t.TempDir(), "./examples/...", "./cmd/...")
			run(t, []string{"GOARCH=" + arch, "CGO_ENABLED=0"}, "go", "vet", "./examples/...")
		})
	}
}

// TestExamplesRunAlikeOn32Bit runs the same programs natively, as 386, and as arm under emulation: they print offsets and sizes.
func TestExamplesRunAlikeOn32Bit(t *testing.T) {
	testutil.RequireTool(t, "qemu-arm-static", "qemu-user-static")
	dir := t.TempDir()
	for example, want := range map[string]string{"frames": "Video.PTS 8", "alloc": "17 frames of 900 KiB fit"} {
		outputs := map[string]string{}
		for _, arch := range []string{"amd64", "386", "arm"} {
			bin := filepath.Join(dir, example+"-"+arch)
			run(t, []string{"GOARCH=" + arch, "CGO_ENABLED=0"}, "go", "build", "-o", bin, "./examples/"+example)
			if arch == "arm" {
				outputs[arch] = run(t, nil, "qemu-arm-static", bin)
			} else {
				outputs[arch] = run(t, nil, bin)
			}
		}
		for arch, out := range outputs {
			if d := cmp.Diff(outputs["amd64"], out); d != "" {
				t.Errorf("%s: %s prints something else:\n%s", example, arch, d)
			}
		}
		if !strings.Contains(outputs["arm"], want) {
			t.Errorf("%s does not print %q but %q", example, want, outputs["arm"])
		}
	}
}

// compilers are those that must lay the headers out as Go does.
var compilers = []struct {
	name, debian string
	args         []string
}{
	{"gcc", "gcc", []string{"-xc", "-std=c11"}},
	{"g++", "g++", []string{"-xc++", "-std=c++17"}},
	{"clang-14", "clang-14", []string{"-xc", "-std=c11"}},
	{"clang-14", "clang-14", []string{"-xc++", "-std=c++17"}},
	{"arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf", []string{"-xc", "-std=c11"}},
	{"arm-linux-gnueabihf-g++", "g++-arm-linux-gnueabihf", []string{"-xc++", "-std=c++17"}},
}

// TestOffsetsAgree compares the members of every generated struct in the debug information of Go binaries for all targets with
// those in objects that C and C++ compilers made of the headers.
func TestOffsetsAgree(t *testing.T) {
	headers, err := filepath.Glob("examples/*/*_pool.h")
	if err != nil || len(headers) == 0 {
		t.Fatalf("no generated headers: %v", err)
	}
	include, err := filepath.Abs("include")
	if err != nil {
		t.Fatal(err)
	}
	typedef := regexp.MustCompile(`(?m)^} (\w+);`)
	for _, header := range headers {
		text, err := os.ReadFile(header)
		if err != nil {
			t.Fatal(err)
		}
		names := []string{}
		source := fmt.Sprintf("#include %q\n", mustAbs(t, header))
		for i, m := range typedef.FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
			source += fmt.Sprintf("extern %s v%d; %s v%d;\n", m[1], i, m[1], i)
		}
		if len(names) == 0 {
			continue // allocators only: internal/ctest compiles those
		}
		goLayouts := map[string]map[string]string{}
		for _, arch := range arches {
			bin := filepath.Join(t.TempDir(), "bin-"+arch)
			run(t, []string{"GOARCH=" + arch, "CGO_ENABLED=0"}, "go", "build", "-o", bin, "./"+filepath.Dir(header))
			goLayouts[arch] = layouts(t, bin, "main.")
		}
		for _, c := range compilers {
			t.Run(filepath.Base(header)+"/"+c.name+"/"+c.args[0], func(t *testing.T) {
				testutil.RequireTool(t, c.name, c.debian)
				object := filepath.Join(t.TempDir(), "layout.o")
				args := append(append([]string{}, c.args...), "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-g", "-gdwarf-4", "-I", include, "-c", "-o", object, "-")
				cmd := exec.Command(c.name, args...)
				cmd.Stdin = strings.NewReader(source)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				inC := layouts(t, object, "")
				compared := 0
				for _, name := range names {
					want, ok := inC[squash(name)]
					if !ok {
						t.Fatalf("%s is not in the debug information", name)
					}
					for _, arch := range arches {
						for goName, got := range goLayouts[arch] {
							// frames_video in C is Video in Go.
							if _, rest, ok := strings.Cut(name, "_"); ok && squash(rest) == goName {
								if d := cmp.Diff(want, got); d != "" {
									t.Errorf("%s in C and in Go on %s differ:\n%s", name, arch, d)
								}
								compared++
							}
						}
					}
				}
				if compared < len(arches) {
					t.Fatalf("%d structs compared", compared)
				}
			})
		}
	}
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// squash makes names of both languages comparable: FrameCount and frame_count are framecount.
func squash(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// layouts is readLayouts for tests.
func layouts(t *testing.T, path, prefix string) map[string]string {
	t.Helper()
	found, err := readLayouts(path, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// readLayouts reads the structs whose names begin with prefix from the debug information of a binary: name, then a line a member.
func readLayouts(path, prefix string) (map[string]string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d, err := f.DWARF()
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	r := d.Reader()
	for {
		e, err := r.Next()
		if err != nil {
			return nil, err
		}
		if e == nil {
			return found, nil
		}
		name, _ := e.Val(dwarf.AttrName).(string)
		if e.Tag != dwarf.TagStructType || name == "" || !strings.HasPrefix(name, prefix) {
			continue
		}
		typ, err := d.Type(e.Offset)
		if err != nil {
			continue
		}
		s, ok := typ.(*dwarf.StructType)
		if !ok || s.Incomplete {
			continue
		}
		var b strings.Builder
		for _, m := range s.Field {
			member := squash(m.Name)
			if strings.HasPrefix(member, "reserved") || member == "" || member == "blank" {
				member = "gap"
			}
			fmt.Fprintf(&b, "%d %s\n", m.ByteOffset, strings.TrimSuffix(member, "_"))
		}
		fmt.Fprintf(&b, "%d size\n", s.ByteSize)
		found[squash(strings.TrimPrefix(name, prefix))] = b.String()
	}
}
