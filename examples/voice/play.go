package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pion/webrtc/v4/pkg/media/oggreader"
	"github.com/poolgen/poolgen/ffi/alsa"
	"github.com/poolgen/poolgen/ffi/opus"
)

// play decodes the file into pooled frames and plays them; it returns the samples played.
func play(ctx context.Context, c config, s *source, frames *FramePool) (played int64, xruns uint64, err error) {
	f, err := os.Open(c.output)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	r, head, err := oggreader.NewWith(f)
	if err != nil {
		return 0, 0, fmt.Errorf("reading %s: %w", c.output, err)
	}
	dec, err := opus.NewDecoder(opus.DecoderConfig{SampleRate: rate, Channels: 1})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, dec.Close()) }()
	pcm, err := alsa.Open(s.playback, alsa.Playback, alsa.Config{Rate: rate, Channels: 1, Period: frameSize})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, pcm.Close()) }()
	skip := int(head.PreSkip)
	for {
		payload, page, err := r.ParseNextPage()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return played, 0, fmt.Errorf("reading %s: %w", c.output, err)
		}
		if page.GranulePosition == 0 || len(payload) == 0 {
			continue // a page of headers, or the mark of the end
		}
		n, err := playPacket(ctx, payload, &skip, dec, pcm, frames)
		played += int64(n)
		if err != nil {
			return played, pcm.Stats().Xruns, err
		}
	}
	return played, pcm.Stats().Xruns, pcm.Drain(ctx)
}

func playPacket(ctx context.Context, payload []byte, skip *int, dec *opus.Decoder, pcm *alsa.PCM, frames *FramePool) (int, error) {
	f, err := frames.Get()
	if err != nil {
		return 0, err
	}
	defer f.Release()
	v := f.Value()
	n, err := dec.Decode(payload, v.PCM[:])
	if err != nil {
		return 0, err
	}
	drop := min(n, *skip)
	*skip -= drop
	if n == drop {
		return 0, nil
	}
	return pcm.WriteInt16(ctx, v.PCM[drop:n])
}
