package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"

	"github.com/pion/rtp"
	"github.com/poolgen/poolgen/ffi/alsa"
	"github.com/poolgen/poolgen/ffi/opus"
)

// payloadType of Opus: a dynamic one, which both sides must agree on (RFC 7587).
const payloadType = 111

// sender carries sound from the microphone to the network.
type sender struct {
	mic     *alsa.PCM
	enc     *opus.Encoder
	frames  *FramePool
	packets *PacketPool
	conn    *net.UDPConn
	peer    netip.AddrPort
	pace    *pace
	loss    int // percent
	random  *rand.Rand

	header       rtp.Header
	sent, thrown int
}

func newEncoder(c config) (*opus.Encoder, error) {
	enc, err := opus.NewEncoder(opus.EncoderConfig{SampleRate: rate, Channels: 1, Application: opus.VoIP})
	if err != nil {
		return nil, err
	}
	fec, expect := opus.FECOff, 0
	if c.fec {
		fec, expect = opus.FECOn, max(c.loss, 5) // the encoder spends more on the copies the more it expects to be lost
	}
	err = errors.Join(enc.SetBitrate(c.bitrate), enc.SetSignal(opus.SignalVoice), enc.SetInbandFEC(fec), enc.SetPacketLoss(expect))
	if err != nil {
		return nil, errors.Join(err, enc.Close())
	}
	return enc, nil
}

func (s *sender) run(ctx context.Context) error {
	s.header = rtp.Header{Version: 2, PayloadType: payloadType, SequenceNumber: uint16(s.random.Uint32()), Timestamp: s.random.Uint32(), SSRC: s.random.Uint32()}
	for {
		if err := s.pace.wait(ctx); err != nil {
			return err
		}
		if err := s.step(ctx); err != nil {
			return err
		}
	}
}

// step sends one frame.
func (s *sender) step(ctx context.Context) error {
	f, err := s.frames.Get()
	if err != nil {
		return err
	}
	defer f.Release()
	pcm := f.Value().PCM[:]
	if _, err := s.mic.ReadInt16(ctx, pcm); err != nil {
		return err
	}
	p, err := s.packets.Get()
	if err != nil {
		return err
	}
	defer p.Release()
	b := PacketData(p)
	head, err := s.header.MarshalTo(b)
	if err != nil {
		return err
	}
	n, err := s.enc.Encode(pcm, b[head:])
	if err != nil {
		return err
	}
	s.header.SequenceNumber++
	s.header.Timestamp += frameSize
	s.sent++
	if s.random.IntN(100) < s.loss {
		s.thrown++
		return nil
	}
	if _, err := s.conn.WriteToUDPAddrPort(b[:head+n], s.peer); err != nil && ctx.Err() != nil {
		return err
	}
	return nil // a peer that is not there yet is no reason to hang up
}
