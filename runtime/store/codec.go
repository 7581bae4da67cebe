package store

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// A frame is compressed if that saves a sixteenth, and at the default level if that saves one more; of a sample first, so that what is
// compressed already, or is noise mostly, costs little.
const (
	sampleSize = 32 << 10
	worth      = 16
)

// encoder compresses frames, for one goroutine. Its tables are made when they are first needed.
type encoder struct {
	normal, fast *zstd.Encoder
	out          []byte
}

func newEncoder(level zstd.EncoderLevel) (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true),
		zstd.WithAllLitEntropyCompression(true)) // a picture's noise has no matches, but few values
}

// encode returns b as it is to be stored, valid until the next call. hurry trades size for time.
func (c *encoder) encode(b []byte, hurry bool) ([]byte, codec, error) {
	if c.normal == nil {
		var err error
		if c.normal, err = newEncoder(zstd.SpeedDefault); err != nil {
			return nil, 0, err
		}
		if c.fast, err = newEncoder(zstd.SpeedFastest); err != nil {
			return nil, 0, err
		}
	}
	if len(b) >= 2*sampleSize {
		at := (len(b) - sampleSize) / 2
		sample := b[at : at+sampleSize]
		c.out = c.fast.EncodeAll(sample, c.out[:0])
		fast := len(c.out)
		if !pays(fast, sampleSize) {
			return b, asIs, nil
		}
		if !hurry {
			c.out = c.normal.EncodeAll(sample, c.out[:0])
			hurry = !pays(len(c.out), fast)
		}
	}
	enc := c.normal
	if hurry {
		enc = c.fast
	}
	if c.out = enc.EncodeAll(b, c.out[:0]); !pays(len(c.out), len(b)) {
		return b, asIs, nil
	}
	return c.out, zstdFrame, nil
}

func pays(stored, size int) bool { return stored <= size-size/worth && stored < size }

func newDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(loaders), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true))
}

// decode makes the frame in dst, which has its size, of what is stored.
func decode(z *zstd.Decoder, dst, stored []byte) error {
	out, err := z.DecodeAll(stored, dst[:0:len(dst)])
	switch {
	case errors.Is(err, zstd.ErrDecoderClosed):
		return ErrClosed
	case err != nil:
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	case len(out) != len(dst):
		return fmt.Errorf("%w: it has %d bytes, not %d", ErrCorrupt, len(out), len(dst))
	case len(out) > 0 && &out[0] != &dst[0]:
		copy(dst, out)
	}
	return nil
}
