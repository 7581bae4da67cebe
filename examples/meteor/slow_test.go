package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
)

// stalled is a browser that does not read until it is told to.
type stalled struct {
	*httptest.ResponseRecorder
	began, goOn chan struct{}
	once        sync.Once
}

func (w *stalled) Write(b []byte) (int, error) {
	w.once.Do(func() { close(w.began) })
	<-w.goOn
	return w.ResponseRecorder.Write(b)
}

// TestLiveHoldsNothing has browsers that do not read the picture of the newest frame, nor the readings: they have no block, so that the camera
// always has one.
func TestLiveHoldsNothing(t *testing.T) {
	c := night(t, time.Second)
	st, err := newStation(c)
	if err != nil {
		t.Fatal(err)
	}
	pages, goOn := st.pages(), make(chan struct{})
	ctx, leave := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for i := range 6 {
		b, err := st.frames.Get()
		if err != nil {
			t.Fatal(err)
		}
		at := int64(i + 1)
		if err := errors.Join(st.taken.Publish(frame{b, at}), st.readings.Publish(reading{Time: at})); err != nil {
			t.Fatal(err)
		}
		b.Release()
		for _, path := range []string{"/live.jpg", "/readings"} {
			w := &stalled{ResponseRecorder: httptest.NewRecorder(), began: make(chan struct{}), goOn: goOn}
			group.Go(func() {
				pages.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", path, nil))
				if w.Code != http.StatusOK || w.Body.Len() == 0 {
					t.Errorf("%s: %d, %d bytes", path, w.Code, w.Body.Len())
				}
			})
			<-w.began
		}
		if p := st.frames.Stats(); p.Outstanding != 1 {
			t.Errorf("%d blocks are out with %d slow browsers, not the topic's one", p.Outstanding, 2*(i+1))
		}
	}
	close(goOn)
	leave()
	group.Wait()
	if err := st.close(); err != nil {
		t.Error(err)
	}
}

// TestLiveTogether has many browsers ask at once: two blocks are enough for all of them, however they come.
func TestLiveTogether(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8)) // so that their pictures are made side by side
	c := night(t, time.Second)
	if c.width, c.height = 640, 480; runtime.GOARCH == "arm" || raceBuild {
		c.width, c.height = 160, 120 // there that is work enough
	}
	st, err := newStation(c)
	if err != nil {
		t.Fatal(err)
	}
	pages := st.pages()
	stop, noise := make(chan struct{}), make([]byte, c.width*c.height) // which takes the longest
	rand.NewChaCha8([32]byte{}).Read(noise)
	var browsers, camera sync.WaitGroup
	camera.Go(func() {
		for at := int64(1); ; at++ {
			select {
			case <-stop:
				return
			default:
			}
			b, err := st.frames.Get()
			if err == nil {
				copy(b.Bytes(), noise)
				err = st.taken.Publish(frame{b, at})
				b.Release()
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 8 {
		browsers.Go(func() {
			for n := 0; n < 2; {
				w := httptest.NewRecorder()
				pages.ServeHTTP(w, httptest.NewRequest("GET", "/live.jpg", nil))
				if w.Code == http.StatusOK {
					n++
				}
			}
		})
	}
	browsers.Wait()
	close(stop)
	camera.Wait()
	if p := st.frames.Stats(); p.HighWater > 4 { // one in the making, one that waits behind it, the history's, the camera's
		t.Errorf("%d blocks were out", p.HighWater)
	}
	if err := st.close(); err != nil {
		t.Error(err)
	}
}

// TestPatience ends an answer to a browser that does not read, and no other.
func TestPatience(t *testing.T) {
	anywhere(t)
	testutil.OpenFDs(t)
	ended := make(chan error, 1)
	server := httptest.NewServer(patient(50*time.Millisecond, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/short" {
			time.Sleep(100 * time.Millisecond) // the deadline is of the writing
			_, _ = io.WriteString(w, "short")
			return
		}
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				ended <- err
				return
			}
		}
	})))
	defer server.Close()
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the answer ended with %v", err)
	}
	for range 2 { // on one connection, whose deadline is over
		if b := got(t, server.URL+"/short", "text/plain"); string(b) != "short" {
			t.Errorf("%q", b)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestSeats lets in so many at once, and the next when one has left.
func TestSeats(t *testing.T) {
	testutil.OpenFDs(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newSeats(l, 2)
	accepted, ended := make(chan net.Conn), make(chan error, 1)
	go func() {
		for {
			c, err := s.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- c
		}
	}()
	var inside []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	for range 2 {
		inside = append(inside, <-accepted)
	}
	select {
	case <-accepted:
		t.Error("a third came in")
	case <-time.After(20 * time.Millisecond): // too short at worst lets a fault pass
	}
	inside[0].Close()
	inside[0].Close() // gives one seat back, not two
	third := <-accepted
	if len(s.free) != 2 {
		t.Errorf("%d seats are taken", len(s.free))
	}
	s.Close() // while Accept waits for a seat
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	inside[1].Close()
	third.Close()
}
