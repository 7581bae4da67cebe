package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Bounds of BenchmarkModule: multiples of the time of go list -deps -export on the same packages, and bytes.
const (
	mostAnew      = 2.0
	mostUnchanged = 1.2
	mostMemory    = 150e6
)

// BenchmarkModule runs poolgen on a module of 100 annotated structs in 10 packages and compares with what the go command takes to list
// the same packages with their export data, everything in its cache. The figures are medians of runs that take turns:
//
//	anew/list       no output is there yet
//	changed/list    every source file has changed since the last run
//	unchanged/list  nothing has changed
//	peak-MB         the most memory that a run took, the go command that it called included
//
// It fails where a bound is passed.
func BenchmarkModule(b *testing.B) {
	dir := b.TempDir()
	bin := filepath.Join(dir, "poolgen")
	command(b, ".", nil, "go", "build", "-o", bin, ".")
	mod := filepath.Join(dir, "module")
	writeModule(b, mod)
	env := []string{"POOLGEN_CACHE=" + filepath.Join(dir, "cache"), "GOFLAGS=", "CGO_ENABLED=0"}
	command(b, mod, env, bin, "./...")
	command(b, mod, env, "go", "mod", "tidy")
	command(b, mod, env, "go", "build", "./...")
	times := map[string][]time.Duration{}
	peak := int64(0)
	timed := func(kind, name string, args ...string) {
		start := time.Now()
		memory := command(b, mod, env, name, args...)
		times[kind] = append(times[kind], time.Since(start))
		if name == bin {
			peak = max(peak, memory)
		}
	}
	list := func() { timed("list", "go", "list", "-deps", "-export", "./...") }
	list()
	round := 0
	for range b.N {
		for range 9 {
			list()
			timed("unchanged", bin, "./...")
			round++
			for _, name := range glob(b, mod, "p*/f?.go") {
				f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
				if err != nil {
					b.Fatal(err)
				}
				fmt.Fprintf(f, "// round %d\n", round)
				if err := f.Close(); err != nil {
					b.Fatal(err)
				}
			}
			timed("changed", bin, "./...")
			for _, name := range glob(b, mod, "p*/*_pool.*") {
				if err := os.Remove(name); err != nil {
					b.Fatal(err)
				}
			}
			if err := os.RemoveAll(filepath.Join(dir, "cache")); err != nil {
				b.Fatal(err)
			}
			timed("anew", bin, "./...")
			command(b, mod, env, "go", "build", "./...") // so that the next list is warm
		}
	}
	if n := len(glob(b, mod, "p*/*_pool.h")); n != 50 {
		b.Fatalf("%d headers were made, not 50", n)
	}
	for kind, bound := range map[string]float64{"anew": mostAnew, "changed": mostAnew, "unchanged": mostUnchanged} {
		ratio := float64(median(times[kind])) / float64(median(times["list"]))
		b.ReportMetric(ratio, kind+"/list")
		if ratio > bound {
			b.Errorf("%s takes %.2f times as long as go list, which is more than %.1f", kind, ratio, bound)
		}
	}
	b.ReportMetric(float64(median(times["list"]).Milliseconds()), "list-ms")
	b.ReportMetric(float64(peak)/1e6, "peak-MB")
	if peak > mostMemory {
		b.Errorf("%d bytes of memory are more than %.0f", peak, mostMemory)
	}
	b.ReportMetric(0, "ns/op") // of all rounds together: means nothing
}

func median(d []time.Duration) time.Duration { return slices.Sorted(slices.Values(d))[len(d)/2] }

func glob(b *testing.B, dir, pattern string) []string {
	b.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		b.Fatal(err)
	}
	return names
}

// command runs a program to its end and returns the most bytes of memory that it or one that it ran had.
func command(tb testing.TB, dir string, env []string, name string, args ...string) int64 {
	tb.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var text strings.Builder
	cmd.Stderr = &text
	if err := cmd.Run(); err != nil {
		tb.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, text.String())
	}
	return int64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) * 1024 //nolint:unconvert // 32 bit on 32-bit machines
}

// writeModule writes 10 packages with 5 files of 2 annotated structs each. They import what programs import, use types of the standard
// library and of each other, and know what is generated.
func writeModule(tb testing.TB, dir string) {
	tb.Helper()
	for p := range 10 {
		for f := range 5 {
			var s strings.Builder
			fmt.Fprintf(&s, "package p%d\n\nimport (\n\t\"net/http\"\n\t\"time\"\n", p)
			if p > 0 {
				fmt.Fprintf(&s, "\n\t\"example.com/module/p%d\"\n", p-1)
			}
			fmt.Fprintf(&s, ")\n\nvar _ = http.StatusOK\n\n// Kind%[1]d says what is meant.\ntype Kind%[1]d uint8\n\nconst (\n\tFirst%[1]d Kind%[1]d = iota\n\tSecond%[1]d\n)\n", f)
			fmt.Fprintf(&s, "\n// Point%[1]d is a place.\ntype Point%[1]d struct{ X, Y float32 }\n", f)
			for n := range 2 {
				place := fmt.Sprintf("Point%d", f)
				if p > 0 {
					place = fmt.Sprintf("p%d.Point%d", p-1, f)
				}
				fmt.Fprintf(&s, `
// msg%[1]dx%[2]d is one message.
//
//poolgen:pool shared prealloc=4 max=64
type msg%[1]dx%[2]d struct {
	Seq  uint64 `+"`poolgen:\"atomic\"`"+` // counts
	PTS  time.Duration
	Kind Kind%[1]d
	At   [3]%[3]s
	Data [%[4]d]byte `+"`poolgen:\"align=64\"`"+`
}

func use%[1]dx%[2]d(r Msg%[1]dx%[2]dRef) { r.Release() }
`, f, n, place, 256+64*n)
			}
			write(tb, filepath.Join(dir, fmt.Sprintf("p%d/f%d.go", p, f)), s.String())
		}
	}
	mod, sum := moduleFiles(tb, "example.com/module")
	write(tb, filepath.Join(dir, "go.mod"), mod)
	write(tb, filepath.Join(dir, "go.sum"), sum)
}

func write(tb testing.TB, name, text string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
}

// moduleFiles are go.mod and go.sum of a module that needs what this one does, and this one itself from the checkout.
func moduleFiles(tb testing.TB, path string) (mod, sum string) {
	tb.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		tb.Fatal(err)
	}
	m, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		tb.Fatal(err)
	}
	s, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Replace(string(m), "module github.com/poolgen/poolgen", "module "+path, 1) +
		"\nrequire github.com/poolgen/poolgen v0.0.0\nreplace github.com/poolgen/poolgen => " + root + "\n", string(s)
}
