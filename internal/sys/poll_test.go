package sys

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestEventWakesPoll(t *testing.T) {
	e, err := NewEvent()
	if err != nil {
		t.Fatal(err)
	}
	fds := []PollFD{{Fd: int32(e.FD()), Events: PollIn}}
	if n, err := Poll(fds, 0); n != 0 || err != nil {
		t.Fatalf("fresh event: %d, %v", n, err)
	}
	time.AfterFunc(20*time.Millisecond, e.Signal)
	for deadline := time.Now().Add(2 * time.Minute); ; {
		n, err := Poll(fds, -1)
		if err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("signal did not arrive")
		}
	}
	e.Signal()
	e.Clear()
	if n, _ := Poll(fds, 0); n != 0 {
		t.Error("still readable after Clear")
	}
	if n := testing.AllocsPerRun(100, func() { e.Signal(); _, _ = Poll(fds, -1); e.Clear() }); n != 0 {
		t.Errorf("%v allocations a round", n)
	}
}

func TestPollSubMillisecondDoesNotSpin(t *testing.T) {
	start := time.Now()
	for range 20 {
		if _, err := Poll(nil, 10*time.Microsecond); err != nil {
			t.Fatal(err)
		}
	}
	if d := time.Since(start); d < 10*time.Millisecond {
		t.Errorf("20 waits took %v, want about 20 ms", d)
	}
}

// A signal after Close must not reach a descriptor that was opened meanwhile under the same number.
func TestEventAfterClose(t *testing.T) {
	e, err := NewEvent()
	if err != nil {
		t.Fatal(err)
	}
	fd := e.FD()
	if err := errors.Join(e.Close(), e.Close()); err != nil {
		t.Fatal(err)
	}
	other, err := unix.Eventfd(0, unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(other)
	if other != fd {
		t.Skipf("the kernel gave %d, not %d", other, fd)
	}
	e.Signal()
	if n, _ := Poll([]PollFD{{Fd: int32(other), Events: PollIn}}, 0); n != 0 {
		t.Error("a late Signal wrote to a foreign descriptor")
	}
	if e.FD() != -1 {
		t.Errorf("FD after Close is %d", e.FD())
	}
}
