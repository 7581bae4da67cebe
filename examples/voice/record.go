package main

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"

	"github.com/poolgen/poolgen/ffi/opus"
)

// recording is what record did.
type recording struct {
	frames, bytes     int64
	samples           int64 // that came from the source
	xruns             uint64
	broken            error   // why the source ended early, such as a microphone that was unplugged
	allocs, muxAllocs float64 // per frame; allocs in the median second, negative if there was none to count
	peaks             series  // a frame's largest sample
	inUse             struct{ frames, packets series }
}

// batch is how many packets are held before they are written: 1 s.
const batch = 50

// recorder carries frames from the microphone to the file.
type recorder struct {
	recording
	s     *source
	pools struct {
		frames  *FramePool
		packets *PacketPool
	}
	encoder *opus.Encoder
	pts     int64
	held    []PacketRef // encoded, not yet written
}

// record reads until the source is at its end, fails, or ctx is done, and leaves a complete file with what came so far.
//
// An Ogg Opus player drops the first preSkip samples, and the encoder delays sound by its lookahead: silence of the
// difference goes first, so that the sound begins exactly where the player does (RFC 7845, section 4.2). It ends where the
// position of the last page says, so that what a player plays is as long as what was recorded, to the sample.
func record(ctx context.Context, c config, s *source, frames *FramePool, packets *PacketPool, out io.Writer) (_ *recording, err error) {
	enc, err := opus.NewEncoder(opus.EncoderConfig{SampleRate: rate, Channels: 1, Application: opus.VoIP})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, enc.Close()) }()
	if err := errors.Join(enc.SetBitrate(c.bitrate), enc.SetSignal(opus.SignalVoice), enc.SetInbandFEC(opus.FECOn), enc.SetPacketLoss(5)); err != nil {
		return nil, err
	}
	lookahead, err := enc.Lookahead()
	if err != nil {
		return nil, err
	}
	f, err := createOgg(c.output)
	if err != nil {
		return nil, err
	}
	end := int64(-1) // of the sound in the stream; negative while the file is not worth keeping
	defer func() { err = errors.Join(err, f.finish(end)) }()

	r := &recorder{s: s, encoder: enc, held: make([]PacketRef, 0, batch+8)}
	r.pools.frames, r.pools.packets = frames, packets
	r.peaks, r.inUse.frames, r.inUse.packets = newSeries(), newSeries(), newSeries()
	defer r.drop()
	lead := int64(preSkip - lookahead)
	progress := newProgress(out)
	defer progress.end()
	var muxAllocs uint64
	// Allocations per frame in each second but the first, in which libraries set themselves up. Their median leaves the Go runtime's own out,
	// which come when a collection begins.
	var perSecond []float64
	for done := false; !done; {
		before, framesBefore := mallocs(), r.frames
		for len(r.held) < batch && !done {
			silence := min(max(0, lead-r.pts), frameSize)
			want := min(frameSize-silence, s.samples-r.samples)
			n, err := r.step(ctx, int(silence), int(want))
			if err != nil {
				return nil, err
			}
			done = int64(n) < want || r.samples >= s.samples
		}
		if r.broken != nil && r.samples == 0 {
			return nil, r.broken // nothing to keep
		}
		stopped := ctx.Err() != nil || r.broken != nil // that allocates
		if n := mallocs() - before; framesBefore > 0 && r.frames > framesBefore && !stopped {
			perSecond = append(perSecond, float64(n)/float64(r.frames-framesBefore))
		}
		// What is still in the encoder must come out: the player is behind by its lookahead.
		for done && r.pts < preSkip+r.samples {
			if _, err := r.step(ctx, frameSize, 0); err != nil {
				return nil, err
			}
		}
		before = mallocs()
		if err := r.write(f); err != nil {
			return nil, err
		}
		muxAllocs += mallocs() - before
		progress.show(float64(r.samples)/rate, float64(s.samples)/rate, r.peaks.last())
	}
	end = preSkip + r.samples
	r.xruns = s.in.Stats().Xruns
	r.allocs = -1
	if slices.Sort(perSecond); len(perSecond) > 0 {
		r.allocs = perSecond[len(perSecond)/2]
	}
	r.muxAllocs = float64(muxAllocs) / float64(max(r.frames, 1))
	return &r.recording, nil
}

// step makes one packet: silent samples first, then want from the microphone, silence to the end of the frame. It returns how
// many came from the microphone, fewer than wanted only when ctx ended or the microphone failed, and makes no packet when there was
// nothing at all.
func (r *recorder) step(ctx context.Context, silent, want int) (int, error) {
	f, err := r.pools.frames.Get()
	if err != nil {
		return 0, err
	}
	defer f.Release()
	v := f.Value()
	v.PTS, v.Samples = r.pts, frameSize
	clear(v.PCM[:silent])
	got := 0
	if want > 0 {
		got, err = r.s.in.ReadInt16(ctx, v.PCM[silent:silent+want])
		if err != nil && ctx.Err() == nil {
			r.broken = err
		}
		if silent+got == 0 {
			return 0, nil
		}
	}
	clear(v.PCM[silent+got:])
	peak, err := meter(r.pools.frames, f)
	if err != nil {
		return 0, err
	}
	p, err := r.pools.packets.Get()
	if err != nil {
		return 0, err
	}
	n, err := r.encoder.Encode(v.PCM[:], p.Value().Data[:])
	if err != nil {
		p.Release()
		return 0, err
	}
	r.pts += frameSize
	p.Value().PTS, p.Value().Len = r.pts, uint32(n)
	r.held = append(r.held, p)
	r.frames++
	r.samples += int64(got)
	r.bytes += int64(n)
	r.peaks.add(peak)
	r.inUse.frames.add(r.pools.frames.Stats().Outstanding)
	r.inUse.packets.add(r.pools.packets.Stats().Outstanding)
	return got, nil
}

// write hands the packets that are held to the file.
func (r *recorder) write(f *oggFile) error {
	var err error
	for _, p := range r.held {
		if err == nil {
			v := p.Value()
			err = f.write(v.PTS, v.Data[:v.Len])
		}
		p.Release()
	}
	r.held = r.held[:0]
	return err
}

func (r *recorder) drop() {
	for _, p := range r.held {
		p.Release()
	}
	r.held = nil
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
