package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/runtime/ring"
)

// frameOptions make the writer go round every few frames.
func frameOptions() ring.FrameOptions {
	return ring.FrameOptions{Name: "soak", Frames: 16, MaxFrame: mostFrame, Bytes: 6 * mostFrame}
}

// openWriter takes the ring over, from the file if there is a path, otherwise from fd. It may have to wait for the writer before it.
func openWriter(path string, fd int) (*ring.FrameWriter, error) {
	if path != "" {
		return ring.CreateFrameFile(path, frameOptions())
	}
	return ring.OpenFrameWriter(fd)
}

// openReader opens what this process has a descriptor of: memory, which is sealed, or else a file.
func openReader(fd int) (*ring.FrameReader, error) {
	if sealed, err := sys.SealedAgainstShrinking(fd); err == nil && sealed {
		return ring.OpenFrameReader(fd)
	}
	return ring.OpenFrameFile(fmt.Sprintf("/proc/self/fd/%d", fd))
}

// victimWritesFrames writes frames as fast as it can. Its arguments are the path, which may be empty, and its number among the writers.
func victimWritesFrames(b *book, args []string) error {
	id, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	w, err := openWriter(args[0], 4)
	if err != nil {
		return err
	}
	first := uint32(w.Next())
	b.first.Store(first)
	b.started.Store(first)
	b.done.Store(first)
	b.ready.Store(1)
	for {
		n := w.Next()
		b.started.Store(uint32(n) + 1)
		to, err := w.Reserve(sizeOf(n))
		if err != nil {
			return err
		}
		if _, err := w.Publish(fill(to, uint32(id), n), int64(n)); err != nil {
			return err
		}
		b.done.Store(uint32(n) + 1)
		b.steps.Add(1)
		pause(int(n) % 200)
	}
}

// frameReader is a reader in this process, which sleeps when there is nothing.
type frameReader struct {
	r    *ring.FrameReader
	next atomic.Uint64 // the number that it waits for
	torn uint64        // of those, the ones that were overwritten while they were copied
	seen atomic.Uint64
	lost atomic.Uint64
	err  error
	done chan struct{}
	b    [mostFrame]byte

	open  bool   // the first frame is any
	first uint64 // and this was it
}

func startReader(fd int) (*frameReader, error) {
	r, err := openReader(fd)
	if err != nil {
		return nil, err
	}
	f := &frameReader{r: r, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		for f.err == nil {
			if f.err = f.step(context.Background(), 0); f.err == io.EOF {
				f.err = nil // until another writer comes
				sleepShort()
			}
		}
	}()
	return f, nil
}

// step receives one frame and checks it.
func (r *frameReader) step(ctx context.Context, slow int) error {
	f, err := r.r.Next(ctx)
	if err != nil {
		return err
	}
	if r.open {
		r.open, r.first = false, f.Seq-f.Missed
		r.next.Store(r.first)
	}
	next := r.next.Load()
	if f.Seq != next+f.Missed-r.torn {
		return fmt.Errorf("frame %d after %d, %d missed", f.Seq, next, f.Missed)
	}
	pause(slow)
	r.torn = 0
	n, err := f.Copy(r.b[:])
	switch {
	case errors.Is(err, ring.ErrOverwritten):
		r.torn = 1
	case err != nil:
		return err
	default:
		if _, err := verify(r.b[:n], f.Seq); err != nil {
			return err
		}
		if f.Time != int64(f.Seq) {
			return fmt.Errorf("frame %d has the time of frame %d", f.Seq, f.Time)
		}
	}
	s := r.r.Stats()
	if s.Seen+s.Missed != f.Seq+1-r.first || s.Damaged != 0 {
		return fmt.Errorf("after frame %d: %+v", f.Seq, s)
	}
	r.seen.Store(s.Seen)
	r.lost.Store(s.Missed)
	r.next.Store(f.Seq + 1)
	return nil
}

// reach waits until the reader has come to frame n, and tells what it has seen since it was at from.
func (r *frameReader) reach(n uint64) error {
	err := eventually(func() string { return fmt.Sprintf("a reader, which is at %d, comes to frame %d", r.next.Load(), n) }, func() bool {
		select {
		case <-r.done:
			return true
		default:
			return r.next.Load() >= n
		}
	})
	select {
	case <-r.done:
		return fmt.Errorf("a reader ended: %w", r.err)
	default:
		return err
	}
}

func (r *frameReader) stop() error {
	err := r.r.Close()
	<-r.done
	if !errors.Is(r.err, ring.ErrClosed) && r.err != io.EOF {
		err = errors.Join(err, r.err)
	}
	return errors.Join(err, r.r.Unmap())
}

// frameTakeover has readers that live, and writers that are killed.
type frameTakeover struct {
	*lane
	path    string
	ring    *os.File
	readers [2]*frameReader
	wrote   uint64 // frames that are known to be published
}

// frameWriterLane kills writers of a frame ring.
func frameWriterLane(t *testing.T, seed uint64, inFile bool) *lane {
	l := &frameTakeover{lane: newLane(t, "frame ring writers in memory", seed)}
	var w *ring.FrameWriter
	var err error
	if inFile {
		l.kind = "frame ring writers in files"
		l.path = filepath.Join(l.dir, "frames")
		w, err = ring.CreateFrameFile(l.path, frameOptions())
	} else {
		w, err = ring.NewFrameWriter(frameOptions())
	}
	if err != nil {
		t.Fatal(err)
	}
	fd, err := sys.Dup(w.FD())
	if err != nil {
		t.Fatal(err)
	}
	l.ring = os.NewFile(uintptr(fd), "ring")
	if err := w.Unmap(); err != nil {
		t.Fatal(err)
	}
	// The end of that writer is taken back before a reader can see it.
	if w, err = openWriter(l.path, fd); err != nil {
		t.Fatal(err)
	}
	for i := range l.readers {
		if l.readers[i], err = startReader(fd); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.write(w); err != nil {
		t.Fatal(err)
	}
	l.lane.round, l.lane.close = l.kill, l.end
	return l.lane
}

// write publishes a frame, and lets go of the ring without closing it: a writer that closes would tell readers that nothing follows.
func (l *frameTakeover) write(w *ring.FrameWriter) error {
	n := w.Next()
	to, err := w.Reserve(sizeOf(n))
	if err != nil {
		return err
	}
	if _, err := w.Publish(fill(to, 0, n), int64(n)); err != nil {
		return err
	}
	l.wrote = n + 1
	for _, r := range l.readers {
		if err := r.reach(l.wrote); err != nil {
			return err
		}
	}
	return w.Unmap()
}

func (l *frameTakeover) kill() error {
	v, err := l.start("frames", []any{l.path, l.kills + 1}, l.ring)
	if err != nil {
		return err
	}
	<-v.done
	if v.err != nil {
		return v.err
	}
	if l.book.ready.Load() == 0 {
		return nil // the next one repeats its recovery
	}
	// What the writer before had finished is there, and at most one more.
	first, done, started := uint64(l.book.first.Load()), uint64(l.book.done.Load()), uint64(l.book.started.Load())
	l.frames, l.lost = 0, 0
	for _, r := range l.readers {
		l.frames += r.seen.Load()
		l.lost += r.lost.Load()
	}
	if first < l.wrote || first > l.wrote+1 {
		return fmt.Errorf("a writer goes on at frame %d, where %d or one more were published", first, l.wrote)
	}
	l.wrote = done
	if l.rnd.IntN(3) > 0 {
		return nil // the next one recovers, and wakes
	}
	for range 2 { // doing it again changes nothing
		w, err := openWriter(l.path, int(l.ring.Fd()))
		if err != nil {
			return err
		}
		if n := w.Next(); n < done || n > started {
			return fmt.Errorf("recovered to frame %d; %d were published, and %d begun", n, done, started)
		}
		for _, r := range l.readers { // also those whose wake-up died with the writer
			if err := r.reach(w.Next()); err != nil {
				return err
			}
		}
		if err := l.write(w); err != nil {
			return err
		}
		done, started = l.wrote, l.wrote
	}
	return l.newcomer()
}

// newcomer reads what is there from the start.
func (l *frameTakeover) newcomer() error {
	r, err := openReader(int(l.ring.Fd()))
	if err != nil {
		return err
	}
	n := &frameReader{r: r, open: true}
	for err == nil {
		err = n.step(context.Background(), 0)
	}
	if err != io.EOF || n.next.Load() != l.wrote {
		return fmt.Errorf("a new reader comes to frame %d of %d: %w", n.next.Load(), l.wrote, err)
	}
	return r.Unmap()
}

func (l *frameTakeover) end() error {
	var err error
	for _, r := range l.readers {
		err = errors.Join(err, r.stop())
	}
	return errors.Join(err, l.ring.Close())
}

// victimReadsFrames reads frames at its own pace. Its argument is a seed.
func victimReadsFrames(b *book, args []string) error {
	seed, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	rnd := rand.New(rand.NewPCG(uint64(seed), 4))
	r, err := openReader(4)
	if err != nil {
		return err
	}
	b.ready.Store(1)
	f := &frameReader{r: r, open: true}
	for n := uint32(0); ; n++ {
		if err := f.step(context.Background(), rnd.IntN(200)); err != nil {
			return err
		}
		s := r.Stats()
		b.put(record{next: uint32(f.next.Load()), seen: uint32(s.Seen), lost: uint32(s.Missed), first: uint32(f.first)})
		b.steps.Add(1)
	}
}

// frameSupply has a writer and a reader that live, and readers that are killed.
type frameSupply struct {
	*lane
	ring   *os.File
	writer *ring.FrameWriter
	reader *frameReader

	seen, missed uint64 // of the reader, up to the round before
}

// frameReaderLane kills readers of a frame ring.
func frameReaderLane(t *testing.T, seed uint64) *lane {
	l := &frameSupply{lane: newLane(t, "frame ring readers", seed)}
	var err error
	if l.writer, err = ring.NewFrameWriter(frameOptions()); err != nil {
		t.Fatal(err)
	}
	fd, err := sys.Dup(l.writer.FD())
	if err != nil {
		t.Fatal(err)
	}
	l.ring = os.NewFile(uintptr(fd), "ring")
	if l.reader, err = startReader(fd); err != nil {
		t.Fatal(err)
	}
	l.lane.round, l.lane.close = l.kill, l.end
	return l.lane
}

func (l *frameSupply) kill() error {
	v, err := l.start("read", []any{l.rnd.Uint32() >> 1}, l.ring)
	if err != nil {
		return err
	}
	for !v.dead.Load() && err == nil {
		n := l.writer.Next()
		var to []byte
		if to, err = l.writer.Reserve(sizeOf(n)); err == nil {
			_, err = l.writer.Publish(fill(to, 0, n), int64(n))
		}
		if l.book.ready.Load() == 0 || n%8 == 0 {
			sleepShort() // so that readers sleep too
		}
	}
	<-v.done
	if err = errors.Join(err, v.err); err != nil {
		return err
	}
	r := l.book.get()
	if uint64(r.next) > l.writer.Next() || r.seen+r.lost != r.next-r.first {
		return fmt.Errorf("a reader has seen %d frames and missed %d, from %d to %d of %d", r.seen, r.lost, r.first, r.next, l.writer.Next())
	}
	err = l.reader.reach(l.writer.Next())
	l.frames += uint64(r.seen) + l.reader.seen.Load() - l.seen
	l.lost += uint64(r.lost) + l.reader.lost.Load() - l.missed
	l.seen, l.missed = l.reader.seen.Load(), l.reader.lost.Load()
	return err
}

func (l *frameSupply) end() error {
	err := l.reader.stop()
	return errors.Join(err, l.writer.Unmap(), l.ring.Close())
}
