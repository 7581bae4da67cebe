package ipc

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/poolgen/poolgen/runtime/pool"
)

// The benchmarks have this process publish and another one receive, by four ways: plain (the protocol of package stream as it was, with fresh
// memory and copies), floor (a ring in a memfd with futexes, and nothing else), and ours. Nobody touches a payload that the way itself does not
// touch.

// way is one side's end of one way.
type way interface {
	// send gives a frame of size bytes, with a time in it.
	send(size int, stamp int64, last bool) error
	// receive returns a frame's time.
	receive() (stamp int64, last bool, err error)
}

// ways by name: the publisher's end, which makes what the other process needs in a folder, and the subscriber's.
var ways = []struct {
	name      string
	publish   func(folder string, size int) (way, io.Closer, error)
	subscribe func(folder string) (way, error)
}{
	{"plain", plainPublish, plainSubscribe},
	{"floor", floorPublish, floorSubscribe},
	{"ours", oursPublish, oursSubscribe},
}

// now is CLOCK_MONOTONIC in nanoseconds, which all processes share.
func now() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail
	return ts.Nano()
}

// cpu is the processor time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// childBench receives frames. After each that is the last of a run it says how many there were, the time of the processor, and how old they were.
func childBench(arg string) error {
	name, folder, _ := strings.Cut(arg, " ")
	for _, w := range ways {
		if w.name != name {
			continue
		}
		end, err := w.subscribe(folder)
		if err != nil {
			return err
		}
		fmt.Println("ready")
		ages := make([]int64, 0, 1<<16)
		for n, began := 0, cpu(); ; {
			stamp, last, err := end.receive()
			if err != nil {
				return err
			}
			n++
			if stamp != 0 && len(ages) < cap(ages) {
				ages = append(ages, now()-stamp)
			}
			if last {
				fmt.Println(n, (cpu() - began).Nanoseconds(), quantiles(ages))
				ages, n, began = ages[:0], 0, cpu()
			}
		}
	}
	return fmt.Errorf("no way %q", name)
}

// percents are what is reported of times.
var percents = []float64{50, 90, 99, 99.9}

// quantiles are those of times, sorted by it, in words.
func quantiles(times []int64) string {
	slices.Sort(times)
	var b strings.Builder
	for _, p := range percents {
		v := int64(0)
		if len(times) > 0 {
			v = times[min(int(p/100*float64(len(times))), len(times)-1)]
		}
		fmt.Fprintf(&b, "%d ", v)
	}
	return b.String()
}

// receiver is the other process.
type receiver struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	in    io.Writer
}

func startReceiver(b *testing.B, role string) *receiver {
	b.Helper()
	r := &receiver{cmd: exec.Command(os.Args[0])}
	r.cmd.Env = append(os.Environ(), "POOLGEN_IPC="+role)
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r.cmd.Stderr = os.Stderr
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.cmd.Process.Kill(); r.cmd.Wait() })
	r.lines = bufio.NewScanner(out)
	r.numbers(b, "ready")
	return r
}

// numbers reads a line of those.
func (r *receiver) numbers(b *testing.B, want string) (v []float64) {
	b.Helper()
	if !r.lines.Scan() {
		b.Fatal("the other process ended")
	}
	if want != "" {
		if r.lines.Text() != want {
			b.Fatalf("the other process says %q", r.lines.Text())
		}
		return nil
	}
	for f := range strings.FieldsSeq(r.lines.Text()) {
		x, err := strconv.ParseFloat(f, 64)
		if err != nil {
			b.Fatalf("the other process says %q", r.lines.Text())
		}
		v = append(v, x)
	}
	return v
}

var benchSizes = []struct {
	name string
	n    int
}{{"200B", 200}, {"3840B", 3840}, {"900KB", 900 << 10}, {"8MB", 8 << 20}}

// BenchmarkThroughput sends frames as fast as they are taken; ratios are to the plain way of the same run.
func BenchmarkThroughput(b *testing.B) {
	for _, size := range benchSizes {
		plain := 0.0
		for _, w := range ways {
			b.Run(size.name+"/"+w.name, func(b *testing.B) {
				folder := b.TempDir()
				end, closer, err := w.publish(folder, size.n)
				if err != nil {
					b.Fatal(err)
				}
				defer closer.Close()
				r := startReceiver(b, "bench "+w.name+" "+folder)
				run := func(n int) []float64 {
					for i := range n {
						if err := end.send(size.n, 0, i == n-1); err != nil {
							b.Fatal(err)
						}
					}
					v := r.numbers(b, "")
					if v[0] != float64(n) {
						b.Fatalf("%v frames arrived of %d", v[0], n)
					}
					return v
				}
				run(100) // both are warm
				began, used := time.Now(), cpu()
				b.ResetTimer()
				v := run(b.N)
				b.StopTimer()
				took := float64(time.Since(began).Nanoseconds()) / float64(b.N)
				b.ReportMetric(float64((cpu()-used).Nanoseconds())/float64(b.N), "cpu-ns/sent")
				b.ReportMetric(v[1]/float64(b.N), "cpu-ns/received")
				if w.name == "plain" {
					plain = took
				}
				if plain > 0 {
					b.ReportMetric(plain/took, "x-plain")
				}
			})
		}
	}
}

// BenchmarkLatency sends a frame a millisecond, so that the receiver sleeps in between, and says how long it took until the receiver had it.
func BenchmarkLatency(b *testing.B) {
	for _, size := range benchSizes {
		for _, w := range ways {
			b.Run(size.name+"/"+w.name, func(b *testing.B) {
				folder := b.TempDir()
				end, closer, err := w.publish(folder, size.n)
				if err != nil {
					b.Fatal(err)
				}
				defer closer.Close()
				r := startReceiver(b, "bench "+w.name+" "+folder)
				b.ResetTimer()
				for i := range b.N {
					time.Sleep(time.Millisecond)
					if err := end.send(size.n, now(), i == b.N-1); err != nil {
						b.Fatal(err)
					}
				}
				b.StopTimer()
				v := r.numbers(b, "")
				for i, p := range percents {
					b.ReportMetric(v[2+i]/1000, fmt.Sprintf("us-p%v", p))
				}
			})
		}
	}
}

// ours

type oursEnd struct {
	s   *Publisher
	p   *pool.Pool
	sub *Subscriber
}

func oursPublish(folder string, size int) (way, io.Closer, error) {
	p, err := pool.New(size, pool.Options{Max: 2 * floorSlots, Shared: true})
	if err != nil {
		return nil, nil, err
	}
	s, err := Listen(filepath.Join(folder, "s"), p, PublisherOptions{Slots: floorSlots, MaxHeld: 2 * floorSlots})
	if err != nil {
		return nil, nil, err
	}
	e := &oursEnd{s: s, p: p}
	return e, e, nil
}

func oursSubscribe(folder string) (way, error) {
	sub, err := Subscribe(context.Background(), filepath.Join(folder, "s"), SubscriberOptions{Policy: Block})
	return &oursEnd{sub: sub}, err
}

func (e *oursEnd) send(size int, stamp int64, last bool) error {
	f, err := e.s.Get(context.Background())
	if err != nil {
		return err
	}
	defer f.Release()
	f.SetLen(size)
	m := Meta{PTS: stamp}
	if last {
		m.Flags = 1
	}
	_, err = e.s.Publish(context.Background(), f, m)
	return err
}

func (e *oursEnd) receive() (int64, bool, error) {
	f, err := e.sub.Receive(context.Background())
	if err != nil {
		return 0, false, err
	}
	defer f.Buf.Release()
	return f.PTS, f.Flags != 0, nil
}

func (e *oursEnd) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e.s.Close(ctx); err != nil {
		return err
	}
	return e.p.Close()
}
