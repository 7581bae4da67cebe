package opus_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/ffi/opus"
	"github.com/poolgen/poolgen/runtime/pool"
)

func repacketizer(t *testing.T) *opus.Repacketizer {
	t.Helper()
	r, err := opus.NewRepacketizer(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// packets are n packets of a tone, of the given samples each; with loss they carry copies.
func packets(t *testing.T, e *opus.Encoder, n, samples int) (all [][]byte) {
	t.Helper()
	room := make([]byte, opus.MaxPacket)
	for i := range n {
		pcm := tone(samples*i, samples)
		if e.Channels() == 1 {
			pcm = pcm[:samples]
		}
		k, err := e.Encode(pcm, room)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, bytes.Clone(room[:k]))
	}
	return all
}

// Six packets of 20 ms become one of 120 ms, which decodes to the same samples, and that becomes six again.
func TestRepacketizer(t *testing.T) {
	all := packets(t, encoder(t, opus.EncoderConfig{}), 6, 960)
	r, one, six := repacketizer(t), decoder(t), decoder(t)
	var want []int16
	pcm := make([]int16, 2*960)
	blocks, err := pool.New(opus.MaxRepacket, pool.Options{Max: 8})
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range all {
		if _, err := six.Decode(p, pcm); err != nil {
			t.Fatal(err)
		}
		want = append(want, pcm...)
		if i%2 == 0 {
			if err := r.AddBytes(p); err != nil {
				t.Fatal(err)
			}
			clear(p[1:]) // a copy was taken
			continue
		}
		b, err := blocks.Get()
		if err != nil {
			t.Fatal(err)
		}
		b.SetLen(len(p))
		copy(b.Bytes(), p)
		if err := r.Add(b); err != nil {
			t.Fatal(err)
		}
		if i == 5 {
			if err := r.OutBuf(0, 6, b); err == nil || !strings.Contains(err.Error(), "into a buffer that was added") || b.Len() != len(p) {
				t.Errorf("into one that was added: %v", err)
			}
		}
		b.Release() // r holds it
	}
	if s := blocks.Stats(); s.Outstanding != 3 {
		t.Errorf("%d buffers are held", s.Outstanding)
	}
	if n, err := r.Frames(); n != 6 || err != nil {
		t.Fatalf("%d frames, %v", n, err)
	}
	joined, err := blocks.Get()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.OutBuf(0, 6, joined); err != nil {
		t.Fatal(err)
	}
	p, err := opus.ParsePacket(joined.Bytes())
	if err != nil || p.Frames() != 6 || p.Samples(rate) != 5760 {
		t.Fatalf("%d frames, %d samples, %v", p.Frames(), p.Samples(rate), err)
	}
	got := make([]int16, 2*5760)
	if n, err := one.Decode(joined.Bytes(), got); n != 5760 || err != nil {
		t.Fatalf("%d samples, %v", n, err)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("sample %d is %d, not %d", i, got[i], want[i])
		}
	}
	// Apart again: the frames are the same bytes.
	if err := r.Reset(); err != nil {
		t.Fatal(err)
	}
	if s := blocks.Stats(); s.Outstanding != 1 {
		t.Errorf("%d buffers are out after Reset", s.Outstanding)
	}
	if err := r.Add(joined); err != nil {
		t.Fatal(err)
	}
	joined.Release()
	room := make([]byte, opus.MaxPacket)
	for i := range 6 {
		n, err := r.Out(i, i+1, room)
		if err != nil {
			t.Fatal(err)
		}
		q, err := opus.ParsePacket(room[:n])
		if err != nil || q.Frames() != 1 || !bytes.Equal(q.Frame(0), p.Frame(i)) {
			t.Errorf("frame %d differs: %v", i, err)
		}
	}
	for _, c := range [][2]int{{-1, 1}, {0, 7}, {3, 3}, {4, 2}} {
		if _, err := r.Out(c[0], c[1], room); !errors.Is(err, opus.BadArg) {
			t.Errorf("frames %d to %d: %v", c[0], c[1], err)
		}
	}
	if _, err := r.Out(0, 6, room[:20]); !errors.Is(err, opus.BufferTooSmall) {
		t.Errorf("into 20 bytes: %v", err)
	}
	if _, err := r.Out(0, 6, nil); !errors.Is(err, opus.BufferTooSmall) {
		t.Errorf("into none: %v", err)
	}
	if n := testing.AllocsPerRun(50, func() {
		if _, err := r.Out(0, 6, room); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := blocks.Close(); err != nil {
		t.Error(err)
	}
}

// Copies have room for 64 KiB together, and the packets before one that does not fit stay.
func TestRoomForCopies(t *testing.T) {
	p := packets(t, encoder(t, opus.EncoderConfig{}), 1, 960)[0]
	r := repacketizer(t)
	padded := make([]byte, 40_000)
	if err := r.Pad(padded, copy(padded, p)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // Reset makes room again
		if err := r.AddBytes(padded); err != nil {
			t.Fatal(err)
		}
		if err := r.AddBytes(padded); !errors.Is(err, opus.BufferTooSmall) || !strings.Contains(err.Error(), "behind copies of 40000") {
			t.Errorf("80,000 bytes: %v", err)
		}
		if err := r.AddBytes(p); err != nil {
			t.Fatal(err)
		}
		out := make([]byte, opus.MaxRepacket)
		n, err := r.Out(0, 1, out)
		if err != nil || !bytes.Equal(out[:n], p) {
			t.Errorf("the first packet comes out as %d bytes, %v", n, err)
		}
		if err := r.Reset(); err != nil {
			t.Fatal(err)
		}
	}
}

// A packet written over one of those it is made of would hold neither.
func TestRepacketizingOverWhatWasAdded(t *testing.T) {
	blocks, err := pool.New(2*opus.MaxPacket, pool.Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	b, err := blocks.Get()
	if err != nil {
		t.Fatal(err)
	}
	r, err := opus.NewRepacketizer(nil)
	if err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	b.SetLen(copy(whole, packets(t, encoder(t, opus.EncoderConfig{}), 1, 960)[0]))
	if err := r.Add(b); err != nil {
		t.Fatal(err)
	}
	for _, out := range [][]byte{whole, whole[b.Len()-1:], whole[:1], b.Bytes()[3:4]} {
		if n, err := r.Out(0, 1, out); err == nil || n != 0 || !strings.Contains(err.Error(), "that was added") {
			t.Errorf("%d bytes over the packet: %d, %v", len(out), n, err)
		}
	}
	if n, err := r.Out(0, 1, whole[b.Len():]); err != nil || n != b.Len() {
		t.Errorf("behind the packet: %d, %v", n, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	b.Release()
	if err := blocks.Close(); err != nil {
		t.Error(err)
	}
}

func TestRepacketizerRefuses(t *testing.T) {
	size, err := opus.RepacketizerSize()
	if err != nil {
		t.Fatal(err)
	}
	states, err := pool.New(size, pool.Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	r, err := opus.NewRepacketizer(states)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // also after Reset
		if err := r.AddBytes(packets(t, encoder(t, opus.EncoderConfig{}), 1, 960)[0]); err != nil {
			t.Fatal(err)
		}
		for name, p := range map[string][]byte{
			"10 ms frames": packets(t, encoder(t, opus.EncoderConfig{}), 1, 480)[0],
			"120 ms more":  packets(t, encoder(t, opus.EncoderConfig{}), 1, 5760)[0],
			"nothing":      nil,
			"corrupt":      {0xff, 0xff, 0xff},
		} {
			if err := r.AddBytes(p); !errors.Is(err, opus.InvalidPacket) {
				t.Errorf("%s: %v", name, err)
			}
			if n, err := r.Frames(); n != 1 || err != nil {
				t.Errorf("%s made %d frames, %v", name, n, err)
			}
		}
		if err := r.AddBytes(make([]byte, 65<<10)); !errors.Is(err, opus.BufferTooSmall) {
			t.Errorf("65 KiB: %v", err)
		}
		if err := r.Reset(); err != nil {
			t.Fatal(err)
		}
		if n, err := r.Frames(); n != 0 || err != nil {
			t.Errorf("%d frames after Reset, %v", n, err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Frames(); !errors.Is(err, opus.ErrClosed) {
		t.Errorf("Frames: %v", err)
	}
	data := []byte{0, 1}
	_, out := r.Out(0, 1, data)
	_, unpad := r.Unpad(data)
	for i, err := range []error{r.AddBytes(data), r.Reset(), out, unpad, r.Pad(data, 1)} {
		if !errors.Is(err, opus.ErrClosed) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if err := states.Close(); err != nil {
		t.Error(err)
	}
}

// Padding makes a packet any length; taken out it is the packet that it was, and what is behind its length stays.
func TestPad(t *testing.T) {
	r := repacketizer(t)
	for _, samples := range []int{480, 960, 5760} {
		packet := packets(t, encoder(t, opus.EncoderConfig{}), 3, samples)[2]
		for _, more := range []int{0, 1, 2, 253, 254, 255, 256, 1000, 70_000} {
			room := bytes.Repeat([]byte{0x5a}, len(packet)+more+16)
			copy(room, packet)
			padded := room[:len(packet)+more]
			if err := r.Pad(padded, len(packet)); err != nil {
				t.Fatalf("%d samples, %d bytes of padding: %v", samples, more, err)
			}
			for i, v := range room[len(padded):] {
				if v != 0x5a {
					t.Fatalf("%d bytes of padding overran by %d", more, i+1)
				}
			}
			a, err := opus.ParsePacket(packet)
			if err != nil {
				t.Fatal(err)
			}
			b, err := opus.ParsePacket(padded)
			if err != nil || a.Frames() != b.Frames() {
				t.Fatalf("%d bytes of padding: %d frames, %v", more, b.Frames(), err)
			}
			for i := range a.Frames() {
				if !bytes.Equal(a.Frame(i), b.Frame(i)) {
					t.Errorf("%d bytes of padding change frame %d", more, i)
				}
			}
			if n, err := r.Unpad(padded); err != nil || !bytes.Equal(padded[:n], packet) {
				t.Errorf("%d samples with %d bytes of padding: %d bytes remain of %d, %v", samples, more, n, len(packet), err)
			}
		}
	}
	if n := testing.AllocsPerRun(50, func() {
		data := [8]byte{8, 1, 2}
		if err := r.Pad(data[:], 3); err != nil {
			t.Error(err)
		}
	}); n > 1 { // the array: without cgo it is on the heap
		t.Errorf("%v allocations", n)
	}
	room := []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}
	if err := r.Pad(room, 4); !errors.Is(err, opus.InvalidPacket) || !bytes.Equal(room, []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}) {
		t.Errorf("a corrupt packet: %v, % x", err, room)
	}
	if _, err := r.Unpad(room); !errors.Is(err, opus.InvalidPacket) {
		t.Errorf("a corrupt packet: %v", err)
	}
	for _, n := range []int{0, -1, 9} {
		if err := r.Pad(room, n); err == nil || !strings.Contains(err.Error(), "it must be 1 at least, and fit") {
			t.Errorf("a packet of %d bytes in 8: %v", n, err)
		}
	}
	for _, n := range []int{0, 256} {
		if err := r.PadStreams(room, 4, n); err == nil {
			t.Errorf("%d streams were padded", n)
		}
	}
	if _, err := r.Unpad(nil); err == nil {
		t.Error("nothing was unpadded")
	}
}

// HasLBRR tells which packets RecoverFEC can do something with.
func TestHasLBRR(t *testing.T) {
	pcm := speech(t)
	for _, samples := range []int{960, 1920, 2880} {
		for _, fec := range []opus.FEC{opus.FECOff, opus.FECOn} {
			e, _ := voice(t)
			if err := errors.Join(e.SetInbandFEC(fec), e.SetPacketLoss(30), e.SetBitrate(16000), e.SetMaxBandwidth(opus.Wideband)); err != nil {
				t.Fatal(err)
			}
			room, with, all := make([]byte, opus.MaxPacket), 0, 0
			for i := 0; i+samples <= len(pcm); i += samples {
				n, err := e.Encode(pcm[i:i+samples], room)
				if err != nil {
					t.Fatal(err)
				}
				p, err := opus.ParsePacket(room[:n])
				if err != nil || p.TOC.Mode() != opus.SILK {
					t.Fatalf("%v, %v", p.TOC.Mode(), err)
				}
				if all++; p.HasLBRR() {
					with++
				}
			}
			if fec == opus.FECOff && with > 0 || fec == opus.FECOn && with < all/2 {
				t.Errorf("%d samples, FEC %d: %d of %d packets have copies", samples, fec, with, all)
			}
		}
	}
	p, err := opus.ParsePacket(packets(t, encoder(t, opus.EncoderConfig{Application: opus.RestrictedLowDelay, SampleRate: rate, Channels: 2}), 1, 960)[0])
	if err != nil || p.TOC.Mode() != opus.CELT || p.HasLBRR() {
		t.Errorf("%v has copies: %v, %v", p.TOC.Mode(), p.HasLBRR(), err)
	}
}
