package grpcmem_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/mem"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/adapt/grpcmem"
	"github.com/poolgen/poolgen/runtime/pool"
)

func tiers(t testing.TB, o grpcmem.Options, most int, sizes ...int) (*grpcmem.Pool, []*pool.Pool) {
	t.Helper()
	var pools []*pool.Pool
	for _, size := range sizes {
		p, err := pool.New(size, pool.Options{Name: fmt.Sprint(size), Max: most})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
		pools = append(pools, p)
	}
	g, err := grpcmem.New(o, pools...)
	if err != nil {
		t.Fatal(err)
	}
	return g, pools
}

func TestTiers(t *testing.T) {
	g, pools := tiers(t, grpcmem.Options{}, 2, 1000, 100)
	large, small := pools[0], pools[1]
	out := func(s, l int, heap uint64) {
		t.Helper()
		if a, b := small.Stats().Outstanding, large.Stats().Outstanding; a != s || b != l || g.Stats().Fallback != heap {
			t.Errorf("%d small, %d large, %+v; want %d, %d, %d", a, b, g.Stats(), s, l, heap)
		}
	}
	got := []*[]byte{g.Get(100), g.Get(0)}
	out(2, 0, 0)
	got = append(got, g.Get(1), g.Get(1000)) // small ones are out
	out(2, 2, 0)
	got = append(got, g.Get(10), g.Get(1001))
	out(2, 2, 2)
	for i, n := range []int{100, 0, 1, 1000, 10, 1001} {
		if len(*got[i]) != n || cap(*got[i]) < n {
			t.Errorf("%d bytes, room for %d, want %d", len(*got[i]), cap(*got[i]), n)
		}
		for j := range *got[i] {
			(*got[i])[j] = byte(i)
		}
	}
	for i, s := range got {
		if !bytes.Equal(*s, bytes.Repeat([]byte{byte(i)}, len(*s))) {
			t.Errorf("buffer %d was written to by another", i)
		}
		*s = (*s)[:0] // what the slice became does not matter
		g.Put(s)
	}
	out(0, 0, 2)
	foreign := make([]byte, 100)
	g.Put(&foreign)
	if n := g.Stats().Foreign; n != 3 {
		t.Errorf("%d foreign buffers", n)
	}
}

func TestMisuse(t *testing.T) {
	g, _ := tiers(t, grpcmem.Options{}, 2, 100)
	s := g.Get(10)
	g.Put(s)
	defer func() {
		var m *pool.MisuseError
		if err, _ := recover().(error); !errors.As(err, &m) || m.Pool != "100" {
			t.Errorf("putting back twice: %v", err)
		}
	}()
	g.Put(s)
}

func TestNewRefuses(t *testing.T) {
	if _, err := grpcmem.New(grpcmem.Options{}); err == nil {
		t.Error("a pool of nothing")
	}
	_, pools := tiers(t, grpcmem.Options{}, 2, 100)
	if _, err := grpcmem.New(grpcmem.Options{}, pools[0], pools[0]); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Error(err)
	}
}

func TestClear(t *testing.T) {
	for _, o := range []grpcmem.Options{{}, {Clear: true}} {
		g, _ := tiers(t, o, 1, 100)
		s := g.Get(100)
		copy(*s, "old")
		g.Put(s)
		if s = g.Get(3); (string(*s) == "\x00\x00\x00") != o.Clear {
			t.Errorf("%+v: %q", o, *s)
		}
		g.Put(s)
	}
}

// A pool that answers its limit with the heap counts, and its heap blocks are not used.
func TestHeapLimit(t *testing.T) {
	p, err := pool.New(100, pool.Options{Max: 1, AtLimit: pool.LimitHeap})
	if err != nil {
		t.Fatal(err)
	}
	g, err := grpcmem.New(grpcmem.Options{}, p)
	if err != nil {
		t.Fatal(err)
	}
	a, b := g.Get(5), g.Get(5)
	g.Put(a)
	g.Put(b)
	if s := g.Stats(); s.Fallback != 1 || s.Foreign != 1 {
		t.Errorf("%+v", s)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// gRPC's buffers and slices over our pool, on several goroutines: nobody sees another's bytes and all comes back.
func TestBuffers(t *testing.T) {
	g, pools := tiers(t, grpcmem.Options{}, 16, 2048, 4096) // gRPC asks for nothing up to 1 KiB
	var wg sync.WaitGroup
	for k := range 4 {
		wg.Go(func() {
			for i := range 500 {
				want := bytes.Repeat([]byte{byte(k)}, 1+i*7%5000)
				b := mem.Copy(want, g)
				b.Ref()
				left, right := mem.SplitUnsafe(b, len(want)/2)
				s := mem.BufferSlice{left, right}
				if !bytes.Equal(s.Materialize(), want) {
					t.Error("another's bytes")
				}
				s.Free()
				b.Free()
			}
		})
	}
	wg.Wait()
	for _, p := range pools {
		if s := p.Stats(); s.Outstanding != 0 || s.Stale != 0 || s.Acquired == 0 {
			t.Errorf("%+v", s)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	g, _ := tiers(t, grpcmem.Options{}, 16, 64, 4096)
	if n := testing.AllocsPerRun(100, func() { g.Put(g.Get(1000)) }); n != 0 && !checked {
		t.Errorf("%v allocations", n)
	}
}

// gRPC's own tests of package mem run over our pool: a copy of the module whose tests get their pools, and the default one, from here.
func TestSuiteOfGRPC(t *testing.T) {
	if testing.Short() || checked || runtime.GOARCH != "amd64" {
		t.Skip("compiles gRPC: runs on amd64, in the plain legs")
	}
	gotool := testutil.RequireTool(t, "go", "golang-go")
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(gotool, args...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	source := run("list", "-m", "-f", "{{.Dir}}", "google.golang.org/grpc")
	top := filepath.Dir(run("env", "GOMOD"))
	folder := t.TempDir()
	copyTree(t, source, filepath.Join(folder, "grpc"))

	tests := filepath.Join(folder, "grpc", "mem")
	const of = "package mem_test\n"
	suite, err := os.ReadFile(filepath.Join(tests, "buffer_pool_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	ours := strings.ReplaceAll(string(suite), "mem.NewTieredBufferPool(", "ourTieredBufferPool(")
	if n := strings.Count(ours, "ourTieredBufferPool("); n < 3 {
		t.Fatalf("gRPC's tests make %d tiered pools: they have changed, look at them again", n)
	}
	write(t, filepath.Join(tests, "buffer_pool_test.go"), ours)
	write(t, filepath.Join(tests, "poolgen_test.go"), of+`
import (
	"google.golang.org/grpc/internal"
	"google.golang.org/grpc/mem"

	"github.com/poolgen/poolgen/runtime/adapt/grpcmem"
	"github.com/poolgen/poolgen/runtime/pool"
)

func init() {
	internal.SetDefaultBufferPool.(func(mem.BufferPool))(ourTieredBufferPool(256, 4096, 16384, 32768, 1<<20))
}

func ourTieredBufferPool(sizes ...int) mem.BufferPool {
	var pools []*pool.Pool
	for _, size := range sizes {
		p, err := pool.New(size, pool.Options{Max: 1024})
		if err != nil {
			panic(err)
		}
		pools = append(pools, p)
	}
	g, err := grpcmem.New(grpcmem.Options{Clear: true, Fallback: mem.NewTieredBufferPool()}, pools...)
	if err != nil {
		panic(err)
	}
	return g
}
`)
	mod, err := os.ReadFile(filepath.Join(top, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join(top, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "go.mod"), string(mod)+"\nreplace google.golang.org/grpc => "+filepath.Join(folder, "grpc")+"\n")
	write(t, filepath.Join(folder, "go.sum"), string(sum))
	out := run("test", "-modfile="+filepath.Join(folder, "go.mod"), "-mod=mod", "-v", "-count=1", "-timeout=2m", "google.golang.org/grpc/mem")
	if !strings.Contains(out, "--- PASS: Test/BufferPoolClears") || !strings.Contains(out, "--- PASS: Test/BufferSlice_MaterializeToBuffer") {
		t.Errorf("the tests that matter have other names now:\n%s", out)
	}
	t.Logf("%d tests of gRPC passed", strings.Count(out, "--- PASS: "))
}

// copyTree copies the Go files of a module, without the tests of all packages but mem.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		test := strings.HasSuffix(rel, "_test.go") && filepath.Dir(rel) != "mem"
		if test || !strings.HasSuffix(rel, ".go") && filepath.Base(rel) != "go.mod" && filepath.Base(rel) != "go.sum" {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
