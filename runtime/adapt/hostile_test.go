package adapt_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/poolgen/poolgen/runtime/adapt"
)

// filled is a chain of n bytes, and the bytes.
func filled(t testing.TB, n, most int) (*adapt.Chain, []byte) {
	t.Helper()
	c := adapt.NewChain(blocks(t, most))
	t.Cleanup(func() { shut(t, c) })
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i*7 + i/251)
	}
	if m, err := c.Write(data); m != n || err != nil {
		t.Fatal(m, err)
	}
	return c, data
}

// taker takes what it is told to, call by call, and says what it is told to.
type taker struct {
	got   bytes.Buffer
	calls []taken
}

type taken struct {
	takes, says int // -100 is all
	err         error
}

func (w *taker) Write(p []byte) (int, error) {
	if len(w.calls) == 0 {
		return w.got.Write(p)
	}
	c := w.calls[0]
	w.calls = w.calls[1:]
	if c.takes == -100 {
		c.takes, c.says = len(p), len(p)
	}
	w.got.Write(p[:c.takes])
	return c.says, c.err
}

// Whatever a writer takes and says, what it has not said to have taken stays, and goes out next.
func TestWriteToFaultyWriters(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name  string
		calls []taken
		n     int
		want  error
		text  string
	}{
		{"nothing and no error", []taken{{0, 0, nil}}, 0, io.ErrShortWrite, ""},
		{"a part and no error", []taken{{-100, 0, nil}, {30, 30, nil}}, 130, io.ErrShortWrite, ""},
		{"a part and an error", []taken{{-100, 0, nil}, {30, 30, broken}}, 130, broken, ""},
		{"all and an error", []taken{{-100, 0, nil}, {-100, 0, broken}}, 200, broken, ""},
		{"less than nothing", []taken{{-100, 0, nil}, {0, -1, nil}}, 100, nil, "written -1 of 100"},
		{"less than nothing, with an error", []taken{{0, -50, broken}}, 0, nil, "written -50 of 100"},
		{"more than there was", []taken{{-100, 0, nil}, {0, 101, nil}}, 100, nil, "written 101 of 100"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, data := filled(t, 350, 8)
			w := &taker{calls: test.calls}
			n, err := c.WriteTo(w)
			if int(n) != test.n || test.want != nil && !errors.Is(err, test.want) || err == nil || !strings.Contains(err.Error(), test.text) {
				t.Errorf("%d, %v", n, err)
			}
			if c.Len() != len(data)-test.n {
				t.Errorf("%d bytes are left of %d, %d were taken", c.Len(), len(data), test.n)
			}
			if m, err := c.WriteTo(w); int(m) != len(data)-test.n || err != nil || !bytes.Equal(w.got.Bytes(), data) {
				t.Errorf("%d more, %v; %d bytes came, or others", m, err, w.got.Len())
			}
		})
	}
}

// Blocks go back as they are written, not at the end.
func TestWriteToReleases(t *testing.T) {
	p := blocks(t, 5)
	c := adapt.NewChain(p)
	defer shut(t, c)
	if _, err := c.Write(make([]byte, 5*capacity)); err != nil {
		t.Fatal(err)
	}
	var out []int
	if _, err := c.WriteTo(writer(func(b []byte) (int, error) { out = append(out, p.Stats().Outstanding); return len(b), nil })); err != nil {
		t.Error(err)
	}
	if fmt.Sprint(out) != "[5 4 3 2 1]" {
		t.Errorf("blocks that were out at each write: %v", out)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

type reader func([]byte) (int, error)

func (r reader) Read(b []byte) (int, error) { return r(b) }

// A program's own connection is written to by its Write, although the one within could do writev: it may count, or encrypt.
type counted struct {
	*net.UnixConn
	bytes int
}

func (c *counted) Write(b []byte) (int, error) {
	c.bytes += len(b)
	return len(b), nil
}

func TestWriteToOwnConnection(t *testing.T) {
	c, data := filled(t, 350, 8)
	w := &counted{UnixConn: new(net.UnixConn)}
	if n, err := c.WriteTo(w); int(n) != len(data) || err != nil || w.bytes != len(data) {
		t.Errorf("wrote %d, %v, and Write had %d", n, err, w.bytes)
	}
}

// An error that wraps io.EOF is a failure, as it is to io.Copy.
func TestReadFromWrappedEOF(t *testing.T) {
	c, _ := filled(t, 0, 4)
	cut := fmt.Errorf("the connection was cut: %w", io.EOF)
	if n, err := c.ReadFrom(reader(func([]byte) (int, error) { return 5, cut })); n != 5 || err != cut || c.Len() != 5 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// All blocks are filled to the last byte, and there is no other for the end to be read into.
func TestReadFromFillsThePool(t *testing.T) {
	text := strings.Repeat("0123456789", 3*capacity/10)
	for name, r := range map[string]io.Reader{
		"strings.Reader": strings.NewReader(text),
		"LimitedReader":  io.LimitReader(iotest.OneByteReader(strings.NewReader(text+"more")), int64(len(text))),
		"DataErrReader":  iotest.DataErrReader(strings.NewReader(text)),
	} {
		c, _ := filled(t, 0, 3)
		if n, err := c.ReadFrom(r); int(n) != len(text) || err != nil {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		if all, err := io.ReadAll(c); string(all) != text || err != nil {
			t.Errorf("%s: %d bytes, %v", name, len(all), err)
		}
	}
	// One more byte does not fit. It is not lost: it comes once there is room.
	c, _ := filled(t, 0, 3)
	r := strings.NewReader(text + "+")
	if n, err := c.ReadFrom(r); int(n) != len(text) || err == nil || r.Len() != 1 {
		t.Errorf("%d bytes, %v, %d left", n, err, r.Len())
	}
	c.Discard(capacity)
	if n, err := c.ReadFrom(r); n != 1 || err != nil || c.Len() != 2*capacity+1 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// Each way that readers have to return the same.
func TestReadFromReaders(t *testing.T) {
	data := bytes.Repeat([]byte("some bytes that are read. "), 50)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"as it is":            func(r io.Reader) io.Reader { return r },
		"one byte":            iotest.OneByteReader,
		"half":                iotest.HalfReader,
		"data with the error": func(r io.Reader) io.Reader { return iotest.DataErrReader(iotest.HalfReader(r)) },
		"nothing now and then": func(r io.Reader) io.Reader {
			n := 0
			return reader(func(b []byte) (int, error) {
				if n++; n%90 != 0 {
					return 0, nil
				}
				return r.Read(b[:min(len(b), 100)])
			})
		},
	} {
		c, _ := filled(t, 0, 20)
		if n, err := c.ReadFrom(wrap(bytes.NewReader(data))); int(n) != len(data) || err != nil {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		if err := iotest.TestReader(c, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, _ := filled(t, 0, 20)
	r := iotest.TimeoutReader(iotest.HalfReader(bytes.NewReader(data)))
	n, err := c.ReadFrom(r)
	if !errors.Is(err, iotest.ErrTimeout) || n == 0 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if m, err := c.ReadFrom(r); int(n+m) != len(data) || err != nil {
		t.Errorf("after a time-out: %d and %d bytes, %v", n, m, err)
	}
	if all, err := io.ReadAll(c); !bytes.Equal(all, data) || err != nil {
		t.Errorf("after a time-out: %d bytes, %v", len(all), err)
	}
}

// What panics half way leaves a chain that works.
func TestReadFromPanics(t *testing.T) {
	c, data := filled(t, 150, 8)
	func() {
		defer func() { _ = recover() }()
		_, _ = c.ReadFrom(reader(func([]byte) (int, error) { panic("reader") }))
	}()
	func() {
		defer func() { _ = recover() }()
		_, _ = c.WriteTo(writer(func([]byte) (int, error) { panic("writer") }))
	}()
	if all, err := io.ReadAll(c); !bytes.Equal(all, data) || err != nil {
		t.Errorf("%d bytes, %v", len(all), err)
	}
}

func TestChainIntoItself(t *testing.T) {
	c, data := filled(t, 150, 8)
	if n, err := c.ReadFrom(c); n != 0 || err == nil {
		t.Errorf("read %d from itself: %v", n, err)
	}
	if n, err := c.WriteTo(c); n != 0 || err == nil {
		t.Errorf("wrote %d to itself: %v", n, err)
	}
	if all, err := io.ReadAll(c); !bytes.Equal(all, data) || err != nil {
		t.Errorf("%d bytes, %v", len(all), err)
	}
}

// Who gave a block may still set its length; the chain has what it was given.
func TestAppendThenSetLen(t *testing.T) {
	p := blocks(t, 4)
	for _, n := range []int{0, 3, capacity} {
		b, err := p.Get()
		if err != nil {
			t.Fatal(err)
		}
		b.SetLen(copy(b.Bytes(), "given"))
		c := adapt.NewChain(p)
		if err := c.Append(b); err != nil {
			t.Fatal(err)
		}
		b.SetLen(n)
		if s, err := io.ReadAll(io.LimitReader(c, 1000)); string(s) != "given" || err != nil || c.Len() != 0 {
			t.Errorf("%q, %v", s, err)
		}
		shut(t, c)
	}
}

// Chains of one pool on many goroutines, which pass them on, and read from and write to files: nobody sees another's bytes, and all blocks come back.
func TestChainsTogether(t *testing.T) {
	p := blocks(t, 512)
	var wg sync.WaitGroup
	for k := range 6 {
		wg.Go(func() {
			f, err := os.CreateTemp(t.TempDir(), "chain")
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			next := make(chan *adapt.Chain)
			done := make(chan struct{})
			go func() {
				defer func() { done <- struct{}{} }()
				for c := range next {
					if _, err := io.Copy(f, c); err != nil {
						t.Error(err)
					}
					_ = c.Close()
				}
			}()
			want := bytes.Repeat([]byte{byte('a' + k)}, 777)
			for range 40 {
				c := adapt.NewChain(p)
				if _, err := io.Copy(c, iotest.HalfReader(bytes.NewReader(want))); err != nil {
					t.Error(err)
				}
				next <- c
			}
			close(next)
			<-done
			if all, err := os.ReadFile(f.Name()); !bytes.Equal(all, bytes.Repeat(want, 40)) || err != nil {
				t.Errorf("%d bytes, or others, %v", len(all), err)
			}
		})
	}
	wg.Wait()
	if s := p.Stats(); s.Outstanding != 0 || s.Stale != 0 {
		t.Errorf("%+v", s)
	}
}
