// Command bind compresses its standard input with libzstd, in pooled blocks that C reads and writes in place: each block becomes a frame, and
// the whole is a file that zstd -d reads.
//
//	go run ./examples/bind [-level N] <picture.raw >picture.raw.zst
//
// It shows //poolgen:bind: bind.go says which C functions are called, poolgen wrote bind_cgo.go, which links libzstd, and bind_nocgo.go,
// which loads it at run time in builds with CGO_ENABLED=0. The program is the same in both.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/poolgen/poolgen/runtime/pool"
)

const blockSize = 128 << 10 // bytes of input in a frame

func main() {
	level := flag.Int("level", 0, "compression `level`, 1 to 22; 0 is libzstd's default")
	flag.Parse()
	if err := run(os.Stdin, os.Stdout, os.Stderr, int32(*level)); err != nil {
		fmt.Fprintln(os.Stderr, "bind:", err)
		os.Exit(1)
	}
}

// run compresses in to out and says on log what it did.
func run(in io.Reader, out, log io.Writer, level int32) error {
	e, err := newEncoder(level)
	if err != nil {
		return err
	}
	defer e.close()
	raw, packed, err := e.copy(out, in)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "libzstd %s, level %d: %d bytes became %d\n", e.z.version(), e.level, raw, packed)
	return nil
}

// encoder is a libzstd context and the two pools that it works between.
type encoder struct {
	z          *library
	ctx        uintptr // ZSTD_CCtx
	level      int32
	raw, frame *pool.Pool
}

// newEncoder opens libzstd. The caller closes the encoder.
func newEncoder(level int32) (*encoder, error) {
	z, err := openZstd()
	if err != nil {
		return nil, err
	}
	if level == 0 {
		level, err = z.defaultLevel()
		if errors.Is(err, errors.ErrUnsupported) {
			level = 3 // what it was before the function came
		} else if err != nil {
			return nil, err
		}
	}
	e := &encoder{z: z, level: level}
	if e.raw, err = pool.New(blockSize, pool.Options{Name: "raw", Max: 2, Prealloc: 1}); err != nil {
		return nil, err
	}
	if e.frame, err = pool.New(int(z.bound(blockSize)), pool.Options{Name: "frames", Max: 2, Prealloc: 1}); err != nil {
		return nil, errors.Join(err, e.raw.Close())
	}
	if e.ctx = z.newEncoder(); e.ctx == 0 {
		return nil, errors.Join(errors.New("libzstd has no memory for a context"), e.raw.Close(), e.frame.Close())
	}
	return e, nil
}

func (e *encoder) close() {
	e.z.freeEncoder(e.ctx)
	_, _ = e.raw.Close(), e.frame.Close()
}

// copy compresses in to out, block by block, and returns the bytes read and written.
func (e *encoder) copy(out io.Writer, in io.Reader) (raw, packed int64, err error) {
	for {
		src, err := e.raw.Get()
		if err != nil {
			return raw, packed, err
		}
		n, last := io.ReadFull(in, src.Bytes())
		src.SetLen(n)
		raw += int64(n)
		if n > 0 {
			var m int
			m, err = e.frameOf(out, src)
			packed += int64(m)
		}
		src.Release()
		switch {
		case err != nil:
			return raw, packed, err
		case last == io.EOF || last == io.ErrUnexpectedEOF:
			return raw, packed, nil
		case last != nil:
			return raw, packed, last
		}
	}
}

// frameOf writes the bytes of src as one frame, and returns the frame's length.
func (e *encoder) frameOf(out io.Writer, src pool.Buf) (int, error) {
	dst, err := e.frame.Get()
	if err != nil {
		return 0, err
	}
	defer dst.Release()
	if err := e.compress(dst, src); err != nil {
		return 0, err
	}
	return out.Write(dst.Bytes())
}

// compress makes dst one frame with the bytes of src. C sees both where they are.
func (e *encoder) compress(dst, src pool.Buf) error {
	n := e.z.compress(e.ctx, (*byte)(dst.Pointer()), uintptr(dst.Cap()), (*byte)(src.Pointer()), uintptr(src.Len()), e.level)
	if err := e.z.check(n); err != nil {
		return fmt.Errorf("compressing %d bytes: %w", src.Len(), err)
	}
	dst.SetLen(int(n))
	return nil
}

// check is the error that a result of libzstd stands for, or nil.
func (l *library) check(result uintptr) error {
	if l.isError(result) == 0 {
		return nil
	}
	return fmt.Errorf("libzstd: %s", l.errorName(result))
}
