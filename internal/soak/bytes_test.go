package soak

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/runtime/ring"
)

// sendRecord publishes record n of stream id, when there is room for it: its length, and then as a frame.
func sendRecord(ctx context.Context, r *ring.Ring, id uint32, n uint64) error {
	size := 4 + sizeOf(n)
	_, err := r.WriteFunc(ctx, size, func(b []byte) (int, error) {
		binary.LittleEndian.PutUint32(b, uint32(size))
		fill(b[4:], id, n)
		return size, nil
	})
	return err
}

// receiveRecord waits for a record and hands it to use, before its room is given back.
func receiveRecord(ctx context.Context, r *ring.Ring, use func(id uint32, n uint64)) error {
	_, err := r.ReadFunc(ctx, 4+leastFrame, func(b []byte) (int, error) {
		size := int(binary.LittleEndian.Uint32(b))
		if size < 4+leastFrame || size > len(b) {
			return 0, fmt.Errorf("a record of %d bytes, where %d are there", size, len(b))
		}
		n := binary.LittleEndian.Uint64(b[4:])
		id, err := verify(b[4:size], n)
		if err != nil {
			return 0, err
		}
		use(id, n)
		return size, nil
	})
	return err
}

// victimProduces writes records as fast as it can. Its argument is its number among the producers, which its records carry; they begin at 0.
func victimProduces(b *book, args []string) error {
	id, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	r, err := ring.Open(4, ring.Producer)
	if err != nil {
		return err
	}
	b.ready.Store(1)
	for n := uint64(0); ; n++ {
		switch id % 3 { // the other side falls asleep before each record, or before some
		case 0:
			sleepShort()
		case 1:
			for end := time.Now().Add(time.Duration(n%30) * time.Microsecond); time.Now().Before(end); {
				runtime.Gosched()
			}
		}
		b.started.Store(uint32(n) + 1)
		if err := sendRecord(context.Background(), r, uint32(id), n); err != nil {
			return err
		}
		b.done.Store(uint32(n) + 1)
		b.steps.Add(1)
	}
}

// victimConsumes reads records. Its argument is the number of the first, or of the one before.
func victimConsumes(b *book, args []string) error {
	from, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return err
	}
	r, err := ring.Open(4, ring.Consumer)
	if err != nil {
		return err
	}
	b.ready.Store(1)
	for first := true; ; first = false {
		var wrong error
		var n uint64
		err := receiveRecord(context.Background(), r, func(_ uint32, got uint64) {
			if got != from && (!first || got != from+1) {
				wrong = fmt.Errorf("record %d after record %d", got, from-1)
			}
			n = got
			b.started.Store(uint32(n) + 1)
		})
		if err = errors.Join(err, wrong); err != nil {
			return err
		}
		from = n + 1
		b.done.Store(uint32(from))
		b.steps.Add(1)
		pause(int(n) % 200)
	}
}

// byteSink has a consumer that lives, and producers that are killed.
type byteSink struct {
	*lane
	ring  *ring.Ring
	file  *os.File
	at    atomic.Uint64 // the producer's number and how many of its records came
	total atomic.Uint64
	err   error
	ended chan struct{}
	stop  context.CancelFunc

	before, done, started uint32 // the last producer that worked: its number, and what it wrote down
}

func shared(t *testing.T, side ring.Side) (*ring.Ring, *os.File) {
	r, err := ring.New(1, ring.Options{Name: "soak", Side: side})
	if err != nil {
		t.Fatal(err)
	}
	fd, err := sys.Dup(r.FD())
	if err != nil {
		t.Fatal(err)
	}
	return r, os.NewFile(uintptr(fd), "ring")
}

// producerLane kills producers of a byte ring.
func producerLane(t *testing.T, seed uint64) *lane {
	l := &byteSink{lane: newLane(t, "byte ring producers", seed), ended: make(chan struct{})}
	l.ring, l.file = shared(t, ring.Consumer)
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	go func() {
		defer close(l.ended)
		l.err = l.consume(ctx)
	}()
	l.lane.round, l.lane.close = l.kill, l.end
	return l.lane
}

func (l *byteSink) consume(ctx context.Context) error {
	for ctx.Err() == nil {
		var wrong error
		err := receiveRecord(ctx, l.ring, func(id uint32, n uint64) {
			at := l.at.Load()
			last, next := uint32(at>>32), at&(1<<32-1)
			switch {
			case id == last && n == next:
			case id > last && n == 0:
			default:
				wrong = fmt.Errorf("record %d of producer %d comes after %d records of producer %d", n, id, next, last)
			}
			l.at.Store(uint64(id)<<32 | (n + 1))
			l.total.Add(1)
		})
		switch err = errors.Join(wrong, err); {
		case errors.Is(err, io.EOF):
			sleepShort() // until another producer comes
		case err != nil && ctx.Err() == nil:
			return err
		}
	}
	return nil
}

// reached reports whether n records of the producer came, or those of a later one do.
func (l *byteSink) reached(id, n uint32) error {
	err := eventually(func() string {
		return fmt.Sprintf("%d records of producer %d come; there are %d of producer %d", n, id, l.at.Load()&(1<<32-1), l.at.Load()>>32)
	}, func() bool {
		select {
		case <-l.ended:
			return true
		default:
			return l.at.Load() >= uint64(id)<<32|uint64(n)
		}
	})
	select {
	case <-l.ended:
		return fmt.Errorf("the consumer ended: %w", l.err)
	default:
		return err
	}
}

func (l *byteSink) kill() error {
	id := uint32(l.kills) + 1
	v, err := l.start("produce", []any{id}, l.file)
	if err != nil {
		return err
	}
	ready := false
	for !v.dead.Load() {
		// A new one wakes the consumer for what the one before published, even if that died before it did.
		if !ready && l.book.ready.Load() != 0 && l.before > 0 {
			if err := l.reached(l.before, l.done); err != nil {
				return err
			}
			ready = true
			continue
		}
		sleepShort()
	}
	<-v.done
	if v.err != nil {
		return v.err
	}
	if l.book.done.Load() != 0 {
		l.before, l.done, l.started = id, l.book.done.Load(), l.book.started.Load()
	}
	l.frames = l.total.Load()
	if l.rnd.IntN(3) > 0 {
		return nil // with a consumer that may sleep over records
	}
	p, err := ring.Open(int(l.file.Fd()), ring.Producer)
	if err != nil {
		return err
	}
	err = l.reached(l.before, l.done)
	if at := l.at.Load(); err == nil && uint32(at>>32) == l.before && uint32(at) > l.started {
		err = fmt.Errorf("%d records of producer %d came, which began %d", uint32(at), l.before, l.started)
	}
	return errors.Join(err, p.Unmap())
}

func (l *byteSink) end() error {
	l.stop()
	<-l.ended
	return errors.Join(l.err, l.ring.Unmap(), l.file.Close())
}

// byteSource has a producer that lives, and consumers that are killed.
type byteSource struct {
	*lane
	ring  *ring.Ring
	file  *os.File
	sent  atomic.Uint64
	err   error
	ended chan struct{}
	stop  context.CancelFunc
	done  uint64 // records that were consumed, or one fewer
}

// consumerLane kills consumers of a byte ring.
func consumerLane(t *testing.T, seed uint64) *lane {
	l := &byteSource{lane: newLane(t, "byte ring consumers", seed), ended: make(chan struct{})}
	l.ring, l.file = shared(t, ring.Producer)
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	go func() {
		defer close(l.ended)
		for ctx.Err() == nil && l.err == nil {
			switch l.err = sendRecord(ctx, l.ring, 0, l.sent.Load()); {
			case l.err == nil:
				l.sent.Add(1)
			case errors.Is(l.err, io.ErrClosedPipe):
				l.err = nil // until another consumer comes
				sleepShort()
			}
		}
	}()
	l.lane.round, l.lane.close = l.kill, l.end
	return l.lane
}

func (l *byteSource) kill() error {
	v, err := l.start("consume", []any{l.done}, l.file)
	if err != nil {
		return err
	}
	<-v.done
	if v.err != nil {
		return v.err
	}
	if l.book.done.Load() > 0 {
		l.done = uint64(l.book.done.Load())
	} else if n := uint64(l.book.started.Load()); n > l.done+1 {
		l.done = n - 1
	}
	l.frames = l.done
	if l.rnd.IntN(3) > 0 {
		return l.alive(nil)
	}
	return l.alive(l.take(1 + l.rnd.IntN(700)))
}

// take consumes n records here: more than fit at once, so that the producer must go on, even if its wake-up died with the victim.
func (l *byteSource) take(n int) error {
	c, err := ring.Open(int(l.file.Fd()), ring.Consumer)
	if err != nil {
		return err
	}
	// The producer fills the ring, also if the wake-up for what was consumed last died with the victim.
	err = eventually(func() string {
		return fmt.Sprintf("the producer, which has sent %d records, goes on: %d bytes of %d are used", l.sent.Load(), c.Len(), c.Size())
	}, func() bool { return l.alive(nil) != nil || c.Len()+4+sizeOf(l.sent.Load()) > c.Size() })
	if err != nil {
		return errors.Join(err, c.Unmap())
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() {
		select {
		case <-l.ended: // nothing more comes
			cancel()
		case <-ctx.Done():
		}
	}()
	for i := 0; i < n && err == nil; i++ {
		var wrong error
		err = receiveRecord(ctx, c, func(_ uint32, got uint64) {
			if got != l.done && (i > 0 || got != l.done+1) {
				wrong = fmt.Errorf("record %d after record %d", got, l.done-1)
			}
			l.done = got + 1
		})
		err = errors.Join(err, wrong)
	}
	if err != nil {
		err = fmt.Errorf("taking over at record %d, %d were sent: %w", l.done, l.sent.Load(), err)
	}
	return errors.Join(err, c.Unmap())
}

// alive adds the producer's error, if it has ended.
func (l *byteSource) alive(err error) error {
	select {
	case <-l.ended:
		return errors.Join(err, fmt.Errorf("the producer ended: %w", l.err))
	default:
		return err
	}
}

func (l *byteSource) end() error {
	l.stop()
	<-l.ended
	if errors.Is(l.err, context.Canceled) {
		l.err = nil
	}
	return errors.Join(l.err, l.ring.Unmap(), l.file.Close())
}
