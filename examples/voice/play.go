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
	at := -int64(head.PreSkip) // where the next packet is in what is played
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
		end := int64(page.GranulePosition) - int64(head.PreSkip)
		n, err := playPacket(ctx, payload, &at, end, dec, pcm, frames)
		played += int64(n)
		if err != nil {
			return played, pcm.Stats().Xruns, err
		}
	}
	return played, pcm.Stats().Xruns, pcm.Drain(ctx)
}

// playPacket plays what of the packet, which is at *at, is neither before 0 nor behind end.
func playPacket(ctx context.Context, payload []byte, at *int64, end int64, dec *opus.Decoder, pcm *alsa.PCM, frames *FramePool) (int, error) {
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
	from, to := min(max(0, -*at), int64(n)), min(max(0, end-*at), int64(n))
	*at += int64(n)
	if from >= to {
		return 0, nil
	}
	return pcm.WriteInt16(ctx, v.PCM[from:to])
}
