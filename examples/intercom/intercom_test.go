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
	b, err := os.ReadFile(c.out)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(b); i += 2 {
		pcm = append(pcm, int16(binary.LittleEndian.Uint16(b[i:])))
	}
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

// TestCall talks to itself without loss: what is played is what was said, as loud as it was.
func TestCall(t *testing.T) {
	testutil.OpenFDs(t)
	in, said := voiced(t, 5)
	heard, n := call(t, in, func(*config) {})
	if n["packets"] == 0 || n["of them"] != 0 {
		t.Errorf("counts %v", n)
	}
	if n["packets"] < 150 || n["received"] < n["frames"]*3/4 || n["too late"] > n["packets"]/20 {
		t.Skipf("the machine is too busy for a call: counts %v", n)
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
			heard, n := call(t, in, func(c *config) { c.loss, c.fec = 20, fec })
			if n["of them"] == 0 || n["of them"] > n["packets"]/2 {
				t.Errorf("counts %v", n)
			}
			if n["packets"] < 150 || n["received"] < n["frames"]/2 || n["too late"] > n["packets"]/20 {
				t.Skipf("the machine is too busy for a call: counts %v", n)
			}
			if fec && n["made good"] < n["of them"]/3 || !fec && (n["made good"] > 0 || n["continued"] < n["of them"]/3) {
				t.Errorf("counts %v", n)
			}
			// The gaps are filled: no frame within the call is silent.
			silent, begun := 0, false
			for _, l := range loudness(heard)[:max(len(loudness(heard))-n["silent"]-5, 0)] {
				begun = begun || l > 500
				if begun && l < 50 {
					silent++
				}
			}
			// What is late on a busy machine comes in a row, and what continues the sound fades out.
			if silent > 3+2*n["too late"] {
				t.Errorf("%d frames are silent: counts %v", silent, n)
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
	frames, err := NewFramePool(pool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer frames.Close()
	packets, err := NewPacketPool(pool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	in, _ := voiced(t, 1)
	c := config{listen: "127.0.0.1:0", in: in, out: filepath.Join(t.TempDir(), "out.raw")}
	t.Setenv("ALSA_CONFIG_PATH", "")
	remove, err := useFiles(&c)
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	conn, peer, err := dial(c)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	want := alsa.Config{Rate: rate, Channels: 1, Period: frameSize}
	mic, err := alsa.Open(c.capture, alsa.Capture, want)
	if err != nil {
		t.Fatal(err)
	}
	defer mic.Close()
	ear, err := alsa.Open(c.playback, alsa.Playback, want)
	if err != nil {
		t.Fatal(err)
	}
	defer ear.Close()
	enc, err := opus.NewEncoder(opus.EncoderConfig{SampleRate: rate, Channels: 1, Application: opus.VoIP})
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	dec, err := opus.NewDecoder(opus.DecoderConfig{SampleRate: rate, Channels: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	s := &sender{mic: mic, enc: enc, frames: frames, packets: packets, conn: conn, peer: peer, random: newRandom(1)}
	s.header.Version, s.header.PayloadType = 2, payloadType
	r := &receiver{conn: conn, packets: packets}
	p := &player{from: &r.jitter, ear: ear, dec: dec, frames: frames}
	defer r.jitter.drop()
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
	other, err := net.Dial("udp", peer.String())
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
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if err := run(ctx, c, &bytes.Buffer{}); err == nil || ctx.Err() != nil {
			t.Errorf("%+v: %v", c, err)
		}
		cancel()
	}
}
