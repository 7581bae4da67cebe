package soak

import (
	_ "embed" // of a victim in C
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/internal/testutil"
)

//go:embed testdata/victim.c
var victimSource string

// patience is how long anything may take that must happen.
const patience = 2 * time.Minute

// book is where a victim writes down what it does. It is shared memory, of words that both sides use one by one.
type book struct {
	ready   atomic.Uint32 // 1: it works now
	steps   atomic.Uint32 // of its work
	started atomic.Uint32 // frames or records begun
	done    atomic.Uint32 // frames or records finished
	first   atomic.Uint32 // number that it began with
	closing atomic.Uint32 // 1: it closes of its own will
	which   atomic.Uint32 // the record that counts
	records [2]record
	failed  atomic.Uint32 // bytes of text
	text    [1000]byte
}

// record is what a receiver has. There are two of them, so that a kill never leaves half of one.
type record struct{ sessions, first, next, seen, lost uint32 }

func (b *book) put(r record) {
	w := b.which.Load() + 1
	b.records[w%2] = r
	b.which.Store(w)
}

func (b *book) get() record { return b.records[b.which.Load()%2] }

func (b *book) fail(err error) {
	b.failed.Store(uint32(copy(b.text[:], err.Error())))
}

func (b *book) failure() error {
	if n := b.failed.Load(); n > 0 {
		return errors.New(string(b.text[:min(n, 1000)]))
	}
	return nil
}

func openBook(fd int) (*book, error) {
	m, err := sys.MapShared(fd, int(unsafe.Sizeof(book{})))
	if err != nil {
		return nil, err
	}
	return (*book)(m.Base()), nil
}

// lane is what all kinds of rounds have: one survivor, one victim at a time.
type lane struct {
	kind   string
	rnd    *rand.Rand
	dir    string
	book   *book
	file   *os.File
	argv   []string // what every victim's arguments begin with
	kills  int
	early  int    // of those, the ones that hit a victim before it worked
	frames uint64 // that arrived and were checked
	lost   uint64 // that were counted as lost
	round  func() error
	close  func() error
}

func newLane(t *testing.T, kind string, seed uint64) *lane {
	fd, err := sys.Memfd("book", int(unsafe.Sizeof(book{})))
	if err != nil {
		t.Fatal(err)
	}
	b, err := openBook(fd)
	if err != nil {
		t.Fatal(err)
	}
	l := &lane{kind: kind, rnd: rand.New(rand.NewPCG(seed, 1)), dir: t.TempDir(), book: b, file: os.NewFile(uintptr(fd), "book"), argv: append(testutil.Self(t), childArg)}
	t.Cleanup(func() { l.file.Close() })
	return l
}

// victimInC builds testdata/victim.c, which has the same roles, and returns how its arguments begin: nothing where there is no compiler, or where
// this program is not there with its headers.
func victimInC(t *testing.T, compiler string, emulator ...string) []string {
	gcc, err := exec.LookPath(compiler)
	if err != nil || runtime.GOARCH != "amd64" {
		return nil
	}
	for i := range emulator {
		if emulator[i], err = exec.LookPath(emulator[i]); err != nil {
			return nil
		}
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "victim.c")
	if err := os.WriteFile(source, []byte(victimSource), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "victim")
	for _, include := range []string{"../../include", "include"} {
		if _, err := os.Stat(include + "/poolgen_ipc.h"); err != nil {
			continue
		}
		out, err := exec.Command(gcc, "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-pthread", "-I"+include, "-o", program, source).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return append(emulator, program)
	}
	return nil
}

// victim is a process that will be killed.
type victim struct {
	*os.Process
	book *book
	dead atomic.Bool
	done chan struct{} // closed after dead, and after err is set
	err  error         // why it ended, if not by the kill
}

// start begins a victim, which is killed at a random moment.
func (l *lane) start(role string, args []any, files ...*os.File) (*victim, error) {
	*(*[unsafe.Sizeof(book{})]byte)(unsafe.Pointer(l.book)) = [unsafe.Sizeof(book{})]byte{}
	argv := append(append([]string{}, l.argv...), role)
	for _, a := range args {
		argv = append(argv, fmt.Sprint(a))
	}
	p, err := os.StartProcess(argv[0], argv, &os.ProcAttr{
		Env:   []string{"GOGC=off", "GOTRACEBACK=all"},
		Files: append([]*os.File{nil, nil, os.Stderr, l.file}, files...),
		Sys:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return nil, err
	}
	v := &victim{Process: p, book: l.book, done: make(chan struct{})}
	// Some die while they start, some after so many steps of their work, and then a little later.
	early := time.Duration(-1)
	if l.rnd.IntN(6) == 0 {
		early = time.Duration(l.rnd.IntN(5000)) * time.Microsecond
	}
	steps := uint32(l.rnd.IntN(1 << l.rnd.IntN(13)))
	spin := l.rnd.IntN(1 << l.rnd.IntN(16))
	go func() {
		v.wait(early, steps, spin)
		v.end()
	}()
	return v, nil
}

// wait ends when the victim is to be killed.
func (v *victim) wait(early time.Duration, steps uint32, spin int) {
	if early >= 0 {
		time.Sleep(early)
		return
	}
	for end := time.Now().Add(patience); v.book.ready.Load() == 0 && v.book.failed.Load() == 0; time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			v.book.fail(fmt.Errorf("it does not get ready within %v", patience))
		}
	}
	for end := time.Now().Add(10 * time.Millisecond); v.book.steps.Load() < steps && time.Now().Before(end); {
		time.Sleep(20 * time.Microsecond)
	}
	for i := 0; i < spin; i++ {
		v.book.ready.Load() // time passes, by less than a timer can tell
	}
}

// end kills it and waits until it is gone.
func (v *victim) end() {
	_ = v.Kill()
	s, err := v.Wait()
	if text := v.book.failure(); text != nil {
		err = text
	} else if w, ok := s.Sys().(syscall.WaitStatus); err == nil && (!ok || w.Signal() != syscall.SIGKILL) {
		err = fmt.Errorf("the process ended by itself: %v", s)
	}
	v.err = err
	v.dead.Store(true)
	close(v.done)
}

// eventually waits until ok.
func eventually(what func() string, ok func() bool) error {
	end := time.Now().Add(patience)
	for d := 10 * time.Microsecond; !ok(); d = min(2*d, time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("not within %v: %s", patience, what())
		}
		time.Sleep(d)
	}
	return nil
}

const (
	leastFrame = 24
	mostFrame  = 1500
)

// sizeOf is the length of frame n.
func sizeOf(n uint64) int { return leastFrame + int(n*2654435761%(mostFrame-leastFrame)) }

// fill makes frame n of stream id: both numbers, bytes that come of them, and a checksum. It returns its length.
func fill(b []byte, id uint32, n uint64) int {
	size := sizeOf(n)
	b = b[:size]
	binary.LittleEndian.PutUint64(b, n)
	binary.LittleEndian.PutUint32(b[8:], id)
	x := uint64(id)<<32 ^ n*0x9e3779b97f4a7c15 | 1
	at := 12
	for ; at+8 <= size-4; at += 8 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		binary.LittleEndian.PutUint64(b[at:], x)
	}
	clear(b[at : size-4])
	binary.LittleEndian.PutUint32(b[size-4:], crc32.Checksum(b[:size-4], crc32.MakeTable(crc32.Castagnoli)))
	return size
}

// verify tells whether b is frame n, and of which stream.
func verify(b []byte, n uint64) (id uint32, err error) {
	if len(b) != sizeOf(n) {
		return 0, fmt.Errorf("frame %d has %d bytes, not %d", n, len(b), sizeOf(n))
	}
	if got := binary.LittleEndian.Uint64(b); got != n {
		return 0, fmt.Errorf("frame %d has the bytes of frame %d", n, got)
	}
	want := binary.LittleEndian.Uint32(b[len(b)-4:])
	if got := crc32.Checksum(b[:len(b)-4], crc32.MakeTable(crc32.Castagnoli)); got != want {
		return 0, fmt.Errorf("frame %d has checksum %#x, not %#x: it is torn", n, got, want)
	}
	return binary.LittleEndian.Uint32(b[8:]), nil
}

// sockets, memory files and mappings that this process has. What the Go heap maps is left out.
func holdings() (fds, maps int, err error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0, 0, err
	}
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "memfd:") || strings.Contains(line, "/frames") {
			maps++
		}
	}
	return len(entries), maps, nil
}
