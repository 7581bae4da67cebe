package adapt_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/poolgen/poolgen/runtime/adapt"
	"github.com/poolgen/poolgen/runtime/pool"
)

const capacity = 100

// blocks is a pool that must have all its blocks back at the end.
func blocks(t testing.TB, most int) *pool.Pool {
	t.Helper()
	p, err := pool.New(capacity, pool.Options{Name: "blocks", Max: most})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func shut(t testing.TB, c *adapt.Chain) {
	t.Helper()
	if err := errors.Join(c.Close(), c.Close()); err != nil {
		t.Error(err)
	}
}

// TestChainAgainstBuffer does at random what a bytes.Buffer does too.
func TestChainAgainstBuffer(t *testing.T) {
	p := blocks(t, 64)
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		c, want := adapt.NewChain(p), new(bytes.Buffer)
		for range 200 {
			data := make([]byte, random.IntN(300))
			for i := range data {
				data[i] = byte(random.Uint32())
			}
			if want.Len() > 3000 {
				data = data[:0]
			}
			switch random.IntN(7) {
			case 0:
				if n, err := c.Write(data); n != len(data) || err != nil {
					t.Fatal(n, err)
				}
				want.Write(data)
			case 1:
				if n, err := c.ReadFrom(iotest.OneByteReader(bytes.NewReader(data))); n != int64(len(data)) || err != nil {
					t.Fatal(n, err)
				}
				want.Write(data)
			case 2:
				b, err := p.Get()
				if err != nil {
					t.Fatal(err)
				}
				b.SetLen(copy(b.Bytes(), data))
				want.Write(b.Bytes())
				if err := c.Append(b); err != nil {
					t.Fatal(err)
				}
			case 3:
				got, expected := make([]byte, random.IntN(400)), make([]byte, 400)
				n, err := c.Read(got)
				m, err2 := want.Read(expected[:len(got)])
				if n != m || !bytes.Equal(got[:n], expected[:m]) || !errors.Is(err, err2) {
					t.Fatalf("read %d, %v, want %d, %v", n, err, m, err2)
				}
			case 4:
				if n := random.IntN(200); c.Discard(n) != len(want.Next(n)) {
					t.Fatal("skipped another number")
				}
			case 5:
				var seen []byte
				for piece := range c.Blocks() {
					if len(piece) == 0 || cap(piece) != len(piece) {
						t.Fatalf("a piece of %d bytes, %d with its room", len(piece), cap(piece))
					}
					seen = append(seen, piece...)
				}
				if !bytes.Equal(seen, want.Bytes()) {
					t.Fatal("the blocks hold something else")
				}
			case 6:
				var out bytes.Buffer
				w := io.Writer(&out)
				most := -1
				if random.IntN(2) == 0 {
					most = random.IntN(300)
					w = &limited{&out, most}
				}
				n, err := c.WriteTo(w)
				if int(n) != out.Len() || (err != nil) != (most >= 0 && most < want.Len()) || !bytes.Equal(out.Bytes(), want.Next(int(n))) {
					t.Fatalf("wrote %d, %v, to %d, with %d left", n, err, most, want.Len())
				}
			}
			if c.Len() != want.Len() {
				t.Fatalf("%d bytes, want %d", c.Len(), want.Len())
			}
		}
		shut(t, c)
	}
}

// limited takes so many bytes and then no more.
type limited struct {
	w    io.Writer
	most int
}

func (l *limited) Write(p []byte) (int, error) {
	n, err := l.w.Write(p[:min(len(p), l.most)])
	l.most -= n
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}

func TestChainIsAReader(t *testing.T) {
	p := blocks(t, 64)
	text := strings.Repeat("what is written is read. ", 60)
	c := adapt.NewChain(p)
	defer shut(t, c)
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(c, []byte(text)); err != nil {
		t.Error(err)
	}
	if n := p.Stats().Outstanding; n != 0 {
		t.Errorf("%d blocks are out, and all was read", n)
	}
}

func TestChainRefusals(t *testing.T) {
	p := blocks(t, 3)
	c := adapt.NewChain(p)
	if n, err := c.Write(make([]byte, 5*capacity)); n != 3*capacity || !errors.Is(err, pool.ErrLimit) {
		t.Errorf("wrote %d: %v", n, err)
	}
	if n, err := c.ReadFrom(strings.NewReader("more")); n != 0 || !errors.Is(err, pool.ErrLimit) {
		t.Errorf("read %d: %v", n, err)
	}
	if n := c.Discard(3*capacity + 1); n != 3*capacity {
		t.Errorf("skipped %d", n)
	}
	broken := errors.New("broken")
	for _, r := range []io.Reader{iotest.ErrReader(broken), iotest.DataErrReader(iotest.ErrReader(broken))} {
		if _, err := c.ReadFrom(r); !errors.Is(err, broken) {
			t.Error(err)
		}
	}
	for _, n := range []int{-1, 1 << 20} {
		if _, err := c.ReadFrom(liar(n)); err == nil || !strings.Contains(err.Error(), "says that it has read") {
			t.Errorf("a reader that says %d: %v", n, err)
		}
	}
	if _, err := c.ReadFrom(liar(0)); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
	if n := p.Stats().Outstanding; n != 0 {
		t.Errorf("%d blocks are out for nothing", n)
	}
	shut(t, c)
	if _, err := c.Write([]byte{1}); !errors.Is(err, adapt.ErrClosed) {
		t.Error(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, adapt.ErrClosed) {
		t.Error(err)
	}
	if _, err := c.WriteTo(io.Discard); !errors.Is(err, adapt.ErrClosed) {
		t.Error(err)
	}
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Append(b); !errors.Is(err, adapt.ErrClosed) || b.Valid() {
		t.Errorf("%v, and the buffer is still ours: %v", err, b.Valid())
	}
	none := adapt.NewChain(nil)
	if _, err := none.Write([]byte{1}); err == nil || !strings.Contains(err.Error(), "NewChain") {
		t.Error(err)
	}
}

// liar returns a number that it has not read.
type liar int

func (l liar) Read([]byte) (int, error) { return int(l), nil }

// A block that was given is read only: another may read it too.
func TestChainLeavesGivenBlocksAlone(t *testing.T) {
	p := blocks(t, 4)
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	b.SetLen(copy(b.Bytes(), "given"))
	c := adapt.NewChain(p)
	if err := c.Append(b.Retain()); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, " and more"); err != nil {
		t.Fatal(err)
	}
	if string(b.Bytes()) != "given" || bytes.Contains(b.Bytes()[:b.Cap()], []byte("more")) {
		t.Errorf("the given block holds %q", b.Bytes()[:20])
	}
	if all, err := io.ReadAll(c); string(all) != "given and more" || err != nil {
		t.Errorf("%q, %v", all, err)
	}
	shut(t, c)
	b.Release()
}

// A connection takes the blocks by writev, and nothing is allocated.
func TestChainOverSocket(t *testing.T) {
	p := blocks(t, 64)
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	received := make(chan []byte, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			received <- nil
			return
		}
		defer conn.Close()
		in := adapt.NewChain(p)
		defer in.Close()
		_, _ = in.ReadFrom(io.LimitReader(conn, 2500))
		all, _ := io.ReadAll(in)
		received <- all
		for b := make([]byte, 4096); err == nil; {
			_, err = conn.Read(b)
		}
	}()
	conn, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := adapt.NewChain(p)
	defer shut(t, c)
	data := make([]byte, 2500)
	for i := range data {
		data[i] = byte(i * 7)
	}
	round := func() {
		if _, err := c.Write(data); err != nil {
			t.Fatal(err)
		}
		if n, err := c.WriteTo(conn); n != 2500 || err != nil {
			t.Fatal(n, err)
		}
	}
	round()
	if got := <-received; !bytes.Equal(got, data) {
		t.Errorf("%d bytes came, or others", len(got))
	}
	if n := testing.AllocsPerRun(20, round); n != 0 && !checked {
		t.Errorf("%v allocations a round", n)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}
