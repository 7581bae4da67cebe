package alsa

import (
	"context"
	"fmt"

	"github.com/poolgen/poolgen/runtime/pool"
)

// Read captures into b until its Len is full, which must be a whole number of frames; a period, normally. It returns how many
// frames of b are valid: all of them, or fewer with an error. After an error SetLen has cut b to them. The reference to b
// stays the caller's, who needs it only for the call. Overruns are recovered and counted: the frames after one follow those
// before it in b, and what came between is lost.
//
// Errors are *Error: ENODEV when the device is gone, ErrClosed, ErrDropped, ErrBusy, or the cause of ctx.
func (p *PCM) Read(ctx context.Context, b pool.Buf) (int, error) {
	n, err := p.transfer(ctx, b.Bytes(), Capture)
	if err != nil {
		b.SetLen(n * p.frame)
	}
	return n, err
}

// Write plays b up to its Len, which must be a whole number of frames; a period, normally. It returns when the device's ring has
// taken them, not when they are heard, with how many it took: all, or fewer with an error. The reference to b stays the
// caller's, who needs it only for the call. Underruns are recovered and counted. Errors are those of Read.
func (p *PCM) Write(ctx context.Context, b pool.Buf) (int, error) {
	return p.transfer(ctx, b.Bytes(), Playback)
}

// ReadBytes is Read into memory of any kind.
func (p *PCM) ReadBytes(ctx context.Context, b []byte) (int, error) {
	return p.transfer(ctx, b, Capture)
}

// WriteBytes is Write from memory of any kind.
func (p *PCM) WriteBytes(ctx context.Context, b []byte) (int, error) {
	return p.transfer(ctx, b, Playback)
}

// ReadInt16 is Read into samples, interleaved; the format must be 16 bits in the machine's byte order (S16LE on every
// target of this module). len(s) must be a multiple of the channels.
func (p *PCM) ReadInt16(ctx context.Context, s []int16) (int, error) {
	if err := p.want16("reading"); err != nil {
		return 0, err
	}
	return p.transfer(ctx, bytesOf(s), Capture)
}

// WriteInt16 is Write from samples, as ReadInt16 has them.
func (p *PCM) WriteInt16(ctx context.Context, s []int16) (int, error) {
	if err := p.want16("writing"); err != nil {
		return 0, err
	}
	return p.transfer(ctx, bytesOf(s), Playback)
}

func (p *PCM) want16(op string) error {
	if p.cfg.Format != S16LE {
		return p.fail(op+" 16-bit samples", codeEINVAL, fmt.Sprintf("the format is %v: open the PCM with S16LE", p.cfg.Format))
	}
	return nil
}
