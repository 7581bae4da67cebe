package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/poolgen/poolgen/ffi/alsa"
	"github.com/poolgen/poolgen/ffi/opus"
	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// voiced is a file of sound like a voice's: a tone with overtones whose pitch and loudness change all the time.
func voiced(t *testing.T, seconds int) (file string, pcm []int16) {
	t.Helper()
	var b []byte
	phase := 0.0
	for i := range seconds * rate {
		at := float64(i) / rate
		phase += 2 * math.Pi * (160 + 40*math.Sin(2*math.Pi*0.7*at)) / rate
		v := 0.0
		for h := 1.0; h <= 8; h++ {
			v += math.Sin(h*phase) / h
		}
		s := int16(6000 * v * (0.6 + 0.4*math.Sin(2*math.Pi*2.3*at)))
		pcm = append(pcm, s)
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	file = filepath.Join(t.TempDir(), "in.raw")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, pcm
}

// call runs the intercom with itself, and returns what it played and counted.
func call(t *testing.T, in string, change func(*config)) (pcm []int16, counts map[string]int) {
	t.Helper()
	c := config{listen: "127.0.0.1:0", in: in, out: filepath.Join(t.TempDir(), "out.raw"), seconds: 4, speed: 4, bitrate: 24000, fec: true, seed: 7}
	if runtime.GOARCH == "arm" {
		c.speed = 1 // emulators have no time to lose
	}
	change(&c)
	t.Setenv("ALSA_CONFIG_PATH", "") // run sets it
	var out bytes.Buffer
	if err := run(t.Context(), c, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	pcm = samples(t, c.out)
	counts = map[string]int{}
	for _, m := range regexp.MustCompile(`(\d+) (packets|of them|too late|frames|received|made good|continued|silent|recording|playing)`).FindAllStringSubmatch(out.String(), -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		if _, there := counts[m[2]]; !there {
			counts[m[2]] = n
		}
	}
	t.Logf("%s%v", out.String(), counts)
	return pcm, counts
}

func samples(t *testing.T, file string) (pcm []int16) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(b); i += 2 {
		pcm = append(pcm, int16(binary.LittleEndian.Uint16(b[i:])))
	}
	return pcm
}

// loudness is the energy of each 20 ms.
func loudness(pcm []int16) (l []float64) {
	for i := 0; i+frameSize <= len(pcm); i += frameSize {
		sum := 0.0
		for _, v := range pcm[i : i+frameSize] {
			sum += float64(v) * float64(v)
		}
		l = append(l, math.Sqrt(sum/frameSize))
	}
	return l
}

// TestCall talks to itself in real time. How much of it arrives in time depends on how busy the machine is; all of it is accounted for.
func TestCall(t *testing.T) {
	testutil.OpenFDs(t)
	in, _ := voiced(t, 5)
	heard, n := call(t, in, func(*config) {})
	if n["packets"] == 0 || n["of them"] != 0 {
		t.Errorf("counts %v", n)
	}
	if n["frames"] != n["received"]+n["made good"]+n["continued"]+n["silent"] || n["received"] > n["packets"] {
		t.Errorf("counts %v", n)
	}
	if missing := n["frames"]*frameSize - len(heard); missing < 0 || missing > frameSize { // the end comes before the last frame is written, or behind it
		t.Errorf("%d samples are heard of %d frames", len(heard), n["frames"])
	}
}

// parts are those of a call with itself, for which no time passes. After end what was played is in the file c.out.
func parts(t *testing.T, c config) (s *sender, r *receiver, p *player, end func()) {
	t.Helper()
	var ends []func() error
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		for _, f := range slices.Backward(ends) {
			if err := f(); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(end)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("ALSA_CONFIG_PATH", "")
	remove, err := useFiles(&c)
	must(err)
	ends = append(ends, remove)
	frames, err := NewFramePool(pool.Options{})
	must(err)
	ends = append(ends, frames.Close)
	packets, err := NewPacketPool(pool.Options{})
	must(err)
	ends = append(ends, packets.Close)
	conn, peer, err := dial(c)
	must(err)
	ends = append(ends, conn.Close)
	want := alsa.Config{Rate: rate, Channels: 1, Period: frameSize}
	mic, err := alsa.Open(c.capture, alsa.Capture, want)
	must(err)
	ends = append(ends, mic.Close)
	ear, err := alsa.Open(c.playback, alsa.Playback, want)
	must(err)
	ends = append(ends, ear.Close)
	enc, err := newEncoder(c)
	must(err)
	ends = append(ends, enc.Close)
	dec, err := opus.NewDecoder(opus.DecoderConfig{SampleRate: rate, Channels: 1})
	must(err)
	ends = append(ends, dec.Close)
	s = &sender{mic: mic, enc: enc, frames: frames, packets: packets, conn: conn, peer: peer, loss: c.loss, random: newRandom(c.seed)}
	s.header.Version, s.header.PayloadType = 2, payloadType
	r = &receiver{conn: conn, packets: packets}
	p = &player{from: &r.jitter, ear: ear, dec: dec, frames: frames}
	ends = append(ends, func() error { r.jitter.drop(); return nil })
	return s, r, p, end
}

// talk sends, receives and plays so many frames in turn, and returns what was played.
func talk(t *testing.T, c config, frames int) (pcm []int16, s *sender, p *player) {
	t.Helper()
	c.listen, c.out = "127.0.0.1:0", filepath.Join(t.TempDir(), "out.raw")
	s, r, p, end := parts(t, c)
	for range frames {
		err := s.step(t.Context())
		if err == nil && s.sent-s.thrown > r.received {
			err = r.step(t.Context())
		}
		if err == nil {
			err = p.step(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	end()
	pcm = samples(t, c.out)
	if r.jitter.late+r.jitter.skipped > 0 || p.played != frames || len(pcm) != frames*frameSize {
		t.Errorf("%d packets were late, %d passed over, %d frames played, %d samples heard", r.jitter.late, r.jitter.skipped, p.played, len(pcm))
	}
	t.Logf("%d sent, %d thrown away, %d received, %d made good, %d continued, %d silent", s.sent, s.thrown, p.whole, p.fec, p.plc, p.silent)
	return pcm, s, p
}

// TestSound talks to itself without loss: what is played is what was said, as loud as it was.
func TestSound(t *testing.T) {
	testutil.OpenFDs(t)
	in, said := voiced(t, 5)
	heard, _, p := talk(t, config{in: in, bitrate: 24000, fec: true}, 200)
	if p.fec+p.plc != 0 || p.silent != depth-1 || p.whole != 200-p.silent {
		t.Errorf("%d frames whole, %d made good, %d continued, %d silent", p.whole, p.fec, p.plc, p.silent)
	}
	want, got := loudness(said), loudness(heard)
	best := 0.0
	for shift := range 40 {
		dot, a, b := 0.0, 0.0, 0.0
		for i := 0; i < len(want) && i+shift < len(got); i++ {
			dot, a, b = dot+want[i]*got[i+shift], a+want[i]*want[i], b+got[i+shift]*got[i+shift]
		}
		best = max(best, dot/math.Sqrt(a*b+1))
	}
	if best < 0.9 {
		t.Errorf("what is heard has the loudness of what was said by %.2f only", best)
	}
}

// TestLoss throws packets away: with FEC most are made good, without it the sound is continued.
func TestLoss(t *testing.T) {
	in, _ := voiced(t, 5)
	for _, fec := range []bool{true, false} {
		t.Run(fmt.Sprintf("fec=%v", fec), func(t *testing.T) {
			heard, s, p := talk(t, config{in: in, bitrate: 24000, loss: 20, fec: fec, seed: 7}, 200)
			if s.thrown < 20 || s.thrown > 60 {
				t.Errorf("%d of %d packets are thrown away", s.thrown, s.sent)
			}
			if fec && p.fec < s.thrown/2 || !fec && (p.fec > 0 || p.plc < s.thrown*3/4) {
				t.Errorf("%d made good, %d continued of %d", p.fec, p.plc, s.thrown)
			}
			// The gaps are filled: no frame within the call is silent.
			silent, begun := 0, false
			for _, l := range loudness(heard) {
				begun = begun || l > 500
				if begun && l < 50 {
					silent++
				}
			}
			if silent > 0 {
				t.Errorf("%d frames are silent", silent)
			}
		})
	}
}

// TestCard talks to itself through a sound card whose output is wired to its input, which the kernel has in software (snd-aloop).
func TestCard(t *testing.T) {
	if _, err := os.Stat("/proc/asound/Loopback"); err != nil {
		if os.Getenv(testutil.VM) != "" {
			t.Fatalf("the guest has no loopback card: %v", err)
		}
		t.Skip("no loopback card: make test-vm runs this in a guest that has one")
	}
	c := config{listen: "127.0.0.1:0", capture: "plughw:Loopback,1,0", playback: "plughw:Loopback,0,0", seconds: 3, speed: 1, bitrate: 24000, fec: true}
	var out bytes.Buffer
	if err := run(t.Context(), c, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	m := regexp.MustCompile(`sent +(\d+) packets`).FindStringSubmatch(out.String())
	if m == nil {
		t.Fatalf("it says:\n%s", out.String())
	}
	if n, err := strconv.Atoi(m[1]); err != nil || n < 20 || n > 160 {
		t.Errorf("%d packets of 20 ms in 3 s:\n%s", n, out.String())
	}
}

// TestSteps sends, receives and plays a frame, and allocates nothing for it.
func TestSteps(t *testing.T) {
	in, _ := voiced(t, 1)
	s, r, p, _ := parts(t, config{listen: "127.0.0.1:0", in: in, out: filepath.Join(t.TempDir(), "out.raw"), bitrate: 24000})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	step := func() {
		for _, f := range []func(context.Context) error{s.step, r.step, p.step} {
			if err := f(ctx); err != nil {
				t.Error(err)
			}
		}
	}
	for range 10 {
		step()
	}
	if n := testing.AllocsPerRun(50, step); n >= 1 {
		t.Errorf("%v allocations a frame", n)
	}
	if p.whole == 0 || p.plc+p.fec > 0 {
		t.Errorf("%d frames played whole, %d made up", p.whole, p.plc+p.fec)
	}

	// What is no RTP, or another's, is passed over.
	other, err := net.Dial("udp", s.peer.String())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, junk := range [][]byte{{}, {0}, bytes.Repeat([]byte{0xff}, 1500), append([]byte{0x80, 96}, make([]byte, 30)...), {0x80, payloadType, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}} {
		if _, err := other.Write(junk); err != nil {
			t.Fatal(err)
		}
		before := r.received
		if err := r.step(ctx); err != nil || r.received != before {
			t.Errorf("%x: %v, %d packets", junk[:min(len(junk), 12)], err, r.received-before)
		}
	}
}

// TestJitter puts packets in every kind of order.
func TestJitter(t *testing.T) {
	packets, err := NewPacketPool(pool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := packets.Close(); err != nil {
			t.Error(err)
		}
	}()
	var j jitter
	defer j.drop()
	put := func(seqs ...uint16) {
		for _, s := range seqs {
			p, err := packets.Get()
			if err != nil {
				t.Fatal(err)
			}
			p.Value().Sequence = s
			j.put(p)
		}
	}
	// take describes turns: the number, f for a copy in the next, - for nothing, . for silence.
	take := func(n int) (s string) {
		for range n {
			tn := j.take()
			switch {
			case tn.silent:
				s += ". "
			case tn.has:
				s += fmt.Sprintf("%d ", tn.own.Value().Sequence)
			case tn.follow:
				s += "f "
			default:
				s += "- "
			}
			tn.release()
		}
		return s
	}
	check := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("played %q, want %q", got, want)
		}
	}
	check(take(2), ". . ")
	put(65534, 65533, 0) // 65535 is missing
	check(take(5), "65533 65534 f 0 - ")
	put(65534, 2, 2, 4)
	check(take(4), "2 f 4 - ")
	if j.late != 1 {
		t.Errorf("%d packets were late", j.late)
	}
	put(6)
	check(take(2), "6 - ")
	check(take(patient), take(0)+dashes(patient-1)+". ")
	check(take(1), ". ")
	put(30000, 30001, 30002)
	check(take(3), "30000 30001 30002 ")
	put(100, 101, 102) // another call
	check(take(4), "100 101 102 - ")
	put(104, 105, 106, 107, 108, 109, 110, 111, 112, 113)
	check(take(2), "105 106 ") // too much waits: 104 is passed over
	if j.skipped != 1 {
		t.Errorf("%d packets were passed over", j.skipped)
	}
	j.drop()
	if n := packets.Stats().Outstanding; n != 0 {
		t.Errorf("%d packets are out", n)
	}
}

func dashes(n int) (s string) {
	for range n {
		s += "- "
	}
	return s
}

// TestBadFlags says what is wrong.
func TestBadFlags(t *testing.T) {
	for _, c := range []config{{loss: 101, speed: 1}, {speed: 0}, {speed: 2}, {speed: 1, in: "/no/such/file"}, {speed: 1, listen: "256.0.0.1:1"}} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		if err := run(ctx, c, &bytes.Buffer{}); err == nil || ctx.Err() != nil {
			t.Errorf("%+v: %v", c, err)
		}
		cancel()
	}
}
