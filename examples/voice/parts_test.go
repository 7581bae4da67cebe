package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

func framePool(t *testing.T) *FramePool {
	t.Helper()
	frames, err := NewFramePool(pool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := frames.Close(); err != nil {
			t.Error(err)
		}
	})
	return frames
}

// The meter finds the largest of the samples in use, leaves the frame as it is, and takes no reference with it.
func TestMeter(t *testing.T) {
	frames := framePool(t)
	for _, c := range []struct {
		samples uint32
		at      int
		value   int16
		want    int
	}{
		{960, 0, 0, 0}, {960, 0, 5, 5}, {960, 959, -7, 7}, {960, 480, 32767, 32767}, {960, 1, -32768, 32768},
		{480, 480, 1000, 0}, {480, 479, 1000, 1000}, {0, 0, 9, 0},
		{1 << 31, 959, 11, 11}, // more than there are: only those that are
	} {
		f, err := frames.Get()
		if err != nil {
			t.Fatal(err)
		}
		v := f.Value()
		clear(v.PCM[:])
		v.Samples, v.PCM[c.at], v.PTS = c.samples, c.value, 77
		got, err := meter(frames, f)
		if err != nil || got != c.want || int(v.Peak) != c.want {
			t.Errorf("%+v: %d, peak %d, %v", c, got, v.Peak, err)
		}
		if v.PTS != 77 || v.PCM[c.at] != c.value {
			t.Errorf("%+v: the frame has changed", c)
		}
		f.Release()
	}
	if s := frames.Stats(); s.Outstanding != 0 || s.Stale != 0 {
		t.Errorf("after the meter: %+v", s)
	}
}

func TestMeterRefusesAStaleFrame(t *testing.T) {
	frames := framePool(t)
	f, err := frames.Get()
	if err != nil {
		t.Fatal(err)
	}
	f.Release()
	defer func() {
		if e := recover(); (e != nil) == cgo {
			t.Errorf("panic: %v", e) // without cgo Go finds the misuse, and panics
		}
	}()
	//lint:ignore PG1002 what happens then is the point
	if _, err := meter(frames, f); err == nil || !strings.Contains(err.Error(), "measuring the level") {
		t.Errorf("a released frame was measured: %v", err)
	}
}

func TestSeries(t *testing.T) {
	s := newSeries()
	room := cap(s.points)
	n := testing.AllocsPerRun(20, func() {
		s.points, s.perPoint, s.n = s.points[:0], 1, 0
		for i := range 10*room + 3 {
			s.add(i)
		}
	})
	if n != 0 || cap(s.points) != room {
		t.Errorf("%v allocations, room for %d", n, cap(s.points))
	}
	if s.n != 10*room+3 || s.perPoint != 16 || len(s.points) != (s.n+15)/16 {
		t.Fatalf("%d values, %d a point, %d points", s.n, s.perPoint, len(s.points))
	}
	for i, v := range s.points {
		if want := min(16*i+15, s.n-1); v != want {
			t.Fatalf("point %d is %d, not %d", i, v, want)
		}
	}
	if s.last() != s.n-1 || (&series{}).last() != 0 {
		t.Error("last")
	}
}

func TestPictures(t *testing.T) {
	if got := waveform([]int{0, 32768, 16384, 4096}, 72); got != " █▄▁" {
		t.Errorf("waveform %q", got)
	}
	if got := waveform([]int{0, 32768, 0, 0}, 2); got != "█ " || waveform(nil, 9) != "" {
		t.Errorf("waveform %q", got)
	}
	frames, packets := newSeries(), newSeries()
	for _, empty := range []bool{true, false} {
		if !empty {
			for i := range 100 {
				frames.add(1)
				packets.add(i%50 + 1)
			}
		}
		svg := string(occupancy(frames, packets))
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v in\n%s", err, svg)
			}
		}
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") || strings.Contains(svg, "%!") {
			t.Errorf("no numbers in\n%s", svg)
		}
		if want := fmt.Sprintf("packets: at most %d", map[bool]int{true: 0, false: 50}[empty]); !strings.Contains(svg, want) {
			t.Errorf("no %q in\n%s", want, svg)
		}
	}
}

func TestOggChecksum(t *testing.T) {
	// The check value of CRC-32/CKSUM, which differs by a complement at the end alone.
	if got := oggChecksum([]byte("123456789")); got != ^uint32(0x765e7680) {
		t.Errorf("%#x", got)
	}
}

// What comes out is as long as what went in, to the sample, however little that was.
func TestLengths(t *testing.T) {
	for _, samples := range []int{1, 119, 648, 649, 960, 3841, 48000, 48001} {
		name := filepath.Join(t.TempDir(), "x.opus")
		out, err := voice(t, "-o", name, "-svg", name+".svg", wav(t, float64(samples)/rate, rate))
		if err != nil {
			t.Fatalf("%d samples: %v\n%s", samples, err, out)
		}
		accepted(t, name)
		if samples < 48000 && !strings.Contains(out, "too short to count allocations") {
			t.Errorf("%d samples: allocations that nobody counted:\n%s", samples, out)
		}
		for _, raw := range []string{decoded(t, name), strings.TrimSuffix(name, ".opus") + ".raw"} {
			if st, err := os.Stat(raw); err != nil || st.Size() != int64(2*samples) {
				t.Errorf("%s of %d samples: %v, %v", filepath.Base(raw), samples, st.Size(), err)
			}
		}
	}
}

// Ctrl-C before the first sample leaves a file too, with nothing in it.
func TestInterruptedAtOnce(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "asound.conf")
	if err := os.WriteFile(conf, []byte("pcm.endless { type null }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALSA_CONFIG_PATH", conf)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	name := filepath.Join(dir, "x.opus")
	var out bytes.Buffer
	if err := run(ctx, config{output: name, svg: name + ".svg", capture: "endless", playback: "endless", seconds: 5, bitrate: 24000}, &out); err != nil {
		t.Fatal(err)
	}
	if got := accepted(t, name); got != 0 {
		t.Errorf("%.3f s of nothing", got)
	}
}

// Frames that were used before hold old samples: none of them is heard, neither in front of the sound nor behind it.
func TestSilenceStaysSilent(t *testing.T) {
	t.Setenv("POOLGEN_DEBUG", "poison")
	silence := wav(t, 0.2+100.0/rate, rate)
	b, err := os.ReadFile(silence)
	if err != nil {
		t.Fatal(err)
	}
	clear(b[len(b)-2*(rate/5+100):])
	if err := os.WriteFile(silence, b, 0o644); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "x.opus")
	if out, err := voice(t, "-o", name, "-svg", name+".svg", silence); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got, err := os.ReadFile(decoded(t, name))
	if err != nil || len(got) != 2*(rate/5+100) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	for i := 0; i+480 <= len(got); i += 480 {
		if l := loudness(got[i : i+480]); l > 2 {
			t.Fatalf("%.0f at sample %d", l, i/2)
		}
	}
}

// The speech of Debian's recordings comes back as itself, in place.
func TestSpeech(t *testing.T) {
	var in []byte
	args := []string{"-o", filepath.Join(t.TempDir(), "x.opus"), "-svg", filepath.Join(t.TempDir(), "x.svg")}
	for _, name := range []string{"Front_Left.wav", "Rear_Right.wav"} {
		file := testutil.RequireFile(t, "/usr/share/sounds/alsa/"+name, "alsa-utils")
		pcm, err := readWAV(file)
		if err != nil {
			t.Fatal(err)
		}
		in, args = append(in, pcm...), append(args, file)
	}
	if out, err := voice(t, args...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got, err := os.ReadFile(decoded(t, args[1]))
	if err != nil || len(got) != len(in) {
		t.Fatalf("%d bytes, not %d, %v", len(got), len(in), err)
	}
	like := func(lag int) float64 {
		var both, a, b float64
		for i := 2 * 960; i < len(in)-2*960; i += 2 {
			x, y := float64(int16(binary.LittleEndian.Uint16(in[i:]))), float64(int16(binary.LittleEndian.Uint16(got[i+2*lag:])))
			both, a, b = both+x*y, a+x*x, b+y*y
		}
		return both / math.Sqrt(a*b)
	}
	best, at := 0.0, 0
	for lag := -480; lag <= 480; lag++ {
		if v := like(lag); v > best {
			best, at = v, lag
		}
	}
	t.Logf("like itself by %.3f, %d samples later", best, at)
	if best < 0.8 || at < -12 || at > 12 {
		t.Errorf("the speech is like itself by %.3f, %d samples later", best, at)
	}
}

// A disk that fills up: the error names the file, what was there before stays, and no part is left.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=32k"); err != nil {
		t.Skipf("a small file system needs root: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	name := filepath.Join(dir, "x.opus")
	if err := os.WriteFile(name, []byte("older"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := voice(t, "-o", name, "-svg", filepath.Join(t.TempDir(), "x.svg"), "-bitrate", "128000", wav(t, 20, rate))
	if err == nil || !strings.Contains(out, "writing "+name) || !strings.Contains(out, "no space left on device") {
		t.Errorf("%v\n%s", err, out)
	}
	if b, err := os.ReadFile(name); err != nil || string(b) != "older" {
		t.Errorf("the older file: %d bytes, %v", len(b), err)
	}
	if left, _ := filepath.Glob(name + "*"); len(left) != 1 {
		t.Errorf("%v left behind", left)
	}
}
