package ring_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/ring"
	"golang.org/x/sys/unix"
)

// childEnv names what the test binary does when a test starts it as another process.
const childEnv = "POOLGEN_RING_TEST_CHILD"

func TestMain(m *testing.M) {
	if what := os.Getenv(childEnv); what != "" {
		if err := child(what); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(what string) error {
	switch what {
	case "sum":
		return childSum()
	case "produce":
		return childProduce()
	case "frames":
		return childFrames()
	case "read":
		return childRead()
	case "bell":
		return childBell()
	case "echo":
		return childEcho()
	case "echo frames":
		return childEchoFrames()
	}
	if what == "cut reader" || what == "cut writer" {
		return childCut(os.Args[1], what == "cut writer")
	}
	var n int
	if _, err := fmt.Sscanf(what, "trips %d", &n); err == nil {
		return childTrips(n)
	}
	return fmt.Errorf("no child %q", what)
}

// command starts this test binary as a child, with files from descriptor 3 on.
func command(t testing.TB, what string, args []string, files ...*os.File) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	argv := append([]string{self}, args...)
	if qemu := emulator(); qemu != "" {
		argv = append([]string{qemu}, argv...)
	}
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), childEnv+"="+what)
	cmd.ExtraFiles = files
	cmd.Stderr = os.Stderr
	return cmd
}

// startAndHear starts a process, and returns when it has written its first line.
func startAndHear(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
}

// kill ends a process by SIGKILL.
func kill(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
}

// emulator is the program that this test binary runs under, if it is for another processor.
func emulator() string {
	if runtime.GOARCH != "arm" {
		return ""
	}
	qemu, _ := exec.LookPath("qemu-arm-static") // a guest of scripts/vm has a real ARM kernel and no qemu
	return qemu
}

// file is a duplicate of a descriptor, as exec.Cmd takes it.
func file(t testing.TB, fd int) *os.File {
	t.Helper()
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(own), "ring")
	t.Cleanup(func() { f.Close() })
	return f
}

// childSum consumes the ring at descriptor 3 until its end and checks the pattern.
func childSum() error {
	r, err := ring.Open(3, ring.Consumer)
	if err != nil {
		return err
	}
	rnd := rand.New(rand.NewPCG(5, 5))
	b := make([]byte, 9000)
	for at := 0; ; {
		n, err := receive(context.Background(), r)(rnd, b)
		if n == 0 && err != nil {
			fmt.Println(at, err)
			return r.Unmap()
		}
		for i, v := range b[:n] {
			if v != pattern(at+i) {
				return fmt.Errorf("byte %d is %d, not %d", at+i, v, pattern(at+i))
			}
		}
		at += n
	}
}

func TestTwoProcesses(t *testing.T) {
	r := newRing(t, 1, ring.Options{Name: "processes", Side: ring.Producer})
	cmd := command(t, "sum", nil, file(t, r.FD()))
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const total = 2 << 20
	rnd := rand.New(rand.NewPCG(1, 1))
	b := make([]byte, 9000)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for at := 0; at < total; {
		n := min(1+rnd.IntN(len(b)), total-at)
		for i := range n {
			b[i] = pattern(at + i)
		}
		if err := send(ctx, r)(rnd, b[:n]); err != nil {
			t.Fatal(err)
		}
		at += n
	}
	r.End()
	if err := cmd.Wait(); err != nil || out.String() != fmt.Sprintln(total, "EOF") {
		t.Fatalf("%v, %q", err, out.String())
	}
}

const recordSize = 20

// childProduce writes records that carry their number all over, and never stops.
func childProduce() error {
	r, err := ring.Open(3, ring.Producer)
	if err != nil {
		return err
	}
	var from uint32
	if len(os.Args) > 1 {
		if _, err := fmt.Sscan(os.Args[1], &from); err != nil {
			return err
		}
	}
	for i := from; ; i++ {
		_, err := r.WriteFunc(context.Background(), recordSize, func(b []byte) (int, error) {
			for j := 0; j < recordSize; j += 4 {
				binary.LittleEndian.PutUint32(b[j:], i)
			}
			return recordSize, nil
		})
		if err != nil {
			return err
		}
		if i == from {
			fmt.Println("going")
		}
	}
}

// TestKilledProducer kills producers at any instruction: what they published is there and whole, and the next goes on behind it.
func TestKilledProducer(t *testing.T) {
	r := newRing(t, 1, ring.Options{Name: "killed", Side: ring.Consumer})
	rnd := rand.New(rand.NewPCG(7, 7))
	var next uint32
	rounds := 12
	if emulator() != "" || testing.Short() {
		rounds = 4
	}
	check := func() {
		c := r.Content()
		if len(c)%recordSize != 0 {
			t.Fatalf("%d bytes are no whole records", len(c))
		}
		for ; len(c) > 0; c = c[recordSize:] {
			for j := 0; j < recordSize; j += 4 {
				if got := binary.LittleEndian.Uint32(c[j:]); got != next {
					t.Fatalf("record %d has %d", next, got)
				}
			}
			next++
			r.Consume(recordSize)
		}
	}
	for range rounds {
		cmd := command(t, "produce", []string{fmt.Sprint(next)}, file(t, r.FD()))
		startAndHear(t, cmd)
		for end := time.Now().Add(time.Duration(rnd.IntN(8000)) * time.Microsecond); time.Now().Before(end); {
			check()
		}
		kill(t, cmd)
		check()
	}
	if next == 0 || r.Err() != nil {
		t.Fatal(next, r.Err())
	}
}

// TestTakenOverMeanwhile takes the other side over between a waiter's look at whether it has ended and that at its counter: the wait goes
// on with the new one, and does not end for the old one.
func TestTakenOverMeanwhile(t *testing.T) {
	for _, full := range []bool{false, true} {
		r := newRing(t, 1, ring.Options{Name: "taken over", Side: ring.Producer})
		if full {
			r.Advance(r.Size())
		}
		if err := openSide(t, r.FD(), ring.Consumer).Close(); err != nil {
			t.Fatal(err)
		}
		looks := 0
		n, err := r.WaitUnusedWith(t.Context(), 8, func() {
			if looks++; looks == 1 {
				c := openSide(t, r.FD(), ring.Consumer)
				if full {
					c.Consume(8)
				}
			}
		})
		if want := map[bool]int{false: r.Size(), true: 8}[full]; n != want || err != nil {
			t.Errorf("full %v: the producer got %d bytes of room and %v, with a new consumer", full, n, err)
		}
	}
	r := newRing(t, 1, ring.Options{Name: "taken over", Side: ring.Consumer})
	if err := openSide(t, r.FD(), ring.Producer).Close(); err != nil {
		t.Fatal(err)
	}
	var p *ring.Ring
	looks := 0
	n, err := r.WaitContentWith(t.Context(), 8, func() {
		switch looks++; looks {
		case 1:
			p = openSide(t, r.FD(), ring.Producer)
			p.Advance(4)
		case 2:
			p.Advance(4)
		}
	})
	if n != 8 || err != nil {
		t.Errorf("the consumer got %d bytes and %v, with a new producer", n, err)
	}
}

// TestWokenOnceMore: a consumer that has gone and wakes the producer once more, as Close does after Gone, has not come back.
func TestWokenOnceMore(t *testing.T) {
	r := newRing(t, 1, ring.Options{Name: "gone", Side: ring.Producer})
	c := openSide(t, r.FD(), ring.Consumer)
	c.Gone()
	looks := 0
	n, err := r.WaitUnusedWith(t.Context(), 8, func() {
		if looks++; looks == 1 {
			if err := c.Unmap(); err != nil {
				t.Error(err)
			}
		}
	})
	if n != r.Size() || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the producer got %d bytes of room and %v, without a consumer", n, err)
	}
}

// words maps a page of a ring's file, as a hostile peer does.
func words(t *testing.T, fd int, at int64) []uint32 {
	t.Helper()
	b, err := unix.Mmap(fd, at, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(b) })
	return unsafe.Slice((*uint32)(unsafe.Pointer(&b[0])), 1024)
}

const tailWord, headWord = 64 / 4, 128 / 4

// TestHostileCounters sets the peer's counter to what it must not be. Each must be told, and no slice may be longer than before.
func TestHostileCounters(t *testing.T) {
	const size = 16384
	for _, bad := range []uint32{size + 201, size + 300, 2*size - 1, 2 * size, 2*size + 300, 1 << 30, 1<<31 - 1, 1 << 31, 1<<32 - 1, 0, 100, 199, 299} {
		r := newRing(t, size, ring.Options{Name: "hostile", Side: ring.Consumer})
		w := words(t, r.FD(), 0)
		w[tailWord] = 300
		_ = r.Content()
		r.Consume(200)
		if n := len(r.Content()); n != 100 {
			t.Fatal(n)
		}
		w[tailWord] = bad
		if c := r.Content(); len(c) != 0 {
			t.Errorf("tail %d: a slice of %d bytes", bad, len(c))
		}
		wantErr(t, r.Err(), ring.ErrCorrupt, "the producer's counter went from 300")
		w[tailWord] = 300 // too late
		_, err := r.WaitContent(t.Context(), 1)
		wantErr(t, err, ring.ErrCorrupt, "")
	}
	for _, bad := range []uint32{0, 199, 301, size + 200, size + 301, 2 * size, 1 << 31, 1<<32 - 1} {
		r := newRing(t, size, ring.Options{Name: "hostile", Side: ring.Producer})
		w := words(t, r.FD(), 0)
		r.Advance(300)
		w[headWord] = 200
		if n := len(r.Unused()); n != size-100 {
			t.Fatal(n)
		}
		w[headWord] = bad
		if c := r.Unused(); len(c) != 0 {
			t.Errorf("head %d: a slice of %d bytes", bad, len(c))
		}
		wantErr(t, r.Err(), ring.ErrCorrupt, "the consumer's counter went from 200")
		_, err := r.Write([]byte{1})
		wantErr(t, err, ring.ErrCorrupt, "")
	}
}

// TestScribbler has a peer write over all control words while both sides work: nothing may crash, and waits end.
func TestScribbler(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 9))
	for round := range 12 {
		p := newRing(t, 1, ring.Options{Name: "scribbled", Side: ring.Producer})
		c, err := ring.Open(p.FD(), ring.Consumer)
		if err != nil {
			t.Fatal(err)
		}
		w := words(t, p.FD(), 0)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		done := make(chan error, 2)
		go func() {
			for {
				if _, err := p.WriteFunc(ctx, 1, func(b []byte) (int, error) { clear(b); return len(b), nil }); err != nil {
					done <- err
					return
				}
			}
		}()
		go func() {
			for {
				sum := byte(0)
				_, err := c.ReadFunc(ctx, 1, func(b []byte) (int, error) {
					for _, v := range b {
						sum += v
					}
					return len(b), nil
				})
				if err != nil {
					done <- err
					return
				}
			}
		}()
		for left := 2; left > 0; {
			v := rnd.Uint32()
			if round%2 == 0 {
				v %= 40000
			}
			w[rnd.IntN(80)] = v
			select {
			case <-done:
				left--
			default:
				runtime.Gosched()
			}
		}
		cancel()
		if err := c.Unmap(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOpenRefuses damages one word of a ring after the other.
func TestOpenRefuses(t *testing.T) {
	testutil.OpenFDs(t)
	r := newRing(t, 1<<15, ring.Options{Name: "damaged"})
	r.Advance(100)
	w := words(t, r.FD(), 0)
	for _, c := range []struct {
		word  int
		value uint32
		want  string
	}{
		{0, 0, "magic is 0x0"},
		{1, 2, "layout version is 2"},
		{2, 0x04030201, "byte order"},
		{3, 1 << 14, "says it has 16384 bytes"},
		{3, 0, "says it has 0 bytes"},
		{3, 1 << 31, "says it has"},
		{4, 4096, "at 4096"},
		{tailWord, 1 << 16, "tail 65536"},
		{tailWord, 1<<15 + 1, "tail 32769"},
		{headWord, 101, "head 101"},
		{headWord, 1<<32 - 1, "head 4294967295"},
	} {
		good := w[c.word]
		w[c.word] = c.value
		_, err := ring.Open(r.FD(), ring.Consumer)
		wantErr(t, err, ring.ErrCorrupt, c.want)
		w[c.word] = good
	}
	if _, err := ring.Open(r.FD(), 7); err == nil {
		t.Error("opened side 7")
	}
	o, err := ring.Open(r.FD(), ring.Consumer)
	if err != nil || o.Len() != 100 {
		t.Fatal(o.Len(), err)
	}
	if err := o.Unmap(); err != nil {
		t.Fatal(err)
	}
	plain, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	_, err = ring.Open(int(plain.Fd()), ring.Both)
	wantErr(t, err, ring.ErrCorrupt, "")
	unsealed, err := unix.MemfdCreate("unsealed", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(unsealed)
	_, err = ring.Open(unsealed, ring.Both)
	wantErr(t, err, ring.ErrCorrupt, "F_SEAL_SHRINK")
	if err := errors.Join(unix.Ftruncate(unsealed, 70000), seal(unsealed)); err != nil {
		t.Fatal(err)
	}
	_, err = ring.Open(unsealed, ring.Both)
	wantErr(t, err, ring.ErrCorrupt, "a file of 70000 bytes")
	growing := newRing(t, 1, ring.Options{Max: 1 << 16})
	_, err = ring.Open(growing.FD(), ring.Consumer)
	wantErr(t, err, ring.ErrCorrupt, "resized cannot be shared")
}

func seal(fd int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK)
	return err
}
