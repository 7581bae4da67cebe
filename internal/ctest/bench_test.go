package ctest

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// BenchmarkNative reports testdata/bench.c, beside the same work in Go: ns/op, and adds/op in multiples of the run's own atomic add.
func BenchmarkNative(b *testing.B) {
	for _, c := range []toolchain{gcc, clang} {
		b.Run(c.name, func(b *testing.B) {
			tool := testutil.RequireTool(b, c.tool, c.pkg)
			program := filepath.Join(b.TempDir(), "bench")
			args := slices.Concat(warnings, []string{"-std=c11", "-O2", "-pthread", "-I../../include", "-o", program, "testdata/bench.c"})
			if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
			out, err := exec.Command(program).Output()
			if err != nil {
				b.Fatal(err)
			}
			for line := range strings.Lines(string(out)) {
				var threads int
				var get, getAdds, retain, retainAdds float64
				const format = "%d threads: get+release %f ns, %f adds; retain+release %f ns, %f adds"
				if _, err := fmt.Sscanf(line, format, &threads, &get, &getAdds, &retain, &retainAdds); err != nil {
					continue
				}
				report := func(name string, ns, adds float64) {
					b.Run(fmt.Sprintf("%s-%dthreads", name, threads), func(b *testing.B) {
						b.ReportMetric(ns, "ns/op")
						b.ReportMetric(adds, "adds/op")
					})
				}
				report("get+release", get, getAdds)
				report("retain+release", retain, retainAdds)
			}
		})
	}
	p, err := pool.New(4096, pool.Options{Max: 64, Prealloc: 64})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("go/get+release-1threads", func(b *testing.B) {
		for b.Loop() {
			buf, err := p.Get()
			if err != nil {
				b.Fatal(err)
			}
			buf.Release()
		}
	})
	b.Run("go/retain+release-1threads", func(b *testing.B) {
		buf, err := p.Get()
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			buf.Retain()
			buf.Release()
		}
		buf.Release()
	})
	if err := p.Close(); err != nil {
		b.Fatal(err)
	}
}
