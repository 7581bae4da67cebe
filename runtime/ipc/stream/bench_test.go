package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/pool"
)

// plain is the protocol as the programs have it that this package takes the place of: a channel of frames, a goroutine and a context
// with a limit for each write, one write for the header and one for the payload, one read for each, and fresh memory for each frame.
type plain struct {
	queue chan []byte
	conn  net.Conn
	peer  net.Conn
}

func newPlain(tb testing.TB) *plain {
	l, err := net.Listen("unix", filepath.Join(tb.TempDir(), "s"))
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	p := &plain{queue: make(chan []byte, 64)}
	if p.peer, err = net.Dial("unix", l.Addr().String()); err == nil {
		p.conn, err = l.Accept()
	}
	if err != nil {
		tb.Fatal(err)
	}
	go func() {
		for frame := range p.queue {
			if p.write(frame) != nil {
				return
			}
		}
	}()
	tb.Cleanup(func() { close(p.queue); p.conn.Close(); p.peer.Close() })
	return p
}

func (p *plain) write(frame []byte) error {
	var h [HeaderSize]byte
	binary.LittleEndian.PutUint32(h[0:], uint32(Output))
	binary.LittleEndian.PutUint32(h[5:], uint32(len(frame)))
	binary.LittleEndian.PutUint64(h[9:], uint64(time.Now().UnixNano()))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // 10 ms, and a dropped frame, where it is deployed
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := p.conn.Write(h[:])
		if err == nil {
			_, err = p.conn.Write(frame)
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *plain) read() ([]byte, error) {
	var h [HeaderSize]byte
	if _, err := io.ReadFull(p.peer, h[:]); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(h[0:]) != uint32(Output) || h[4] != byte(Frame) {
		return nil, errors.New("not a frame")
	}
	frame := make([]byte, binary.LittleEndian.Uint32(h[5:]))
	_, err := io.ReadFull(p.peer, frame)
	return frame, err
}

// pair is a server and a client, with a pool on each side.
type pair struct {
	s       *Server
	c       *Client
	in, out *pool.Pool
	size    int
}

func newPair(tb testing.TB, size, ahead int) *pair {
	p := &pair{size: size}
	blocks := 256
	if size > 1<<16 {
		blocks = 24
	}
	for _, x := range []**pool.Pool{&p.in, &p.out} {
		var err error
		if *x, err = pool.New(size, pool.Options{Max: blocks, Prealloc: blocks}); err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { (*x).Close() })
	}
	path := filepath.Join(tb.TempDir(), "s")
	var err error
	if p.s, err = Listen(path, Options{}); err == nil {
		p.c, err = Dial(context.Background(), path, Options{Pool: p.in, ReadAhead: ahead})
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { p.s.Close(); p.c.Close() })
	for p.s.Stats().Peers == 0 {
		time.Sleep(time.Millisecond)
	}
	return p
}

func (p *pair) send() error {
	b, err := p.out.Wait(context.Background())
	if err != nil {
		return err
	}
	defer b.Release()
	b.SetLen(p.size)
	_, err = p.s.Send(context.Background(), Message{Timestamp: time.Now().UnixNano(), Buf: b})
	return err
}

func (p *pair) receive() error {
	m, err := p.c.Receive(context.Background())
	if err == nil {
		m.Release()
	}
	return err
}

var benchSizes = []int{200, 3840, 1 << 20}

// One way, as fast as it goes.
func BenchmarkThroughput(b *testing.B) {
	benchAdd(b)
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("stream/size=%d", size), func(b *testing.B) {
			p := newPair(b, size, 0)
			benchStream(b, size, p.send, p.receive)
		})
		if size <= 4096 {
			b.Run(fmt.Sprintf("stream-readahead/size=%d", size), func(b *testing.B) {
				p := newPair(b, size, size)
				benchStream(b, size, p.send, p.receive)
			})
		}
		b.Run(fmt.Sprintf("plain/size=%d", size), func(b *testing.B) {
			p := newPlain(b)
			benchStream(b, size, func() error { p.queue <- make([]byte, size); return nil }, func() error { _, err := p.read(); return err })
		})
	}
}

func benchStream(b *testing.B, size int, send, receive func() error) {
	b.SetBytes(int64(size))
	b.ReportAllocs()
	failed := make(chan error, 1)
	b.ResetTimer()
	go func() {
		for range b.N {
			if err := send(); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	for range b.N {
		if err := receive(); err != nil {
			b.Fatal(err)
		}
	}
	if err := <-failed; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
}

// From Send to Receive, one frame at a time.
func BenchmarkLatency(b *testing.B) {
	benchAdd(b)
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("stream/size=%d", size), func(b *testing.B) {
			p := newPair(b, size, 0)
			benchLatency(b, p.send, p.receive)
		})
		b.Run(fmt.Sprintf("plain/size=%d", size), func(b *testing.B) {
			p := newPlain(b)
			benchLatency(b, func() error { p.queue <- make([]byte, size); return nil }, func() error { _, err := p.read(); return err })
		})
	}
}

func benchLatency(b *testing.B, send, receive func() error) {
	var h Histogram
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		start := time.Now()
		if err := errors.Join(send(), receive()); err != nil {
			b.Fatal(err)
		}
		h.Record(time.Since(start))
	}
	for _, q := range []float64{0.5, 0.99, 0.999} {
		b.ReportMetric(float64(h.Quantile(q).Nanoseconds()), fmt.Sprintf("p%v-ns", 100*q))
	}
}

// benchAdd is the yardstick: one uncontended atomic addition.
func benchAdd(b *testing.B) {
	b.Run("atomic-add", func(b *testing.B) {
		var n atomic.Uint32
		for range b.N {
			n.Add(1)
		}
	})
}

// In steady state nothing is allocated, on neither side, for frames of any size, nor for heartbeats and answers.
func TestNoAllocations(t *testing.T) {
	if checked {
		t.Skip("the race detector allocates, and so do the checks of pools")
	}
	for _, size := range []int{0, 200, 3840, 1 << 20} {
		p := newPair(t, max(size, 1), size%1000)
		p.size = size
		round := func() {
			for range 8 {
				if err := p.send(); err != nil {
					t.Error(err)
				}
			}
			for range 8 {
				if err := p.receive(); err != nil {
					t.Error(err)
				}
			}
		}
		if n := testing.AllocsPerRun(100, round); n >= 1 {
			t.Errorf("%d bytes: %v allocations for 8 frames", size, n)
		}
	}
}
