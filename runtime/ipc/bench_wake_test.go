package ipc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/runtime/pool"
)

// bareWords are two futex words in a memfd: one side changes and wakes the first, the other side the second.
type bareWords struct {
	ping atomic.Uint32
	_    [60]byte
	pong atomic.Uint32
}

func (w *bareWords) wait(word *atomic.Uint32, seen uint32) {
	for word.Load() == seen {
		sys.FutexWait(word, seen)
	}
}

func (w *bareWords) wake(word *atomic.Uint32) {
	word.Add(1)
	sys.FutexWake(word)
}

// pinged is one process's part of a ping-pong: the words, a publisher and a subscriber to the other's.
type pinged struct {
	*bareWords
	oursEnd
	block pool.Buf
}

// publish gives the block that is ready.
func (p *pinged) publish() error {
	_, err := p.s.Publish(context.Background(), p.block, Meta{})
	return err
}

// after gives back what was received, and gets the next block ready.
func (p *pinged) after(f Frame) (err error) {
	f.Buf.Release()
	p.block.Release()
	p.block, err = p.s.Get(context.Background())
	return err
}

func openPinged(folder, own string, words int) (*pinged, error) {
	m, err := sys.MapShared(words, int(unsafe.Sizeof(bareWords{})))
	if err != nil {
		return nil, err
	}
	p := &pinged{bareWords: (*bareWords)(m.Base())}
	if p.p, err = pool.New(64, pool.Options{Shared: true}); err != nil {
		return nil, err
	}
	if p.s, err = Listen(filepath.Join(folder, own), p.p, PublisherOptions{}); err != nil {
		return nil, err
	}
	p.block, err = p.s.Get(context.Background())
	return p, err
}

// childPong answers each wake-up by a wake-up, and each frame by a frame.
func childPong(folder string) error {
	f, err := os.OpenFile(filepath.Join(folder, "words"), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	p, err := openPinged(folder, "pong", int(f.Fd()))
	if err != nil {
		return err
	}
	if p.sub, err = Subscribe(context.Background(), filepath.Join(folder, "ping"), SubscriberOptions{}); err != nil {
		return err
	}
	fmt.Println("ready")
	for n := uint32(0); ; n++ {
		p.wait(&p.ping, n)
		p.wake(&p.pong)
		f, err := p.sub.Receive(context.Background())
		if err == nil {
			err = p.publish()
		}
		if err == nil {
			err = p.after(f)
		}
		if err != nil {
			return err
		}
	}
}

// pin keeps every thread of this process, or with child only those of a process that is started meanwhile, on a processor.
func pin(b *testing.B, cpu int, child bool) (undo func()) {
	b.Helper()
	runtime.LockOSThread()
	var old, set unix.CPUSet
	err := unix.SchedGetaffinity(0, &old)
	if err == nil && !old.IsSet(cpu) {
		b.Skipf("processor %d is not there, or not for us", cpu)
	}
	set.Set(cpu)
	each := func(set *unix.CPUSet) {
		if child {
			err = errors.Join(err, unix.SchedSetaffinity(0, set))
			return
		}
		tasks, e := os.ReadDir("/proc/self/task")
		err = errors.Join(err, e)
		for _, t := range tasks {
			id, e := strconv.Atoi(t.Name())
			if e == nil {
				e = unix.SchedSetaffinity(id, set)
			}
			err = errors.Join(err, e)
		}
	}
	each(&set)
	if err != nil {
		b.Fatalf("pinning to processor %d: %v", cpu, err)
	}
	return func() {
		each(&old)
		runtime.UnlockOSThread()
	}
}

// BenchmarkWake is half of a ping-pong between two processes that sleep when it begins: bare futexes, and frames, in turns. The last figures are
// by how much a frame takes longer.
func BenchmarkWake(b *testing.B) {
	for _, c := range []struct {
		name        string
		own, others int
	}{{"same-core", 0, 0}, {"two-cores", 0, 1}} {
		b.Run(c.name, func(b *testing.B) {
			folder := b.TempDir()
			fd, err := sys.Memfd("words", int(unsafe.Sizeof(bareWords{})))
			if err != nil {
				b.Fatal(err)
			}
			defer sys.Close(fd)
			if err := os.Symlink("/proc/"+strconv.Itoa(os.Getpid())+"/fd/"+strconv.Itoa(fd), filepath.Join(folder, "words")); err != nil {
				b.Fatal(err)
			}
			p, err := openPinged(folder, "ping", fd)
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close()
			defer func() { p.block.Release() }()
			undo := pin(b, c.others, true)
			startReceiver(b, "pong "+folder)
			undo()
			defer pin(b, c.own, false)()
			if p.sub, err = Subscribe(context.Background(), filepath.Join(folder, "pong"), SubscriberOptions{}); err != nil {
				b.Fatal(err)
			}
			defer p.sub.Close()
			times := [2][]int64{}
			b.ResetTimer()
			for n := range b.N {
				time.Sleep(200 * time.Microsecond)
				began := time.Now()
				p.wake(&p.ping)
				p.wait(&p.pong, uint32(n))
				times[0] = append(times[0], time.Since(began).Nanoseconds()/2)
				time.Sleep(200 * time.Microsecond)
				began = time.Now()
				var f Frame
				err := p.publish()
				if err == nil {
					f, err = p.sub.Receive(context.Background())
				}
				times[1] = append(times[1], time.Since(began).Nanoseconds()/2)
				if err == nil {
					err = p.after(f)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			for _, l := range times {
				slices.Sort(l)
			}
			at := func(l []int64, p float64) float64 { return float64(l[min(int(p/100*float64(len(l))), len(l)-1)]) }
			for _, q := range percents {
				b.ReportMetric(at(times[0], q)/1000, fmt.Sprintf("us-futex-p%v", q))
				b.ReportMetric(at(times[1], q)/1000, fmt.Sprintf("us-ours-p%v", q))
				b.ReportMetric(at(times[1], q)/at(times[0], q), fmt.Sprintf("x-futex-p%v", q))
			}
		})
	}
}
