package ring_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/runtime/ring"
	"golang.org/x/sys/unix"
)

// bell is the least that two processes can wake each other with: a word for each, in which one counts and at which the other sleeps.
type bell [2]struct {
	word atomic.Uint32
	_    [60]byte
}

func openBell(fd int) (*bell, error) {
	b, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return (*bell)(unsafe.Pointer(&b[0])), nil
}

func (b *bell) ring(i int) {
	b[i].word.Add(1)
	sys.FutexWake(&b[i].word)
}

func (b *bell) wait(i int, last uint32) uint32 {
	for {
		if v := b[i].word.Load(); v != last {
			return v
		}
		sys.FutexWait(&b[i].word, last)
	}
}

// childBell answers each ring at the bell of descriptor 3, without end.
func childBell() error {
	b, err := openBell(3)
	if err != nil {
		return err
	}
	for last := uint32(0); ; {
		last = b.wait(0, last)
		b.ring(1)
	}
}

// childEcho sends each byte from the ring at descriptor 3 back through that at 4.
func childEcho() error {
	in, err := ring.Open(3, ring.Consumer)
	if err != nil {
		return err
	}
	out, err := ring.Open(4, ring.Producer)
	if err != nil {
		return err
	}
	for {
		if _, err := in.WaitContent(context.Background(), 1); err != nil {
			return err
		}
		in.Consume(1)
		out.Advance(min(1, len(out.Unused())))
	}
}

// childEchoFrames answers each frame of the ring at descriptor 3 with one in that at 4.
func childEchoFrames() error {
	in, err := ring.OpenFrameReader(3)
	if err != nil {
		return err
	}
	out, err := ring.OpenFrameWriter(4)
	if err != nil {
		return err
	}
	for {
		if _, err := in.Next(context.Background()); err != nil {
			return err
		}
		if _, err := out.Write([]byte{1}, 0); err != nil {
			return err
		}
	}
}

// start starts a child whose threads all stay on one processor, so that it knows of no other. It ends with the benchmark.
func start(b *testing.B, cpu int, what string, out io.Writer, files ...*os.File) *exec.Cmd {
	b.Helper()
	cmd := command(b, what, nil, files...)
	cmd.Stdout = out
	var all, one unix.CPUSet
	one.Set(cpu)
	runtime.LockOSThread() // the child gets the processors of the thread that starts it
	defer runtime.UnlockOSThread()
	err := unix.SchedGetaffinity(0, &all)
	if err == nil {
		err = unix.SchedSetaffinity(0, &one)
	}
	if err != nil {
		b.Skipf("binding to processor %d: %v", cpu, err)
	}
	defer func() { _ = unix.SchedSetaffinity(0, &all) }()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// BenchmarkWake goes from one process to another and back over a bare futex, a pair of byte rings and a pair of frame rings, in turn, so that all
// have the same machine. On one processor both sleep each time; on two the answer may come before a side sleeps. It reports the quantiles
// of the rings as multiples of the bare futex's, and those in nanoseconds.
func BenchmarkWake(b *testing.B) {
	for _, cpus := range [][2]int{{0, 0}, {0, 1}} {
		b.Run(fmt.Sprintf("processors=%d,%d", cpus[0], cpus[1]), func(b *testing.B) { benchWake(b, cpus[0], cpus[1]) })
	}
}

func benchWake(b *testing.B, here, there int) {
	fd, err := sys.Memfd("bell", 4096)
	if err != nil {
		b.Fatal(err)
	}
	defer sys.Close(fd)
	o := ring.FrameOptions{Frames: 8, MaxFrame: 64}
	rings := []*os.File{
		file(b, newRing(b, 1, ring.Options{}).FD()), file(b, newRing(b, 1, ring.Options{}).FD()),
		file(b, abandoned(b, o)), file(b, abandoned(b, o)),
	}
	start(b, there, "bell", nil, file(b, fd))
	start(b, there, "echo", nil, rings[:2]...)
	start(b, there, "echo frames", nil, rings[2:]...)
	var out bytes.Buffer
	near := start(b, here, fmt.Sprint("trips ", b.N), &out, append([]*os.File{file(b, fd)}, rings...)...)
	if err := near.Wait(); err != nil {
		b.Fatalf("%v, %s", err, out.Bytes())
	}
	b.ReportMetric(0, "ns/op")
	for q := 0.0; ; {
		var futex, bytes, frames float64
		if _, err := fmt.Fscan(&out, &q, &futex, &bytes, &frames); err != nil {
			return
		}
		b.ReportMetric(futex, fmt.Sprintf("p%v-futex-ns", q*100))
		b.ReportMetric(bytes/futex, fmt.Sprintf("p%v-ring/futex", q*100))
		b.ReportMetric(frames/futex, fmt.Sprintf("p%v-frames/futex", q*100))
	}
}

// abandoned is a frame ring that others may write.
func abandoned(b *testing.B, o ring.FrameOptions) int {
	w := newWriter(b, o)
	if err := w.Abandon(); err != nil {
		b.Fatal(err)
	}
	return w.FD()
}

// childTrips goes there and back n times a hundred over each of what it got, and prints the quantiles in nanoseconds.
func childTrips(n int) error {
	bells, err := openBell(3)
	if err != nil {
		return err
	}
	out, err := ring.Open(4, ring.Producer)
	if err != nil {
		return err
	}
	in, err := ring.Open(5, ring.Consumer)
	if err != nil {
		return err
	}
	frames, err := ring.OpenFrameWriter(6)
	if err != nil {
		return err
	}
	answers, err := ring.OpenFrameReader(7)
	if err != nil {
		return err
	}
	ctx := context.Background()
	var last uint32
	trips := []func() error{
		func() error { bells.ring(0); last = bells.wait(1, last); return nil },
		func() error {
			out.Advance(min(1, len(out.Unused())))
			_, err := in.WaitContent(ctx, 1)
			in.Consume(1)
			return err
		},
		func() error {
			_, err := frames.Write([]byte{1}, 0)
			_, err2 := answers.Next(ctx)
			return errors.Join(err, err2)
		},
	}
	times := make([][]time.Duration, len(trips))
	for round := range n + 1 {
		for i, trip := range trips {
			for range 100 {
				start := time.Now()
				if err := trip(); err != nil {
					return err
				}
				if round > 0 { // the others are there
					times[i] = append(times[i], time.Since(start))
				}
			}
		}
	}
	for i := range times {
		slices.Sort(times[i])
	}
	for _, q := range []float64{0.5, 0.9, 0.99, 0.999} {
		fmt.Print(q)
		for _, t := range times {
			fmt.Print(" ", t[int(q*float64(len(t)-1))].Nanoseconds())
		}
		fmt.Println()
	}
	return nil
}
