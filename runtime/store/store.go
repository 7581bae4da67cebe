package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"

	"github.com/poolgen/poolgen/runtime/pool"
)

// Store keeps frames in up to three tiers. Its methods may be called from any goroutine.
type Store struct {
	hot     hot
	disk    *catalog // nil in memory alone
	writer  writer
	mover   mover
	sender  sender
	loading sync.WaitGroup
	slots   chan struct{} // for those who read from disk
	far     chan struct{} // and from the bucket
	ending  sync.Once
}

// Frame is a frame that Get or Range found: a reference to its block, which the caller releases.
type Frame struct {
	Buf  pool.Buf // Len bytes of it are the frame; read-only, because others may have it too
	ID   ID
	Time int64 // as it was given to Put
}

// Bytes is the frame, valid until Release. It is read-only.
func (f Frame) Bytes() []byte { return f.Buf.Bytes() }

// Release gives the caller's reference back.
func (f Frame) Release() { f.Buf.Release() }

// Open makes a store, with what its folder holds. The caller owns it and calls Close. On a disk that is read-only the store is too, see
// [Recovery]. The error wraps ErrBusy if another store has the folder.
func Open(o Options) (*Store, error) {
	o, err := o.normal()
	if err != nil {
		return nil, err
	}
	if o.fs == nil && o.Dir == "" {
		s := &Store{}
		s.hot.init(o, 1)
		return s, nil
	}
	s, err := openStore(o)
	if errors.Is(err, syscall.EROFS) && !o.ReadOnly {
		o.ReadOnly = true
		if r, e := openStore(o); e == nil {
			r.disk.report.ReadOnly = err
			return r, nil
		}
	}
	return s, err
}

func openStore(o Options) (*Store, error) {
	if o.fs == nil {
		var err error
		if o.fs, err = openFolder(o.Dir, o.ReadOnly); err != nil {
			return nil, fmt.Errorf("opening store: %w", err)
		}
	}
	s := &Store{}
	if err := s.start(o); err != nil {
		o.fs.Close()
		return nil, fmt.Errorf("opening store: %w", err)
	}
	return s, nil
}

// start recovers what the folder holds and starts the goroutines.
func (s *Store) start(o Options) (err error) {
	d := &catalog{fs: o.fs, crc: newChecksum(), pool: o.Pool, pinVersion: 1, readOnly: o.ReadOnly, bucket: o.Bucket}
	d.ctx, d.cancel = context.WithCancelCause(context.Background())
	defer func() {
		if err != nil {
			d.cancel(err)
		}
	}()
	number, first, err := d.recover()
	if err != nil {
		return err
	}
	if !o.ReadOnly {
		if _, err := d.begin(number, first); err != nil {
			return fmt.Errorf("beginning a segment: %w", err)
		}
	}
	if d.zstd, err = newDecoder(); err != nil {
		return err
	}
	s.disk = d
	s.hot.init(o, first)
	s.slots, s.far = make(chan struct{}, loaders), make(chan struct{}, loaders)
	if o.ReadOnly {
		s.hot.refuse = ErrReadOnly
		return nil
	}
	s.writer = writer{
		d: d, number: number, segment: o.Segment, flush: o.Flush,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	s.mover = mover{
		d: d, hot: &s.hot, warm: o.Warm, segment: o.Segment, keep: o.Keep,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	if o.Bucket != nil {
		s.sender = sender{d: d, mover: &s.mover, wake: make(chan struct{}, 1), done: make(chan struct{})}
		s.mover.sender = &s.sender
		go s.send()
	}
	go s.write()
	go s.move()
	return nil
}

// Close writes what is not on disk, once, and gives back what the store holds. The error tells how many frames could not be written.
// Closing again does nothing; while another Close is at work it waits for that one, so it must not be called by what is told of a block's release.
func (s *Store) Close() (err error) {
	s.ending.Do(func() { err = s.end() })
	return err
}

func (s *Store) end() error {
	h := &s.hot
	h.mu.Lock()
	h.closed, h.refuse = true, ErrClosed
	h.mu.Unlock()
	var err error
	if s.disk != nil {
		s.disk.cancel(ErrClosed)
	}
	if s.sender.done != nil {
		<-s.sender.done
	}
	if s.writer.stop != nil {
		close(s.writer.stop)
		<-s.writer.done
		close(s.mover.stop)
		<-s.mover.done
	}
	s.loading.Wait()
	var left []pool.Buf
	h.mu.Lock()
	h.stopped = true
	close(h.progress)
	h.progress = make(chan struct{})
	if lost := int(h.next-max(h.flight, h.tail)) + len(h.batch); lost > 0 {
		err = fmt.Errorf("closing store: %d frames are not on disk: %w", lost, h.err)
	}
	for b, ok := h.loaded.oldest(h); ok; b, ok = h.loaded.oldest(h) {
		left = append(left, b)
	}
	for h.tail != h.next {
		left = append(left, h.pop())
	}
	for _, f := range h.batch {
		left = append(left, f.buf)
	}
	h.batch, h.used = nil, 0
	h.mu.Unlock()
	for _, b := range left {
		b.Release()
	}
	if s.disk != nil {
		err = errors.Join(err, s.disk.close())
	}
	return err
}
