package opus

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Every TOC means what libopus takes it for.
func TestEveryTOC(t *testing.T) {
	c := openC(t)
	for v := range 256 {
		toc, data := TOC(v), []byte{byte(v), 1, 0}
		if got, want := int(toc.Bandwidth()), c.ask(t, "opus_packet_get_bandwidth", data, 0, 0); got != want {
			t.Errorf("TOC %#x: bandwidth %d, libopus says %d", v, got, want)
		}
		if got, want := toc.Channels(), c.ask(t, "opus_packet_get_nb_channels", data, 0, 0); got != want {
			t.Errorf("TOC %#x: %d channels, libopus says %d", v, got, want)
		}
		for _, rate := range []int{8000, 12000, 16000, 24000, 48000} {
			if got, want := toc.FrameSamples(rate), c.ask(t, "opus_packet_get_samples_per_frame", data, rate, 0); got != want {
				t.Errorf("TOC %#x at %d Hz: %d samples, libopus says %d", v, rate, got, want)
			}
		}
		// RFC 6716, table 2: configurations 0 to 11, 12 to 15 and 16 to 31.
		if want := map[bool]string{v>>3 < 12: "SILK", v>>3 >= 12 && v>>3 < 16: "hybrid", v>>3 >= 16: "CELT"}[true]; toc.Mode().String() != want {
			t.Errorf("TOC %#x: %v, not %s", v, toc.Mode(), want)
		}
	}
}

// compare checks what ParsePacket makes of data against opus_packet_parse.
func compare(t testing.TB, c *clib, data []byte) bool {
	t.Helper()
	p, err := ParsePacket(data)
	if len(data) == 0 {
		if !errors.Is(err, InvalidPacket) {
			t.Errorf("nothing: %v", err)
		}
		return false
	}
	count, sizes, payload := c.parse(t, data)
	if count < 0 {
		if !errors.Is(err, Error(count)) || p.Frames() != 0 {
			t.Errorf("% x: %v, libopus says %v", data, err, Error(count))
		}
		return false
	}
	if err != nil || p.Frames() != int(count) {
		t.Errorf("% x: %d frames, %v; libopus says %d", data, p.Frames(), err, count)
		return false
	}
	at := int(payload)
	for i := range count {
		want := data[at : at+int(sizes[i])]
		if got := p.Frame(int(i)); !bytes.Equal(got, want) || cap(got) != len(got) {
			t.Errorf("% x: frame %d is % x, libopus says % x", data, i, got, want)
		}
		at += len(want)
	}
	if at+len(p.Padding) != len(data) {
		t.Errorf("% x: padding of %d bytes, %d are left", data, len(p.Padding), len(data)-at)
	}
	for _, rate := range []int{8000, 48000} {
		if want := c.ask(t, "opus_packet_get_nb_samples", data, len(data), rate); p.Samples(rate) != want {
			t.Errorf("% x: %d samples, libopus says %d", data, p.Samples(rate), want)
		}
	}
	// libopus 1.5 looks behind an empty frame.
	if len(p.Frame(0)) == 0 {
		if p.HasLBRR() {
			t.Errorf("% x: LBRR in an empty frame", data)
		}
	} else if c.has("opus_packet_has_lbrr") {
		if want := c.ask(t, "opus_packet_has_lbrr", data, len(data), 0); p.HasLBRR() != (want == 1) {
			t.Errorf("% x: LBRR %v, libopus says %d", data, p.HasLBRR(), want)
		}
	}
	return true
}

// random is a packet that is often whole: few frames, short lengths, some padding.
func random(r *rand.Rand) []byte {
	data := make([]byte, r.IntN(80))
	for i := range data {
		if data[i] = byte(r.Uint32()); i > 0 && r.IntN(2) == 0 {
			data[i] &= 7
		}
	}
	if len(data) > 1 && data[0]&3 == 3 {
		data[1] = data[1]&0xc0 | data[1]&3
	}
	return data
}

func TestParsePacket(t *testing.T) {
	c, r := openC(t), rand.New(rand.NewPCG(3, 4))
	whole, broken := 0, 0
	for range 20_000 {
		if compare(t, c, random(r)) {
			whole++
		} else {
			broken++
		}
	}
	if whole < 3000 || broken < 3000 {
		t.Errorf("%d whole, %d broken: the packets test one side only", whole, broken)
	}
	for _, data := range [][]byte{
		slices.Concat([]byte{0}, make([]byte, 1275)), slices.Concat([]byte{0}, make([]byte, 1276)), // the longest frame, and one more
		slices.Concat([]byte{1}, make([]byte, 2550)), slices.Concat([]byte{1}, make([]byte, 2552)),
		slices.Concat([]byte{0x1b, 0x41, 255, 255, 1}, make([]byte, 600)), // 509 bytes of padding
		{0xe3, 48}, {0xe3, 49}, {0x1b, 2}, {0x1b, 3}, {0xe3, 0},
		{2, 252}, {2, 252, 0}, {2, 251}, {3}, {3, 0x41}, {3, 0x41, 255}, {3, 0x41, 1}, {3, 0x41, 1, 0}, {3, 0x82, 1}, {3, 0x82, 1, 9, 9},
	} {
		compare(t, c, data)
	}
	p, err := ParsePacket(slices.Concat([]byte{3, 0x42, 3}, []byte("abcd"), []byte{0, 0, 0}))
	if err != nil || p.Frames() != 2 || string(p.Frame(0)) != "ab" || string(p.Frame(1)) != "cd" || len(p.Padding) != 3 || p.Samples(48000) != 960 {
		t.Errorf("2 frames of 2 bytes with padding: %+v, %v", p, err)
	}
	if _, err := ParsePacket([]byte{0xe3, 49}); err == nil || !strings.Contains(err.Error(), "packet of 2 bytes: 49 frames of 2.5 ms: it must be") {
		t.Errorf("49 frames: %v", err)
	}
	data := slices.Concat([]byte{0x83, 0x82, 2}, []byte("abcd"))
	if n := testing.AllocsPerRun(100, func() {
		if p, err := ParsePacket(data); err != nil || len(p.Frame(1)) != 2 || p.HasLBRR() {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParsePacket(f *testing.F) {
	c := openC(f)
	for _, data := range [][]byte{{0}, {1, 2, 3}, {2, 1, 2, 3}, {3, 0xc2, 1, 1, 2, 3, 0}} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		compare(t, c, data)
		for rest := data; len(rest) > 0; {
			p, after, err := ParseStream(rest)
			if err != nil {
				break
			}
			for i := range p.Frames() {
				p.Frame(i)
			}
			if len(after) >= len(rest) {
				t.Fatalf("% x: nothing was taken", rest)
			}
			rest = after
		}
	})
}
