package main

import (
	"context"

	"github.com/poolgen/poolgen/ffi/alsa"
	"github.com/poolgen/poolgen/ffi/opus"
)

// player carries sound from the jitter buffer to the loudspeaker.
type player struct {
	from   *jitter
	ear    *alsa.PCM
	dec    *opus.Decoder
	frames *FramePool
	pace   *pace

	played, whole, fec, plc, silent int // frames
}

func (p *player) run(ctx context.Context) error {
	for {
		if err := p.pace.wait(ctx); err != nil {
			return err
		}
		if err := p.step(ctx); err != nil {
			return err
		}
	}
}

// step plays one frame.
func (p *player) step(ctx context.Context) error {
	f, err := p.frames.Get()
	if err != nil {
		return err
	}
	defer f.Release()
	pcm := f.Value().PCM[:]
	t := p.from.take()
	defer t.release()
	switch {
	case t.silent:
		clear(pcm)
		p.silent++
	case t.has:
		n, err := p.dec.Decode(opusOf(t.own), pcm)
		if err != nil || n != len(pcm) {
			// A packet that is none, or of another length: go on as if it were lost.
			if _, err := p.dec.Recover(nil, pcm); err != nil {
				return err
			}
			p.plc++
			break
		}
		p.whole++
	default:
		var next []byte
		if t.follow {
			next = opusOf(t.after)
		}
		r, err := p.dec.Recover(next, pcm)
		if err != nil {
			if r, err = p.dec.Recover(nil, pcm); err != nil {
				return err
			}
		}
		if r.FEC > 0 || r.DRED > 0 {
			p.fec++
		} else {
			p.plc++
		}
	}
	p.played++
	_, err = p.ear.WriteInt16(ctx, pcm)
	return err
}
