package main

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/pion/rtp"
	"github.com/poolgen/poolgen/runtime/pool"
)

// receiver carries packets from the network to the jitter buffer.
type receiver struct {
	conn     *net.UDPConn
	packets  *PacketPool
	jitter   jitter
	received int
}

func (r *receiver) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = r.conn.SetReadDeadline(time.Unix(1, 0)) }) // it ends the read
	defer stop()
	for {
		err := r.step(ctx)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// step receives one packet.
func (r *receiver) step(ctx context.Context) error {
	p, err := r.packets.Get()
	if errors.Is(err, pool.ErrLimit) {
		r.jitter.skip() // more has come than was played
		return nil
	}
	if err != nil {
		return err
	}
	b := PacketData(p)
	n, _, err := r.conn.ReadFromUDPAddrPort(b)
	if err != nil {
		p.Release()
		return err
	}
	var h rtp.Header
	head, err := h.Unmarshal(b[:n])
	if err != nil || h.PayloadType != payloadType || h.Padding || head == n {
		p.Release()
		return nil // not for us
	}
	r.received++
	SetPacketDataLen(p, n)
	p.Value().Sequence, p.Value().Header = h.SequenceNumber, uint16(head)
	r.jitter.put(p)
	return ctx.Err()
}

// opusOf is the Opus packet in a packet, valid as long as the reference.
func opusOf(p PacketRef) []byte { return PacketData(p)[p.Value().Header:] }
