package ipc

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

// scribble writes random words over a channel until stop is closed, such as a peer might that has lost its mind.
func scribble(words []atomic.Uint32, seed uint64, stop <-chan struct{}) {
	rnd := rand.New(rand.NewPCG(seed, seed))
	for {
		for range 50 {
			i, v := rnd.IntN(len(words)), rnd.Uint32()
			if rnd.IntN(2) == 0 {
				v %= 1 << 17
			}
			words[i].Store(v)
		}
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Microsecond):
		}
	}
}

// words are all of a channel.
func words(c *channel) []atomic.Uint32 {
	return unsafe.Slice((*atomic.Uint32)(unsafe.Pointer(c.head)), c.m.Size()/4)
}

// inCScribbled has the publisher's side of the channel overwritten while the program in C reads what it is told to.
func inCScribbled(t *testing.T, c *program) {
	for seed := range uint64(3) {
		s, p, path := start(t, 16, PublisherOptions{Slots: 4})
		c.ask(fmt.Sprintf("s %d 0 0 %s", seed%2, path), "ok")
		var h *channel
		all := only(s, func(c *channel) []atomic.Uint32 {
			h = c
			c.hold() // its end must not unmap it under the scribbler
			return words(c)
		})
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { scribble(all, seed, stop) })
		c.tell("z 3000")
		for n := range uint64(300) {
			_ = send(s, p, n, 0)
		}
		if got := c.answer(); got != "went on" {
			t.Fatal(got)
		}
		close(stop)
		wg.Wait()
		s.mu.Lock()
		h.drop()
		s.mu.Unlock()
		c.ask("x", "ok")
		eventually(t, "it is gone", func() bool { return len(s.Stats().Subscribers) == 0 })
		allBack(t, s, p)
	}
}

// fromCScribbled has a subscriber overwrite its channel while the program in C publishes: another subscriber misses nothing.
func fromCScribbled(t *testing.T, c *program) {
	for seed := range uint64(3) {
		path := c.opened(4, 0, 16)
		good := subscriber(t, path, SubscriberOptions{Policy: Block})
		_, h := bare(t, path)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		all := words(h)
		wg.Go(func() { scribble(all, seed, stop) })
		c.tell("p 500 -1 0")
		for n := range uint64(500) {
			f := receive(t, good)
			if f.Sequence != n || f.Lost != 0 {
				t.Fatalf("frame %d, %d lost, want %d", f.Sequence, f.Lost, n)
			}
			f.Buf.Release()
		}
		if got := c.answer(); !strings.HasPrefix(got, "given ") {
			t.Fatal(got)
		}
		close(stop)
		wg.Wait()
		good.Close()
		c.tell("x 0") // whether the other one is gone already or not
		c.answer()
		c.tell("s")
		if got := c.answer(); !strings.HasSuffix(got, " lent 0 subscribers 0 out 0") {
			t.Errorf("after the end: %s", got)
		}
		c.ask("f", "ok")
	}
}

// inCThreads releases in other threads than the one that receives.
func inCThreads(t *testing.T, c *program) {
	s, p, path := start(t, 16, PublisherOptions{Slots: 4})
	c.ask(fmt.Sprintf("s %d 0 0 %s", Block, path), "ok")
	c.tell("t")
	const frames = 500
	for n := range uint64(frames) {
		user := uint32(0)
		if n >= frames-3 {
			user = 1
		}
		if err := send(s, p, n, user); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := c.answer(), fmt.Sprintf("%d frames, 0 bad", frames); got != want {
		t.Errorf("it says %q, not %q", got, want)
	}
	c.ask("x", "ok")
	allBack(t, s, p)
}

// TestSubscriberInCSleeps: one that waits for long is not woken for nothing.
func TestSubscriberInCSleeps(t *testing.T) {
	s, _, path := start(t, 4, PublisherOptions{})
	c := run(t, compilers()[0].build(t, "subscriber.c"))
	c.ask("s 0 0 0 "+path, "ok")
	c.tell("r -1")
	eventually(t, "it sleeps on its socket", func() bool { return asleep(s) == asleepOnSocket })
	sleeps := func() string {
		b, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(c.cmd.Process.Pid), "status"))
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(b), "\nvoluntary_ctxt_switches:")
		count, _, _ := strings.Cut(after, "\n")
		return strings.TrimSpace(count)
	}
	// On a busy machine it may stand still for other reasons before it sleeps at last: so until it does not wake for long.
	eventually(t, "it sleeps on, and is not woken for nothing", func() bool {
		before := sleeps()
		time.Sleep(400 * time.Millisecond)
		return sleeps() == before && before != ""
	})
	c.kill()
}
