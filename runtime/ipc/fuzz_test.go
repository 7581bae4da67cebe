package ipc

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/runtime/pool"
)

// FuzzChannelHead opens memory that begins with anything: what is taken has the size that its head says.
func FuzzChannelHead(f *testing.F) {
	c, err := newChannel(4, 8)
	if err != nil {
		f.Fatal(err)
	}
	good := make([]byte, channelSize(4, 8))
	if _, err := syscall.Pread(c.fd, good, 0); err != nil {
		f.Fatal(err)
	}
	if err := c.close(); err != nil {
		f.Fatal(err)
	}
	f.Add(good[:16], len(good))
	f.Add(good[:16], len(good)-1)
	f.Add(good[:64], slotsOffset)
	f.Add(binary.LittleEndian.AppendUint32(append([]byte{}, good[:8]...), 1<<31), len(good))
	f.Fuzz(func(t *testing.T, head []byte, size int) {
		if size <= 0 || size > 1<<20 || len(head) > size {
			return
		}
		fd, err := sys.Memfd("fuzz", size)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := syscall.Pwrite(fd, head, 0); err != nil {
			t.Fatal(err)
		}
		c, err := openChannel(fd)
		if err != nil {
			if !errors.Is(err, ErrProtocol) {
				t.Errorf("openChannel: %v", err)
			}
			return
		}
		if channelSize(len(c.slots), len(c.back)) != size || 1<<c.shift != len(c.slots) || len(c.slots) == 0 || len(c.back) == 0 {
			t.Errorf("%d slots, %d returns, shift %d in %d bytes", len(c.slots), len(c.back), c.shift, size)
		}
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
}

// FuzzChannel has each of three bytes be a step: publish, receive, release, or write anything anywhere into the channel. Whatever the
// memory says, calls return, frames lie in the arena, and in the end no block is lost.
func FuzzChannel(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0})
	f.Add([]byte{0, 0, 0, 3, 128 / 4, 9, 1, 0, 0, 3, 64, 255, 0, 0, 0, 1, 0, 0})                // the end that the publisher has written, a returned count
	f.Add([]byte{0, 0, 0, 3, 128, 3, 1, 0, 0, 3, 129, 77, 0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 65, 1}) // a slot's word and its block
	f.Add([]byte{0, 0, 0, 0, 0, 0, 1, 0, 0, 3, 192, 5, 2, 0, 0, 0, 0, 0, 3, 64, 200, 0, 0, 0})  // a name that is given back
	f.Fuzz(func(t *testing.T, steps []byte) {
		p, err := pool.New(64, pool.Options{Max: 6, Shared: true})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "s")
		s, err := Listen(path, p, PublisherOptions{Slots: 4})
		if err != nil {
			t.Fatal(err)
		}
		policy := Policy(len(steps) % 4)
		sub, err := Subscribe(t.Context(), path, SubscriberOptions{Policy: policy})
		if err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		ours := s.subs[0].c
		words := unsafe.Slice((*atomic.Uint32)(ours.m.Base()), channelSize(4, 8)/4)
		ours.hold()
		s.mu.Unlock()
		var frames []Frame
		soon := func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), time.Millisecond)
		}
		for ; len(steps) >= 3 && len(frames) < 64; steps = steps[3:] {
			switch steps[0] % 4 {
			case 0:
				b, ok := p.Take()
				if !ok {
					s.Collect()
					continue
				}
				ctx, cancel := soon()
				_, err := s.Publish(ctx, b, Meta{})
				cancel()
				b.Release()
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Publish: %v", err)
				}
			case 1:
				ctx, cancel := soon()
				f, err := sub.Receive(ctx)
				cancel()
				switch {
				case err == nil:
					at := uintptr(f.Buf.Pointer()) - uintptr(sub.arena.Base())
					if at == 0 || at+uintptr(f.Buf.Len()) > uintptr(sub.arena.Size()) {
						t.Errorf("a frame of %d bytes at %d in an arena of %d", f.Buf.Len(), at, sub.arena.Size())
					}
					frames = append(frames, f)
				case !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrGone) && !errors.Is(err, io.EOF) &&
					!errors.Is(err, pool.ErrLimit):
					t.Errorf("Receive: %v", err)
				}
			case 2:
				if len(frames) > 0 {
					frames[0].Buf.Release()
					frames = frames[1:]
				}
			case 3:
				words[int(steps[1])%len(words)].Store(uint32(int8(steps[2])))
			}
		}
		for _, f := range frames {
			f.Buf.Release()
		}
		if err := sub.Close(); err != nil {
			t.Errorf("closing the subscriber: %v", err)
		}
		s.mu.Lock()
		ours.drop()
		s.mu.Unlock()
		closeNow(t, s)
		if n := p.Stats().Outstanding; n != 0 {
			t.Errorf("%d blocks are out", n)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}
