package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"
	"github.com/poolgen/poolgen/ffi/opus"
)

// recording is what record did.
type recording struct {
	frames, samples, bytes int64
	xruns                  uint64
	allocs, muxAllocs      float64 // per frame; allocs in the median second
	peaks                  []int   // a frame
	usage                  []usage
}

// usage is how many blocks of each pool are out at a moment.
type usage struct {
	seconds         float64
	frames, packets int
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

// record reads until the source is at its end or ctx is, and leaves a complete file either way.
//
// An Ogg Opus player drops the first preSkip samples, and the encoder delays sound by its lookahead: silence of the
// difference goes first, so that the sound begins exactly where the player does (RFC 7845, section 4.2).
func record(ctx context.Context, c config, s *source, frames *FramePool, packets *PacketPool, out io.Writer) (_ *recording, err error) {
	enc, err := opus.NewEncoder(opus.EncoderConfig{SampleRate: rate, Channels: 1, Application: opus.VoIP})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, enc.Close()) }()
	if err := errors.Join(enc.SetBitrate(c.bitrate), enc.SetSignal(opus.SignalVoice), enc.SetInbandFEC(true), enc.SetPacketLoss(5)); err != nil {
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
	defer func() { err = errors.Join(err, f.finish(err == nil)) }()

	r := &recorder{s: s, encoder: enc, held: make([]PacketRef, 0, batch+8)}
	r.pools.frames, r.pools.packets = frames, packets
	r.peaks = make([]int, 0, s.samples/frameSize+8)
	defer r.drop()
	total := int64(preSkip-lookahead) + s.samples
	progress := newProgress(out)
	var muxAllocs uint64
	// Allocations per frame in each second but the first, in which libraries set themselves up. Their median leaves the Go runtime's own out,
	// which come when a collection begins.
	var perSecond []float64
	for done := false; !done; {
		before, framesBefore := mallocs(), r.frames
		for len(r.held) < batch && !done {
			silence := max(0, int64(preSkip-lookahead)-r.pts)
			switch n, err := r.step(ctx, int(min(silence, frameSize)), int(min(total-r.pts, frameSize))); {
			case err != nil:
				return nil, err
			case n == 0 && ctx.Err() != nil:
				total, done = r.pts, true // Ctrl-C: what came so far makes a valid file
			default:
				done = r.pts >= total
			}
		}
		if n := mallocs() - before; framesBefore > 0 && r.frames > framesBefore {
			perSecond = append(perSecond, float64(n)/float64(r.frames-framesBefore))
		}
		st, sp := frames.Stats(), packets.Stats()
		r.usage = append(r.usage, usage{float64(r.pts) / rate, st.HighWater, sp.Outstanding})
		if done {
			// What is still in the encoder must come out: the player is behind by its lookahead.
			for r.pts < total+int64(lookahead) {
				if _, err := r.step(context.Background(), frameSize, frameSize); err != nil {
					return nil, err
				}
			}
		}
		before = mallocs()
		if err := r.write(f); err != nil {
			return nil, fmt.Errorf("writing %s: %w", c.output, err)
		}
		muxAllocs += mallocs() - before
		r.usage = append(r.usage, usage{float64(r.pts) / rate, frames.Stats().Outstanding, packets.Stats().Outstanding})
		progress.show(float64(r.pts)/rate, float64(total)/rate, last(r.peaks))
	}
	progress.end()
	r.samples = max(0, total-int64(preSkip-lookahead))
	r.xruns = s.in.Stats().Xruns
	slices.Sort(perSecond)
	if len(perSecond) > 0 {
		r.allocs = perSecond[len(perSecond)/2]
	}
	r.muxAllocs = float64(muxAllocs) / float64(max(r.frames, 1))
	return &r.recording, nil
}

// step makes one packet: silent samples first, then up to upTo from the microphone, silence to the end of the frame. It returns
// 0 when ctx ended before anything came.
func (r *recorder) step(ctx context.Context, silent, upTo int) (int, error) {
	f, err := r.pools.frames.Get()
	if err != nil {
		return 0, err
	}
	defer f.Release()
	v := f.Value()
	v.PTS, v.Samples = r.pts, frameSize
	clear(v.PCM[:silent])
	got := silent
	if upTo > silent {
		n, err := r.s.in.ReadInt16(ctx, v.PCM[silent:upTo])
		got += n
		if err != nil && ctx.Err() == nil {
			return 0, err
		}
		if got == 0 {
			return 0, nil
		}
	}
	clear(v.PCM[got:])
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
	r.bytes += int64(n)
	r.peaks = append(r.peaks, peak)
	return got, nil
}

// write hands the packets that are held to the file.
func (r *recorder) write(f *oggFile) error {
	var err error
	for _, p := range r.held {
		if err == nil {
			v := p.Value()
			f.packet.Timestamp, f.packet.Payload = uint32(v.PTS), v.Data[:v.Len]
			f.packet.SequenceNumber++
			err = f.track.WriteRTP(&f.packet)
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

func last(list []int) int {
	if len(list) == 0 {
		return 0
	}
	return list[len(list)-1]
}

// oggFile is written under another name and gets its own when it is complete.
type oggFile struct {
	file   *os.File
	name   string
	writer *oggwriter.Writer
	track  *oggwriter.Track
	packet rtp.Packet
}

// onlyFile hides Close from the Ogg writer: the file is synced first.
type onlyFile struct{ f *os.File }

func (o onlyFile) Write(b []byte) (int, error) { return o.f.Write(b) }

func createOgg(name string) (*oggFile, error) {
	o := &oggFile{name: name}
	partial := name + ".partial"
	if st, err := os.Stat(name); err == nil && !st.Mode().IsRegular() {
		partial = name // a device is written as it is
	}
	var err error
	if o.file, err = os.OpenFile(partial, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644); err != nil {
		return nil, err
	}
	const ssrc = 1
	o.packet.Version, o.packet.PayloadType, o.packet.SSRC = 2, 111, ssrc
	o.writer, err = oggwriter.NewWriter(onlyFile{o.file}, oggwriter.WithSampleRate(rate), oggwriter.WithChannelCount(1),
		oggwriter.WithVendor("poolgen examples/voice"), oggwriter.WithSeekableOutput(o.file))
	if err == nil {
		o.track, err = o.writer.NewTrack(ssrc)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("beginning %s: %w", name, err), o.file.Close())
	}
	return o, nil
}

// finish marks the end of the stream and gives the file its name, or removes what there is of it.
func (o *oggFile) finish(complete bool) error {
	var err error
	if complete {
		if err = o.writer.Close(); err == nil && o.file.Name() != o.name {
			err = o.file.Sync()
		}
	}
	err = errors.Join(err, o.file.Close())
	switch {
	case o.file.Name() == o.name:
	case complete && err == nil:
		err = os.Rename(o.file.Name(), o.name)
	default:
		err = errors.Join(err, os.Remove(o.file.Name()))
	}
	if err != nil {
		return fmt.Errorf("finishing %s: %w", o.name, err)
	}
	return nil
}
