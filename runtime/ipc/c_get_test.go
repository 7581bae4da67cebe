package ipc

import (
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
)

// fromCGets has a publisher in C wait for a free block, until one is released, its subscriber leaves or is gone, or the time is over.
func fromCGets(t *testing.T, c *program) {
	path := c.opened(4, 4, 4)
	c.ask("g 0", "ok")
	sub := subscriber(t, path, SubscriberOptions{})
	c.ask("p 4 0 0", "given 1")
	c.ask("g 0", "not in the time given")
	c.ask("g 30", "not in the time given")
	waits := func() {
		t.Helper()
		sub.c.head.waiting.Store(0)
		c.tell("g -1")
		eventually(t, "it waits", func() bool { return sub.c.head.waiting.Load() != 0 })
	}
	wakes := func(how string) {
		t.Helper()
		if got := c.answer(); got != "ok" {
			t.Errorf("%s: %s", how, got)
		}
	}
	first := receive(t, sub)
	waits()
	first.Buf.Release()
	wakes("a release")
	c.ask("p 1 0 0", "given 1")
	held := receive(t, sub)
	waits()
	if err := sub.Close(); err != nil { // which gives back what waits
		t.Error(err)
	}
	wakes("a subscriber that leaves")
	held.Buf.Release()
	c.becomes("s", "frames 5 given 5 lost 0 left 1 misbehaved 0 lent 0 subscribers 0 out 0")

	// One who goes without a word, as when it is killed.
	conn, _ := bare(t, path)
	c.ask("p 4 0 0", "given 1")
	c.tell("g -1")
	conn.Close()
	wakes("a subscriber that is killed")
	c.becomes("s", "frames 9 given 9 lost 0 left 2 misbehaved 0 lent 0 subscribers 0 out 0")
	c.shut()

	// Only this process has blocks.
	path = c.opened(0, 0, 1)
	c.ask("t", "0 0 0, attention 0")
	sub = subscriber(t, path, SubscriberOptions{})
	c.ask("p 1 0 0", "given 1")
	f := receive(t, sub)
	c.ask("c", "pool is closed; not in the time given")
	f.Buf.Release()
	c.ask("g 0", "pool is closed")
	c.ask("f", "ok")

	// One that wakes it for nothing.
	path = c.opened(4, 4, 4)
	c.ask("e 60000", "ok")
	bad := subscriber(t, path, SubscriberOptions{})
	c.ask("p 4 0 0", "given 1")
	c.tell("g -1")
	bad.mu.Lock()
	bad.c.hold()
	bad.mu.Unlock()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				bad.c.head.space.Add(1)
				sys.FutexWakeAll(&bad.c.head.space)
				time.Sleep(10 * time.Microsecond)
			}
		}
	}()
	wakes("one that does nothing else")
	close(stop)
	<-stopped
	bad.mu.Lock()
	bad.c.drop()
	bad.mu.Unlock()
	c.ask("s", "frames 4 given 4 lost 0 left 1 misbehaved 1 lent 0 subscribers 0 out 0")
	c.shut()
}
