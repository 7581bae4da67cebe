package opus_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/ffi/opus"
	"github.com/poolgen/poolgen/runtime/pool"
)

// A clone goes on like the one it was taken from, options and all, and restores it later.
func TestCloneAndRestore(t *testing.T) {
	pcm := speech(t)
	e, d := voice(t)
	if err := errors.Join(e.SetBitrate(17_000), e.SetInbandFEC(opus.FECOn), e.SetPacketLoss(10), d.SetGain(-256)); err != nil {
		t.Fatal(err)
	}
	size, err := opus.EncoderSize(1)
	if err != nil {
		t.Fatal(err)
	}
	states, err := pool.New(size, pool.Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	// run encodes and decodes packets from and to, of 20 ms.
	run := func(e *opus.Encoder, d *opus.Decoder, from, to int) (packets []byte, sound []int16) {
		packet, out := make([]byte, opus.MaxPacket), make([]int16, 960)
		for i := from; i < to; i++ {
			n, err := e.Encode(pcm[960*i:][:960], packet)
			if err == nil {
				_, err = d.Decode(packet[:n], out)
			}
			if err != nil {
				t.Fatal(err)
			}
			packets, sound = append(packets, packet[:n]...), append(sound, out...)
		}
		return packets, sound
	}
	run(e, d, 0, 20)
	e2, err := e.Clone(states)
	if err != nil {
		t.Fatal(err)
	}
	if s := states.Stats(); s.Outstanding != 1 {
		t.Errorf("the clone's state is not in the caller's pool: %d blocks out", s.Outstanding)
	}
	if _, err := e.Clone(states); !errors.Is(err, pool.ErrLimit) {
		t.Errorf("a second clone in one block: %v", err)
	}
	d2, err := d.Clone(nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := e2.Bitrate(); b != 17_000 || err != nil {
		t.Errorf("the clone's bitrate is %d, %v", b, err)
	}
	packets, sound := run(e, d, 20, 40)
	packets2, sound2 := run(e2, d2, 20, 40)
	if !bytes.Equal(packets, packets2) || !slices.Equal(sound, sound2) {
		t.Error("a clone goes on otherwise")
	}
	// Back to packet 20, by another clone's state there.
	fresh, other := voice(t)
	if err := errors.Join(fresh.CopyFrom(e), other.CopyFrom(d)); err != nil {
		t.Fatal(err)
	}
	run(fresh, other, 5, 9)
	if err := errors.Join(fresh.CopyFrom(e2), e.CopyFrom(fresh), d.CopyFrom(d2), e2.CopyFrom(e)); err != nil {
		t.Fatal(err)
	}
	packets, sound = run(e, d, 0, 20)
	packets2, sound2 = run(e2, d2, 0, 20)
	if !bytes.Equal(packets, packets2) || !slices.Equal(sound, sound2) {
		t.Error("restored, one goes on otherwise")
	}
	if n := testing.AllocsPerRun(50, func() {
		if err := errors.Join(e.CopyFrom(e2), d.CopyFrom(d2)); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	stereo := encoder(t, opus.EncoderConfig{})
	if err := e.CopyFrom(stereo); err == nil || !strings.Contains(err.Error(), "both must be alike") {
		t.Errorf("mono from stereo: %v", err)
	}
	if err := d.CopyFrom(decoder(t)); err == nil {
		t.Error("mono from stereo")
	}
	if err := errors.Join(e2.Close(), d2.Close(), states.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := e2.Clone(nil); !errors.Is(err, opus.ErrClosed) {
		t.Errorf("a closed one is cloned: %v", err)
	}
	if err := errors.Join(e.CopyFrom(e2)); !errors.Is(err, opus.ErrClosed) {
		t.Errorf("from a closed one: %v", err)
	}
	if err := errors.Join(d2.CopyFrom(d)); !errors.Is(err, opus.ErrClosed) {
		t.Errorf("to a closed one: %v", err)
	}
}

// A frame size set in one is that of its clone.
func TestCloneKeepsFrameSize(t *testing.T) {
	e := encoder(t, opus.EncoderConfig{})
	if err := e.SetFrameSize(opus.FrameSize10ms); err != nil {
		t.Fatal(err)
	}
	c, err := e.Clone(nil)
	if err != nil {
		t.Fatal(err)
	}
	packet := make([]byte, opus.MaxPacket)
	n, err := c.Encode(tone(0, 1000), packet)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := opus.ParsePacket(packet[:n]); err != nil || p.Samples(rate) != 480 {
		t.Errorf("%d samples, %v", p.Samples(rate), err)
	}
	o := encoder(t, opus.EncoderConfig{})
	if err := c.CopyFrom(o); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Encode(tone(0, 1000), packet); err == nil {
		t.Error("the frame size of the other is not copied")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
