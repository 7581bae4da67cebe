package v4l2_test

import (
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/ffi/v4l2"
	"github.com/poolgen/poolgen/internal/testutil"
)

// TestVividLong captures for 30 minutes, and looks whether memory, descriptors or mappings grow.
func TestVividLong(t *testing.T) {
	if os.Getenv("POOLGEN_LONG") != "1" {
		t.Skip("it takes 30 minutes: make test-vm-full runs it, by POOLGEN_LONG=1")
	}
	testutil.OpenFDs(t)
	d := find(t, "vid-cap")
	f := small(t, d)
	s := start(t, d, v4l2.StreamConfig{})
	var frames, lost uint64
	var before runtime.MemStats
	maps := 0
	end := time.Now().Add(30 * time.Minute)
	for time.Now().Before(end) {
		fr := read(t, s)
		frames++
		lost += uint64(fr.Lost)
		if len(fr.Bytes()) != f.Size() {
			t.Fatalf("frame %d has %d bytes", fr.Sequence, len(fr.Bytes()))
		}
		fr.Release()
		if frames == 1000 { // all is set up by now
			runtime.GC()
			runtime.ReadMemStats(&before)
			maps = mappings(t)
		}
	}
	runtime.GC()
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	st := s.Stats()
	t.Logf("%d frames, %d lost, %d corrupt; the heap has %d bytes, %d at first", frames, lost, st.Corrupt, after.HeapAlloc, before.HeapAlloc)
	if st.Frames != frames || st.Lost != lost || st.Held != 0 {
		t.Errorf("Stats = %+v", st)
	}
	if after.HeapAlloc > before.HeapAlloc+1<<20 || mappings(t) != maps {
		t.Errorf("the heap grew from %d to %d bytes, mappings from %d to %d", before.HeapAlloc, after.HeapAlloc, maps, mappings(t))
	}
	if frames < 30*60*10 {
		t.Errorf("%d frames in 30 minutes", frames)
	}
}

// TestVividManyDescriptors reads a device whose descriptor is above those that select(2) can wait for.
func TestVividManyDescriptors(t *testing.T) {
	testutil.OpenFDs(t)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Max < 1200 {
		t.Skipf("no more than %d descriptors may be open here (%v): raise the limit with ulimit -n", limit.Max, err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	for range 1050 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	d := find(t, "vid-cap")
	if d.FD() < 1024 {
		t.Fatalf("the descriptor is %d", d.FD())
	}
	small(t, d)
	s := start(t, d, v4l2.StreamConfig{})
	for range 5 {
		fr := read(t, s)
		fr.Release()
	}
	d.Close()
}
