package alsa

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
)

// An overrun after every period, for a while: each is recovered and counted, and nothing that was captured is lost.
func TestXrunStorm(t *testing.T) {
	for _, access := range []Access{RWInterleaved, MMapInterleaved} {
		t.Run(access.String(), func(t *testing.T) {
			dir := card(t, `file "DIR/in.raw"  tick_us 100  xrun_at 480  xrun_every 480`)
			want := noise(500 * 480 * 4)
			if err := os.WriteFile(filepath.Join(dir, "in.raw"), want, 0o644); err != nil {
				t.Fatal(err)
			}
			testutil.OpenFDs(t)
			c := cd
			c.Access = access
			p := open(t, "card", Capture, c)
			got := make([]byte, len(want))
			within(t, "reading", func() {
				if err := get(t, p, got); err != nil {
					t.Error(err)
				}
			})
			if s := p.Stats(); s.Xruns != 499 || s.Frames != 500*480 {
				t.Errorf("stats %+v", s)
			}
			if !bytes.Equal(got, want) {
				t.Error("frames lost or repeated")
			}
		})
	}
}

// A playback stream that is suspended goes on where it was, or is prepared anew where the card cannot.
func TestPlaybackSuspend(t *testing.T) {
	for _, wakes := range []int{0, 1, 4} {
		t.Run(fmt.Sprintf("wakes %d", wakes), func(t *testing.T) {
			dir := card(t, fmt.Sprintf(`file "DIR/out.raw"  suspend_at 4800  wakes %d`, wakes))
			data := noise(40 * 480 * 4)
			p := open(t, "card", Playback, cd)
			within(t, "writing", func() {
				if err := put(t, p, data); err != nil {
					t.Error(err)
				}
				if err := p.Drain(t.Context()); err != nil {
					t.Error(err)
				}
			})
			if s := p.Stats(); s.Suspends != 1 || s.Frames != 40*480 {
				t.Errorf("stats %+v", s)
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(dir, "out.raw"))
			if err != nil {
				t.Fatal(err)
			}
			lost := len(data) - len(got) // at most the ring, where it is prepared anew
			if lost < 0 || wakes > 0 && lost > 0 || lost > 1920*4 || !bytes.Equal(got[:4800*4], data[:4800*4]) || !bytes.Equal(got[4800*4:], data[4800*4+lost:]) {
				t.Errorf("played %d of %d bytes, or others", len(got), len(data))
			}
		})
	}
}

// The device goes while many wait, look on and hold its memory: every call says so, and nothing is left behind.
func TestUnpluggedMidStream(t *testing.T) {
	card(t, "unplug_at 9600")
	open(t, "card", Capture, cd) // loads what stays loaded
	testutil.OpenFDs(t)
	testutil.Mappings(t)
	for _, dir := range []Direction{Capture, Playback} {
		p := open(t, "card", dir, shared)
		looked := make(chan bool)
		go func() {
			defer close(looked)
			for p.State() != StateDisconnected {
				_, _ = p.Status() // fails when the device is gone
				_, _, _ = p.AvailDelay()
				time.Sleep(200 * time.Microsecond)
			}
		}()
		within(t, "the lot", func() {
			var err error
			for n := 0; err == nil; n++ {
				if n > 1000 {
					t.Error("it goes on and on")
					return
				}
				var r Region
				if r, err = p.Begin(t.Context(), 480); err == nil {
					_, err = r.Commit(r.Frames())
				}
			}
			if !errors.Is(err, syscall.ENODEV) || !strings.Contains(err.Error(), "the device is gone") {
				t.Errorf("%v: %v", dir, err)
			}
			<-looked
		})
		if n := p.Stats().Frames; n < 9600 || n > 9600+1920 {
			t.Errorf("%v: %d frames before the device went", dir, n)
		}
		if err := p.Start(); err == nil {
			t.Errorf("%v: a device that is gone starts", dir)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

// rounds opens, uses and closes PCMs a thousand times and looks at what /proc shows.
func rounds(t *testing.T, names map[Direction]string, c Config, n int) {
	round := func(i int) {
		dir := Direction(i % 2)
		c.Access = []Access{RWInterleaved, MMapInterleaved}[i/2%2]
		p, err := Open(names[dir], dir, c)
		if err != nil {
			t.Fatal(i, err)
		}
		if dir == Playback {
			err = put(t, p, make([]byte, c.Period*4))
		} else if c.Access.MMap() && i%8 < 4 {
			var r Region
			if r, err = p.Begin(t.Context(), 16); err == nil {
				defer func() {
					if _, err := r.Commit(0); !errors.Is(err, ErrClosed) {
						t.Error(i, err)
					}
				}()
			}
		} else if err == nil {
			_, err = p.Status()
		}
		if err != nil {
			t.Fatal(i, err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(i, err)
		}
	}
	for i := range 16 {
		round(i)
	}
	testutil.OpenFDs(t)
	testutil.Mappings(t)
	debug.FreeOSMemory()
	before, threads := dataSize(t)
	for i := range n {
		round(i)
	}
	debug.FreeOSMemory()
	// A ring that is not freed would be 64 KB a round; a thread more, which Go starts where one is kept waiting, has 8 MB of stack.
	after, now := dataSize(t)
	if grown := after - before - max(0, now-threads)*8<<20; grown > n*c.Buffer*4/2+16<<20 {
		t.Errorf("%d rounds took %d bytes for good", n, grown)
	}
}

// dataSize is the size of the process's own memory in bytes, and how many threads have their stacks there.
func dataSize(t *testing.T) (size, threads int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]*int{"VmData:": &size, "Threads:": &threads} {
		_, rest, ok := strings.Cut(string(text), name)
		if _, err := fmt.Sscan(rest, n); err != nil || !ok {
			t.Fatalf("no %s in /proc/self/status: %v", name, err)
		}
	}
	return size << 10, threads
}

func TestThousandRounds(t *testing.T) {
	card(t, "")
	open(t, "card", Capture, cd)
	rounds(t, map[Direction]string{Playback: "card", Capture: "card"}, Config{Rate: 48000, Channels: 2, Period: 480, Buffer: 16384}, 1000)
}

func TestLoopbackThousandRounds(t *testing.T) {
	loopback(t)
	n := 1000
	if testing.Short() {
		n = 100
	}
	rounds(t, map[Direction]string{Playback: "in", Capture: "out"}, Config{Rate: 48000, Channels: 2, Period: 480, Buffer: 16384}, n)
}

// signals sends the process a signal again and again until the test ends. Go's own preemption sends more.
func signals(t *testing.T) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	stop := make(chan bool)
	ended := make(chan bool)
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			case <-c:
			case <-time.After(50 * time.Microsecond):
				_ = syscall.Kill(syscall.Getpid(), syscall.SIGUSR1)
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-ended
		signal.Stop(c)
	})
}

func TestSignalsDuringCalls(t *testing.T) {
	for _, access := range []Access{RWInterleaved, MMapInterleaved} {
		dir := card(t, `file "DIR/in.raw"  tick_us 300`)
		want := noise(300 * 480 * 4)
		if err := os.WriteFile(filepath.Join(dir, "in.raw"), want, 0o644); err != nil {
			t.Fatal(err)
		}
		signals(t)
		c := cd
		c.Access = access
		p := open(t, "card", Capture, c)
		got := make([]byte, len(want))
		within(t, "reading", func() {
			if err := get(t, p, got); err != nil {
				t.Error(err)
			}
		})
		if !bytes.Equal(got, want) || p.Stats().Xruns != 0 {
			t.Errorf("%v: frames lost or repeated, %+v", access, p.Stats())
		}
	}
}

func TestLoopbackSignals(t *testing.T) {
	loopback(t)
	for _, access := range accesses() {
		t.Run(access.String(), func(t *testing.T) {
			c := Config{Rate: 8000, Channels: 2, Format: S16LE, Period: 400, Buffer: 64000, Access: access}
			out := open(t, "out", Capture, c)
			c.StartAt = 8000
			in := open(t, "in", Playback, c)
			signals(t)
			data := noise(8000 * 4)
			if got := through(t, in, out, data); !bytes.Equal(got, data) {
				t.Error("what was captured is not what was played")
			}
			if err := in.Drain(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
