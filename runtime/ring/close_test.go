package ring_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/ring"
)

// closer closes the ring when it is given, or asked for, bytes.
type closer struct {
	t *testing.T
	r *ring.Ring
}

func (c closer) close(b []byte) (int, error) {
	if err := c.r.Close(); err != nil {
		c.t.Error(err)
	}
	return len(b), nil
}

func (c closer) Read(b []byte) (int, error)  { return c.close(b[:5]) }
func (c closer) Write(b []byte) (int, error) { return c.close(b) }

func openSide(t *testing.T, fd int, side ring.Side) *ring.Ring {
	t.Helper()
	r, err := ring.Open(fd, side)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Unmap(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// TestCloseWhilePublishing: what a call did not publish before Close it does not report as published.
func TestCloseWhilePublishing(t *testing.T) {
	for name, call := range map[string]func(*ring.Ring) (int, error){
		"WriteFunc": func(p *ring.Ring) (int, error) { return p.WriteFunc(t.Context(), 1, closer{t, p}.close) },
		"ReadFrom":  func(p *ring.Ring) (int, error) { n, err := p.ReadFrom(closer{t, p}); return int(n), err },
	} {
		c := newRing(t, 1, ring.Options{Name: name, Side: ring.Consumer})
		n, err := call(openSide(t, c.FD(), ring.Producer))
		if n != 0 || !errors.Is(err, ring.ErrClosed) {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		if n, err := c.Read(make([]byte, 10)); n != 0 || err != io.EOF {
			t.Errorf("%s: the consumer gets %d bytes, %v", name, n, err)
		}
	}
}

// TestCloseWhileConsuming: what a call did not consume before Close it does not report as consumed, and the next consumer gets it.
func TestCloseWhileConsuming(t *testing.T) {
	for name, call := range map[string]func(*ring.Ring) (int, error){
		"ReadFunc": func(c *ring.Ring) (int, error) { return c.ReadFunc(t.Context(), 1, closer{t, c}.close) },
		"WriteTo": func(c *ring.Ring) (int, error) {
			n, err := c.WriteTo(closer{t, c})
			return int(n) - 5, err // which the writer has, whatever becomes of the ring
		},
	} {
		p := newRing(t, 1, ring.Options{Name: name, Side: ring.Producer})
		p.Advance(copy(p.Unused(), "first"))
		n, err := call(openSide(t, p.FD(), ring.Consumer))
		if n != 0 || !errors.Is(err, ring.ErrClosed) {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		b := make([]byte, 10)
		if n, err := openSide(t, p.FD(), ring.Consumer).Read(b); string(b[:n]) != "first" || err != nil {
			t.Errorf("%s: the next consumer gets %q, %v", name, b[:n], err)
		}
		if _, err := p.Write([]byte{1}); err != nil {
			t.Errorf("%s: the producer gets %v", name, err)
		}
	}
}

// TestCloseWhileMoving: the ring is not closed, and the other side not told of the end, while a call publishes or consumes.
func TestCloseWhileMoving(t *testing.T) {
	for _, side := range []ring.Side{ring.Producer, ring.Consumer} {
		other := newRing(t, 1, ring.Options{Name: "moving", Side: ring.Producer + ring.Consumer - side})
		told := func() bool {
			s := other.Stats()
			return s.Ended && side == ring.Producer || s.Gone && side == ring.Consumer
		}
		r := openSide(t, other.FD(), side)
		closed := make(chan error, 1)
		r.Moving(side, func() {
			go func() { closed <- r.Close() }()
			for range 20 {
				if time.Sleep(100 * time.Microsecond); told() || r.Err() != nil {
					t.Errorf("side %d: %v, the other side is told: %v", side, r.Err(), told())
					break
				}
			}
		})
		if err := <-closed; err != nil || !told() {
			t.Errorf("side %d: %v, told: %v", side, err, told())
		}
	}
}

// TestCloseWithinWrite: readers are not told of the end, and nobody takes the ring over, before the frame that is being written.
func TestCloseWithinWrite(t *testing.T) {
	for _, inFile := range []bool{false, true} {
		w := newWriter(t, crashOptions())
		open := func() (*ring.FrameWriter, error) { return ring.OpenFrameWriter(w.FD()) }
		if inFile {
			path := filepath.Join(t.TempDir(), "frames")
			open = func() (*ring.FrameWriter, error) { return ring.CreateFrameFile(path, crashOptions()) }
			var err error
			if w, err = open(); err != nil {
				t.Fatal(err)
			}
		}
		r, err := openFrames(w.FD())
		if err != nil {
			t.Fatal(err)
		}
		want := frameBytes(0, crashMost)
		err = w.CloseWithin(want, func() {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := r.Next(ctx)
			wantErr(t, err, context.Canceled, "waiting")
			_, err = open()
			wantErr(t, err, ring.ErrBusy, "")
		})
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, crashMost)
		f, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n, err := f.Copy(got); err != nil || !bytes.Equal(got[:n], want) {
			t.Errorf("file %v: the last frame: %v", inFile, err)
		}
		if _, err := r.Next(t.Context()); err != io.EOF {
			t.Errorf("file %v: after the last frame: %v", inFile, err)
		}
		if err := errors.Join(r.Unmap(), w.Unmap()); err != nil {
			t.Error(err)
		}
	}
}

// TestCloseDuringWrite: the memory stays while Write copies to it.
func TestCloseDuringWrite(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	b := make([]byte, 4<<20)
	for round := range 20 {
		w, err := ring.NewFrameWriter(ring.FrameOptions{Name: "big", Frames: 2, MaxFrame: len(b), Bytes: len(b)})
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan error)
		writing := make(chan bool)
		go func() {
			<-writing
			for end := time.Now().Add(time.Duration(round*20) * time.Microsecond); time.Now().Before(end); {
			}
			closed <- w.Close()
		}()
		close(writing)
		for err == nil {
			_, err = w.Write(b, 0)
		}
		wantErr(t, err, ring.ErrClosed, "")
		if err := errors.Join(<-closed, w.Unmap()); err != nil {
			t.Error(err)
		}
	}
}

// TestUnmapDuringClose: a Close in another goroutine is no call in progress.
func TestUnmapDuringClose(t *testing.T) {
	testutil.OpenFDs(t)
	w := newWriter(t, crashOptions())
	for _, r := range []interface {
		BeginClose()
		Close() error
		Unmap() error
	}{newRing(t, 1, ring.Options{}), newReader(t, w.FD()), w} {
		r.BeginClose()
		if err := errors.Join(r.Unmap(), r.Close()); err != nil {
			t.Errorf("%T: %v", r, err)
		}
	}
	// The other side is woken all the same.
	c := newRing(t, 1, ring.Options{Side: ring.Consumer})
	p := openSide(t, c.FD(), ring.Producer)
	ended := make(chan error)
	go func() { _, err := c.WaitContent(t.Context(), 1); ended <- err }()
	asleep(&words(t, c.FD(), 0)[192/4])
	p.BeginClose()
	if err := p.Unmap(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != io.EOF {
		t.Error(err)
	}
}
