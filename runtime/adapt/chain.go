package adapt

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"net"

	"github.com/poolgen/poolgen/runtime/pool"
)

// Chain is a stream of bytes in blocks of a pool: what is written at its end is read at its beginning. It is for one goroutine at a time.
type Chain struct {
	pool   *pool.Pool
	bufs   []pool.Buf // from head on they are owned
	head   int
	offset int  // bytes of the first block that were read
	length int  // bytes that can be read
	own    bool // the last block came from the pool for us, so there may be room in it
	vec    net.Buffers
	rest   net.Buffers // what writev has not taken of vec
	closed bool
}

var (
	_ io.ReadWriteCloser = (*Chain)(nil)
	_ io.ReaderFrom      = (*Chain)(nil)
	_ io.WriterTo        = (*Chain)(nil)
)

// maxEmptyReads is how often a reader may return nothing.
const maxEmptyReads = 100

// ErrClosed says that a chain was closed.
var ErrClosed = errors.New("chain is closed")

// NewChain makes an empty chain that takes the blocks it needs from p. A chain with a nil p takes only what Append gives it.
func NewChain(p *pool.Pool) *Chain { return &Chain{pool: p} }

// Len is the number of bytes that can be read.
func (c *Chain) Len() int { return c.length }

// Append puts the bytes of b, up to its Len, at the end. The caller's reference is the chain's from then on, also if Append fails, and b is only
// read.
func (c *Chain) Append(b pool.Buf) error {
	n := b.Len()
	if c.closed || n == 0 {
		b.Release()
		if c.closed {
			return fmt.Errorf("adapt: appending to a chain: %w", ErrClosed)
		}
		return nil
	}
	c.trim()
	c.push(b)
	c.own = false
	c.length += n
	return nil
}

// Write copies p to the end. It returns how much there was room for, and the pool's error if that is less than all.
func (c *Chain) Write(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		room, err := c.room()
		if err != nil {
			return n, fmt.Errorf("adapt: writing to a chain: %w", err)
		}
		m := copy(room, p[n:])
		c.grow(m)
		n += m
	}
	return n, nil
}

// ReadFrom reads from r into blocks, until r ends, fails, or the pool has no block.
func (c *Chain) ReadFrom(r io.Reader) (n int64, err error) {
	defer c.trim()
	for empty := 0; empty < maxEmptyReads; {
		room, err := c.room()
		if err != nil {
			return n, fmt.Errorf("adapt: reading into a chain: %w", err)
		}
		m, err := r.Read(room)
		if m < 0 || m > len(room) {
			return n, fmt.Errorf("adapt: reading into a chain: the reader says that it has read %d of %d bytes", m, len(room))
		}
		c.grow(m)
		n += int64(m)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		empty++
		if m > 0 {
			empty = 0
		}
	}
	return n, io.ErrNoProgress
}

// Read copies from the beginning, and gives back the blocks that were read to their end. It returns io.EOF when nothing is there.
func (c *Chain) Read(p []byte) (int, error) {
	if c.closed {
		return 0, fmt.Errorf("adapt: reading a chain: %w", ErrClosed)
	}
	n := 0
	for n < len(p) && c.length > 0 {
		m := copy(p[n:], c.first())
		c.advance(m)
		n += m
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// WriteTo writes all that can be read to w, by writev if w is a connection of package net. What w has not taken stays in the chain.
func (c *Chain) WriteTo(w io.Writer) (int64, error) {
	if c.closed {
		return 0, fmt.Errorf("adapt: reading a chain: %w", ErrClosed)
	}
	c.vec = c.Buffers(c.vec[:0])
	c.rest = c.vec // writing moves it on and clears what it leaves
	n, err := c.rest.WriteTo(w)
	c.rest = nil
	if n < 0 || n > int64(c.length) {
		return n, fmt.Errorf("adapt: the writer says that it has written %d of %d bytes", n, c.length)
	}
	want := int64(c.length)
	c.Discard(int(n))
	if err == nil && n < want {
		err = io.ErrShortWrite
	}
	return n, err
}

// Discard skips up to n bytes, and returns how many there were.
func (c *Chain) Discard(n int) int {
	skipped := 0
	for n > 0 && c.length > 0 {
		m := min(n, len(c.first()))
		c.advance(m)
		n -= m
		skipped += m
	}
	return skipped
}

// Blocks goes through what can be read, a block at a time, and leaves it there. The chain is not to be changed meanwhile.
func (c *Chain) Blocks() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		offset := c.offset
		for _, b := range c.bufs[c.head:] {
			if piece := b.Bytes()[offset:]; len(piece) > 0 && !yield(piece[:len(piece):len(piece)]) {
				return
			}
			offset = 0
		}
	}
}

// Buffers appends what can be read to v, for writev, and leaves it in the chain.
func (c *Chain) Buffers(v net.Buffers) net.Buffers {
	for b := range c.Blocks() {
		v = append(v, b)
	}
	return v
}

// Close gives the blocks back. The second call does nothing.
func (c *Chain) Close() error {
	for _, b := range c.bufs[c.head:] {
		b.Release()
	}
	*c = Chain{closed: true}
	return nil
}

// first is what can be read of the first block.
func (c *Chain) first() []byte { return c.bufs[c.head].Bytes()[c.offset:] }

// advance skips bytes of the first block.
func (c *Chain) advance(n int) {
	c.offset += n
	c.length -= n
	b := c.bufs[c.head]
	if c.offset < b.Len() {
		return
	}
	c.offset = 0
	c.bufs[c.head] = pool.Buf{}
	c.head++
	if c.head == len(c.bufs) {
		c.bufs, c.head, c.own = c.bufs[:0], 0, false
	}
	b.Release()
}

// room is where the next bytes go.
func (c *Chain) room() ([]byte, error) {
	if c.closed {
		return nil, ErrClosed
	}
	if c.own {
		if b := c.bufs[len(c.bufs)-1]; b.Len() < b.Cap() {
			return b.Bytes()[b.Len():b.Cap()], nil
		}
	}
	if c.pool == nil {
		return nil, errors.New("it has no pool: give NewChain one")
	}
	b, err := c.pool.Get()
	if err != nil {
		return nil, err
	}
	b.SetLen(0)
	c.push(b)
	c.own = true
	return b.Bytes()[:b.Cap()], nil
}

// grow says that n bytes of room were filled.
func (c *Chain) grow(n int) {
	if n > 0 {
		b := c.bufs[len(c.bufs)-1]
		b.SetLen(b.Len() + n)
		c.length += n
	}
}

// trim gives a block back that nothing was put into.
func (c *Chain) trim() {
	if last := len(c.bufs) - 1; c.own && last >= c.head && c.bufs[last].Len() == 0 {
		c.bufs[last].Release()
		c.bufs[last] = pool.Buf{}
		c.bufs, c.own = c.bufs[:last], false
	}
}

// push adds a block, in the place of those that were read where that saves growing.
func (c *Chain) push(b pool.Buf) {
	if c.head > 0 && len(c.bufs) == cap(c.bufs) {
		n := copy(c.bufs, c.bufs[c.head:])
		clear(c.bufs[n:])
		c.bufs, c.head = c.bufs[:n], 0
	}
	c.bufs = append(c.bufs, b)
}
