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
	blocks []block // from head on they are owned
	head   int
	offset int  // bytes of the first block that were read
	length int  // bytes that can be read
	own    bool // the last block came from the pool for us, so there may be room in it
	vec    net.Buffers
	rest   net.Buffers // what writev has not taken of vec
	closed bool
}

// block has the first n bytes of a buffer, whatever becomes of the buffer's Len, which who gave it may still set.
type block struct {
	pool.Buf
	n int
}

func (b block) bytes() []byte { return b.Bytes()[:b.n:b.n] }

var (
	_ io.ReadWriteCloser = (*Chain)(nil)
	_ io.ReaderFrom      = (*Chain)(nil)
	_ io.WriterTo        = (*Chain)(nil)
)

// maxEmptyReads is how often a reader may return nothing.
const maxEmptyReads = 100

// ErrClosed says that a chain was closed.
var ErrClosed = errors.New("chain is closed")

var errSelf = errors.New("adapt: a chain cannot be read into itself")

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
	c.push(block{b, n})
	c.own = false
	c.length += n
	return nil
}

// Write copies p to the end. It returns how much there was room for, and the pool's error if that is less than all.
func (c *Chain) Write(p []byte) (int, error) {
	if c.closed {
		return 0, fmt.Errorf("adapt: writing to a chain: %w", ErrClosed)
	}
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

// ReadFrom reads from r into blocks, until r returns io.EOF, fails, or the pool has no block; then what was read so far is in the chain, and to go
// on later loses nothing. Where r ends just as the last block is full, that is no failure if r returns io.EOF to a Read of no bytes.
func (c *Chain) ReadFrom(r io.Reader) (n int64, err error) {
	if r == io.Reader(c) {
		return 0, errSelf
	}
	defer c.trim()
	for empty := 0; empty < maxEmptyReads; empty++ {
		room, err := c.room()
		if err != nil {
			if m, end := r.Read(nil); m == 0 && end == io.EOF && n > 0 {
				return n, nil
			}
			return n, fmt.Errorf("adapt: reading into a chain: %w", err)
		}
		m, end := r.Read(room)
		if m < 0 || m > len(room) {
			return n, fmt.Errorf("adapt: reading into a chain: the reader says that it has read %d of %d bytes", m, len(room))
		}
		c.grow(m)
		n += int64(m)
		if end == io.EOF { // and nothing that wraps it, as in io.Copy: that is a failure
			return n, nil
		}
		if end != nil {
			return n, end
		}
		if m > 0 {
			empty = -1
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

// WriteTo writes all that can be read to w, by writev if w is a *net.TCPConn or a *net.UnixConn, else a block at a time. What w has not taken stays in
// the chain.
func (c *Chain) WriteTo(w io.Writer) (n int64, err error) {
	if c.closed {
		return 0, fmt.Errorf("adapt: reading a chain: %w", ErrClosed)
	}
	if w == io.Writer(c) {
		return 0, errSelf
	}
	switch w.(type) {
	case *net.TCPConn, *net.UnixConn:
		return c.writev(w)
	}
	for c.length > 0 && err == nil {
		piece := c.first()
		var m int
		m, err = w.Write(piece)
		if m < 0 || m > len(piece) {
			return n, fmt.Errorf("adapt: writing a chain: the writer says that it has written %d of %d bytes", m, len(piece))
		}
		if err == nil && m < len(piece) {
			err = io.ErrShortWrite
		}
		c.advance(m)
		n += int64(m)
	}
	return n, err
}

// writev is WriteTo for what net.Buffers writes to in one system call, and which only it knows.
func (c *Chain) writev(w io.Writer) (int64, error) {
	c.vec = c.Buffers(c.vec[:0])
	c.rest = c.vec // writing moves it on
	n, err := c.rest.WriteTo(w)
	clear(c.vec)
	c.rest = nil
	c.Discard(int(n))
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
		for _, b := range c.blocks[c.head:] {
			if !yield(b.bytes()[offset:]) {
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
	left := c.blocks[c.head:]
	*c = Chain{closed: true}
	for _, b := range left {
		b.Release()
	}
	return nil
}

// first is what can be read of the first block.
func (c *Chain) first() []byte { return c.blocks[c.head].bytes()[c.offset:] }

// advance skips bytes of the first block.
func (c *Chain) advance(n int) {
	c.offset += n
	c.length -= n
	b := c.blocks[c.head]
	if c.offset < b.n {
		return
	}
	c.offset = 0
	c.blocks[c.head] = block{}
	c.head++
	if c.head == len(c.blocks) {
		c.blocks, c.head, c.own = c.blocks[:0], 0, false
	}
	b.Release()
}

// room is where the next bytes go.
func (c *Chain) room() ([]byte, error) {
	if c.closed {
		return nil, ErrClosed
	}
	if c.own {
		if b := c.blocks[len(c.blocks)-1]; b.n < b.Cap() {
			return b.Bytes()[b.n:b.Cap()], nil
		}
	}
	if c.pool == nil {
		return nil, errors.New("it has no pool: give NewChain one")
	}
	b, err := c.pool.Get()
	if err != nil {
		return nil, err
	}
	c.push(block{b, 0})
	c.own = true
	return b.Bytes()[:b.Cap()], nil
}

// grow says that n bytes of room were filled.
func (c *Chain) grow(n int) {
	if n > 0 {
		c.blocks[len(c.blocks)-1].n += n
		c.length += n
	}
}

// trim gives a block back that nothing was put into: there is none but while ReadFrom runs.
func (c *Chain) trim() {
	if last := len(c.blocks) - 1; c.own && c.blocks[last].n == 0 {
		b := c.blocks[last]
		c.blocks[last] = block{}
		c.blocks, c.own = c.blocks[:last], false
		b.Release()
	}
}

// push adds a block, in the place of those that were read where they are at least half.
func (c *Chain) push(b block) {
	if c.head > len(c.blocks)/2 && len(c.blocks) == cap(c.blocks) {
		n := copy(c.blocks, c.blocks[c.head:])
		clear(c.blocks[n:])
		c.blocks, c.head = c.blocks[:n], 0
	}
	c.blocks = append(c.blocks, b)
}
