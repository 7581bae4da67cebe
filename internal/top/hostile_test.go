package top

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
	"golang.org/x/sys/unix"
)

// memoryFile makes a memfd with content.
func memoryFile(t testing.TB, name string, content []byte, seals int) int {
	t.Helper()
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if _, err := unix.Pwrite(fd, content, 0); err != nil && len(content) > 0 {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		t.Fatal(err)
	}
	return fd
}

// sound is the content of a small arena with a block in use.
func sound(t testing.TB) []byte {
	t.Helper()
	p, err := pool.New(100, pool.Options{Name: "sound", Max: 3, External: 2, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	all := make([]byte, p.ArenaSize())
	if n, err := sys.ReadAt(p.FD(), all, 0); n != len(all) || err != nil {
		t.Fatal(n, err)
	}
	b.Release()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

// soundChannel is the content of a channel with 2 slots and 4 returns.
func soundChannel() []byte {
	b := make([]byte, slotsOffset+2*64+4*4)
	for i, v := range []uint32{channelMagic, channelVersion, 2, 4} {
		binary.NativeEndian.PutUint32(b[4*i:], v)
	}
	return b
}

// soundAllocator is the content of a small allocator.
func soundAllocator(t testing.TB) []byte {
	t.Helper()
	a, err := pool.NewAllocator(pool.AllocOptions{Name: "small", Budget: 256 << 10, Sizes: []int{64, 1024}, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	all := make([]byte, 256<<10)
	n, err := sys.ReadAt(a.FD(), all, 0)
	if err != nil {
		t.Fatal(err)
	}
	return all[:n]
}

// TestAllocator compares an allocator with what it says itself.
func TestAllocator(t *testing.T) {
	a, err := pool.NewAllocator(pool.AllocOptions{Name: "cam", Budget: 1 << 20, Sizes: []int{64, 1024}, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	var blocks []unsafe.Pointer
	defer func() {
		for _, p := range blocks {
			a.Free(p)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	w := watch(t, Options{Processes: []string{strconv.Itoa(os.Getpid())}})
	sample(t, w)
	for range 100 {
		p, err := a.Malloc(1000)
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, p)
	}
	if _, err := a.Malloc(1 << 20); err == nil {
		t.Fatal("more than the budget was allocated")
	}
	s, st := sample(t, w), a.Stats()
	if len(s.Allocators) != 1 || s.Allocators[0].Name != "cam" || maker(s.Allocators[0].Parts) != os.Getpid() {
		t.Fatalf("%+v", s.Allocators)
	}
	g := s.Allocators[0]
	got := []int64{int64(g.Used), int64(g.HighWater), int64(g.Budget), int64(g.Overhead), int64(g.Refusals), int64(g.Misuses), int64(g.Reclaims), int64(g.Caches), int64(g.Classes)}
	want := []int64{st.Used, st.HighWater, st.Budget, st.Overhead, int64(st.Refusals), int64(st.Misuses), int64(st.Reclaims), int64(st.Caches), 2}
	if !slices.Equal(got, want) || st.Used == 0 || st.Refusals != 1 {
		t.Errorf("%v, the allocator says %v", got, want)
	}
}

// lookAt looks at a descriptor of this process.
func lookAt(t testing.TB, fd int) (any, error) {
	t.Helper()
	path := "/proc/self/fd/" + strconv.Itoa(fd)
	file, err := sys.Known(path)
	if err != nil {
		t.Fatal(err)
	}
	return look(path, file, nil)
}

// at is content with a word changed.
func at(content []byte, offset uintptr, v uint32) []byte {
	content = bytes.Clone(content)
	binary.NativeEndian.PutUint32(content[offset:], v)
	return content
}

func TestHostileMemory(t *testing.T) {
	good, channel := sound(t), soundChannel()
	var s superblock
	var d descriptor
	var c0 channelHead
	var a allocHeader
	alloc := soundAllocator(t)
	desc := func(offset uintptr) uintptr { return superSize + offset }
	const sealed = unix.F_SEAL_SHRINK
	for _, c := range []struct {
		name    string
		content []byte
		seals   int
		want    string // "": it is sound
	}{
		{"sound", good, sealed, ""},
		{"sound channel", channel, sealed, ""},
		{"empty", nil, sealed, "not made yet"},
		{"three bytes", good[:3], sealed, "not made yet"},
		{"zeros", make([]byte, 8192), sealed, "not made yet"},
		{"text", bytes.Repeat([]byte("text"), 2000), sealed, "no pool and no channel"},
		{"not sealed", good, 0, "not sealed with F_SEAL_SHRINK"},
		{"channel not sealed", channel, 0, "not sealed with F_SEAL_SHRINK"},
		{"head cut", good[:300], sealed, "cut off: it has 300 bytes"},
		{"headers cut", good[:600], sealed, "cut off"},
		{"payload cut", good[:len(good)-1], sealed, "cut off"},
		{"larger than it is", at(good, unsafe.Offsetof(s.arenaSize)+4, 1<<31), sealed, "cut off"},
		{"other byte order", at(good, unsafe.Offsetof(s.endian), 0x04030201), sealed, "other byte order"},
		{"other version", at(good, unsafe.Offsetof(s.abi), 2), sealed, "layout version 2, this program knows 1"},
		{"header size", at(good, unsafe.Offsetof(s.headerSize), 0), sealed, "headers of 0 bytes"},
		{"pools", at(good, unsafe.Offsetof(s.pools), 1<<31), sealed, "damaged"},
		{"descriptor outside", at(good, unsafe.Offsetof(s.descOffset), 1<<31), sealed, "damaged"},
		{"no blocks", at(good, desc(unsafe.Offsetof(d.fixed)), 0), sealed, "0 blocks"},
		{"too many blocks", at(good, desc(unsafe.Offsetof(d.fixed)), 1<<32-1), sealed, "4294967295 blocks"},
		{"more blocks than fit", at(good, desc(unsafe.Offsetof(d.fixed)), 1<<24), sealed, "damaged"},
		{"more external than fit", at(good, desc(unsafe.Offsetof(d.external)), 1<<20), sealed, "damaged"},
		{"too many external", at(good, desc(unsafe.Offsetof(d.external)), 1<<32-3), sealed, "damaged"},
		{"limit", at(good, desc(unsafe.Offsetof(d.limit)), 4), sealed, "damaged"},
		{"prealloc", at(good, desc(unsafe.Offsetof(d.prealloc)), 4), sealed, "damaged"},
		{"no stride", at(good, desc(unsafe.Offsetof(d.stride)), 0), sealed, "damaged"},
		{"odd stride", at(good, desc(unsafe.Offsetof(d.stride)), 129), sealed, "damaged"},
		{"stride outside", at(good, desc(unsafe.Offsetof(d.stride)), 1<<31), sealed, "damaged"},
		{"no capacity", at(good, desc(unsafe.Offsetof(d.capacity)), 0), sealed, "damaged"},
		{"capacity beyond the stride", at(good, desc(unsafe.Offsetof(d.capacity)), 1<<20), sealed, "damaged"},
		{"hints", at(good, desc(unsafe.Offsetof(d.hintSlots)), 1), sealed, "damaged"},
		{"headers elsewhere", at(good, desc(unsafe.Offsetof(d.headersOffset)), 0), sealed, "damaged"},
		{"payloads among the headers", at(good, desc(unsafe.Offsetof(d.payloadOffset)), 512), sealed, "damaged"},
		{"payloads outside", at(good, desc(unsafe.Offsetof(d.payloadOffset))+4, 1), sealed, "damaged"},
		{"more opened than there are", at(good, desc(unsafe.Offsetof(d.opened)), 1<<32-1), sealed, ""},
		{"sound allocator", alloc, sealed, ""},
		{"allocator not sealed", alloc, 0, "not sealed"},
		{"allocator head cut", alloc[:200], sealed, "cut off"},
		{"allocator cut", alloc[:len(alloc)-1], sealed, "cut off"},
		{"allocator version", at(alloc, 4, 2), sealed, "an allocator with layout version 2"},
		{"allocator byte order", at(alloc, 8, 0x04030201), sealed, "other byte order"},
		{"allocator units", at(alloc, unsafe.Offsetof(a.units), 60000), sealed, "damaged"},
		{"allocator shift", at(alloc, unsafe.Offsetof(a.unitShift), 63), sealed, "damaged"},
		{"allocator data", at(alloc, unsafe.Offsetof(a.data)+4, 1), sealed, "damaged"},
		{"allocator classes", at(alloc, unsafe.Offsetof(a.classes), 0), sealed, "damaged"},
		{"allocator uses more than it has", at(alloc, unsafe.Offsetof(a.used), 1<<32-1), sealed, ""},
		{"channel head cut", channel[:100], sealed, "cut off"},
		{"channel cut", channel[:len(channel)-4], sealed, "damaged"},
		{"channel version", at(channel, unsafe.Offsetof(c0.version), 7), sealed, "a channel of version 7"},
		{"slots", at(channel, unsafe.Offsetof(c0.slots), 1<<31), sealed, "damaged"},
		{"no slots", at(channel, unsafe.Offsetof(c0.slots), 0), sealed, "damaged"},
		{"slots no power of two", at(channel, unsafe.Offsetof(c0.slots), 3), sealed, "damaged"},
		{"returns", at(channel, unsafe.Offsetof(c0.returns), 1<<30), sealed, "damaged"},
		{"channel tail", at(channel, unsafe.Offsetof(c0.tail), 1<<32-1), sealed, ""},
		{"policy", at(at(channel, unsafe.Offsetof(c0.arena), 1), unsafe.Offsetof(c0.policy), 1<<31), sealed, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := lookAt(t, memoryFile(t, "hostile", c.content, c.seals))
			if c.want == "" && err != nil || c.want != "" && !matches(err, c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if a, ok := l.(*arenaLook); ok && err == nil && (a.fixed != 3 || len(a.blocks) != int(a.opened)+2 || !a.blocks[0].out) {
				t.Errorf("%+v", a)
			}
		})
	}
}

// TestHostileProcess has this process share bad memory beside good: the bad is told once, the good is shown.
func TestHostileProcess(t *testing.T) {
	good := sound(t)
	memoryFile(t, "poolgen:good", good, unix.F_SEAL_SHRINK)
	memoryFile(t, "poolgen:bad", good[:600], unix.F_SEAL_SHRINK)
	memoryFile(t, "poolgen:new", nil, 0)
	memoryFile(t, "poolgen:\x1b[2Jevil", good, 0)
	memoryFile(t, "another's", []byte("something else"), 0)
	w := watch(t, Options{Processes: []string{strconv.Itoa(os.Getpid())}, Leaks: time.Nanosecond})
	s := sample(t, w)
	if len(s.Pools) != 1 || s.Pools[0].Name != "good" || s.Pools[0].InUse != 1 {
		t.Fatalf("%+v", s.Pools)
	}
	want := []string{`memory "?[2Jevil" of process`, `memory "bad" of process`}
	if len(s.Notes) != len(want) {
		t.Fatalf("%q", s.Notes)
	}
	for i, n := range s.Notes {
		if !strings.HasPrefix(n, want[i]) {
			t.Errorf("%q, want %q", n, want[i])
		}
	}
	if s = sample(t, w); len(s.Notes) != 0 || len(s.Pools) != 1 {
		t.Errorf("told again: %q", s.Notes)
	}
	if len(s.Held) != 1 || s.Held[0].Block != 0 {
		t.Errorf("%+v", s.Held)
	}
}

// TestOnlyBad has nothing but bad memory to show.
func TestOnlyBad(t *testing.T) {
	memoryFile(t, "poolgen:bad", sound(t)[:600], unix.F_SEAL_SHRINK)
	if _, err := watch(t, Options{Processes: []string{strconv.Itoa(os.Getpid())}}).Sample(); !matches(err, `memory "bad" of process \d+: a pool that is cut off`) {
		t.Error(err)
	}
}

// TestDamagedHeaders counts headers that were written over, and gives up where there are only such.
func TestDamagedHeaders(t *testing.T) {
	p, err := pool.New(100, pool.Options{Name: "damaged", Max: 200, Prealloc: 200, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var all []pool.Buf
	for range 200 {
		b, err := p.Get()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	var h header
	canary := func(i int, v uint32) {
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], v)
		if _, err := unix.Pwrite(p.FD(), b[:], headersOffset+int64(i)*headerSize+int64(unsafe.Offsetof(h.canary))); err != nil {
			t.Fatal(err)
		}
	}
	canary(7, 0)
	s := sample(t, watch(t, Options{Processes: []string{strconv.Itoa(os.Getpid())}}))
	if s.Pools[0].Damaged != 1 || s.Pools[0].InUse != 200 {
		t.Errorf("%+v", s.Pools[0])
	}
	for i := range maxDamaged + 1 {
		canary(i, 0)
	}
	if _, err := lookAt(t, p.FD()); !matches(err, "headers are damaged") {
		t.Error(err)
	}
	for i := range maxDamaged + 1 {
		canary(i, headerCanary)
	}
	for _, b := range all {
		b.Release()
	}
}

// TestMemoryGoesAway cuts a file off under its mapping, which the seal prevents: a fault is an error.
func TestMemoryGoesAway(t *testing.T) {
	fd := memoryFile(t, "poolgen:short", make([]byte, 16384), 0)
	err := mapped(fd, 16384, func(base unsafe.Pointer) {
		if err := unix.Ftruncate(fd, 0); err != nil {
			t.Fatal(err)
		}
		// No atomic: the race detector makes those in C, where a fault is the end.
		h := (*header)(unsafe.Add(base, 8192))
		t.Errorf("it did not fault: %d", h.length)
	})
	if !matches(err, "went away") {
		t.Error(err)
	}
	// Other panics are not swallowed.
	defer func() {
		if r := recover(); r != "mine" {
			t.Errorf("recovered %v", r)
		}
	}()
	_ = mapped(memoryFile(t, "poolgen:full", make([]byte, 4096), 0), 4096, func(unsafe.Pointer) { panic("mine") })
}

// TestOnlyReads proves that a sample leaves the memory as it is, and that nothing of it is writable here, or kept.
func TestOnlyReads(t *testing.T) {
	p, err := pool.New(100000, pool.Options{Name: "watched", Max: 5000, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	all := func() (content []byte, committed int64) {
		var st unix.Stat_t
		if err := unix.Fstat(p.FD(), &st); err != nil {
			t.Fatal(err)
		}
		content = make([]byte, headersOffset+5064*headerSize)
		if _, err := sys.ReadAt(p.FD(), content, 0); err != nil {
			t.Fatal(err)
		}
		return content, st.Blocks
	}
	before, committed := all()
	w := watch(t, Options{Processes: []string{strconv.Itoa(os.Getpid())}, Leaks: 1})
	t.Run("samples", func(t *testing.T) {
		testutil.OpenFDs(t)
		testutil.Mappings(t)
		for range 3 {
			sample(t, w)
		}
	})
	after, now := all()
	if !bytes.Equal(before, after) {
		t.Error("the memory is another after a sample")
	}
	if committed != now {
		t.Errorf("a sample committed memory: %d blocks of 512 bytes before, %d after", committed, now)
	}

	// What is mapped meanwhile cannot be written.
	err = mapped(p.FD(), 4096, func(base unsafe.Pointer) {
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(strings.Split(string(maps), "\n"), func(line string) bool {
			from, _, _ := strings.Cut(line, "-")
			n, err := strconv.ParseUint(from, 16, 64)
			return err == nil && uintptr(n) == uintptr(base) && strings.Contains(line, " r--s ")
		})
		if i < 0 {
			t.Errorf("%#x is not mapped r--s:\n%s", uintptr(base), maps)
		}
		(*header)(base).length = 1
		t.Error("the mapping can be written")
	})
	if !matches(err, "went away") {
		t.Errorf("writing gives %v", err)
	}

	// Nor is it opened for writing.
	fd, _, _, err := sys.Look("/proc/self/fd/" + strconv.Itoa(p.FD()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.Pwrite(fd, []byte{1}, 0); !errors.Is(err, unix.EBADF) {
		t.Errorf("writing to the descriptor gives %v", err)
	}
}

// TestCommitsNothing looks at a channel of which little was written.
func TestCommitsNothing(t *testing.T) {
	head := at(at(soundChannel(), 8, maxSlots), 128, 2)[:slotsOffset] // slots, tail
	fd := memoryFile(t, "poolgen:channel", head, 0)
	if err := unix.Ftruncate(fd, slotsOffset+64*maxSlots+4*4); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK); err != nil {
		t.Fatal(err)
	}
	var before, after unix.Stat_t
	if err := unix.Fstat(fd, &before); err != nil {
		t.Fatal(err)
	}
	l, err := lookAt(t, fd)
	if err != nil || l.(*channelLook).tail != 2 {
		t.Fatal(l, err)
	}
	if err := unix.Fstat(fd, &after); err != nil || before.Blocks != after.Blocks {
		t.Errorf("%v; %d blocks of 512 bytes before, %d after", err, before.Blocks, after.Blocks)
	}
}

// TestNoEffect has descriptors that open(2) would have an effect on.
func TestNoEffect(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for _, path := range []string{fmt.Sprintf("/proc/self/fd/%d", r.Fd()), "/dev/null", t.TempDir()} {
		if fd, _, _, err := sys.Look(path); !errors.Is(err, sys.ErrNotRegular) {
			t.Errorf("%s: %d, %v", path, fd, err)
		}
	}
}

// FuzzMemory looks at files with any content.
func FuzzMemory(f *testing.F) {
	good, channel := sound(f), soundChannel()
	f.Add(good[:1024], uint32(len(good)))
	f.Add(channel, uint32(len(channel)))
	f.Add(good[:600], uint32(600))
	f.Add(at(good, superSize+12, 1<<24)[:1024], uint32(1<<30))
	f.Fuzz(func(t *testing.T, content []byte, size uint32) {
		if len(content) > 1<<16 {
			content = content[:1<<16]
		}
		fd := memoryFile(t, "poolgen:fuzz", content, 0)
		if err := unix.Ftruncate(fd, int64(size)&(1<<31-1)); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK); err != nil {
			t.Fatal(err)
		}
		l, err := lookAt(t, fd)
		if err != nil {
			return
		}
		m := &memory{look: l}
		m.follow()
		m.follow()
		w := watch(t, Options{Leaks: 1})
		switch l := l.(type) {
		case *arenaLook:
			_ = w.pool(sys.File{}, m, l)
			_ = w.held(m, l, nil)
			if l.mapped() > int64(size) {
				t.Errorf("%d bytes of %d were mapped", l.mapped(), size)
			}
		case *channelLook:
			_ = w.subscriber(sys.File{}, m, l, nil)
		}
	})
}
