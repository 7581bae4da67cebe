package main

import (
	"bufio"
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
)

// bin is this program, built as the test is.
var bin string

func TestMain(m *testing.M) {
	if os.Getenv("VOICE_AS_PROGRAM") == "1" {
		main()
		return
	}
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	bin = exe
	os.Exit(m.Run())
}

// voice runs this program in a folder of its own. The test binary stands in for it, so that it runs under emulation too.
func voice(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := voiceCommand(t, args...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func voiceCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(bin, args...)
	if runtime.GOARCH == "arm" {
		if _, err := os.Stat("/proc/sys/fs/binfmt_misc/qemu-arm"); err != nil {
			qemu := testutil.RequireTool(t, "qemu-arm-static", "qemu-user-static")
			cmd = exec.Command(qemu, append([]string{bin}, args...)...)
		}
	}
	cmd.Env = append(os.Environ(), "VOICE_AS_PROGRAM=1")
	// One that is left running would fill the disk.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// sweep is sample i of a tone that rises from 200 Hz by 400 Hz a second: it is like itself at one place only.
func sweep(i int) float64 {
	t := float64(i) / rate
	return 12000 * math.Sin(2*math.Pi*(200+200*t)*t)
}

// shift is by how many samples the sound in b, 16-bit samples, comes later than the sweep: where the two correlate best.
func shift(b []byte) int {
	best, at := 0.0, -1000
	for lag := -480; lag <= 480; lag++ {
		sum := 0.0
		for i := rate / 10; i < 2*rate; i += 5 {
			sum += sweep(i) * float64(int16(binary.LittleEndian.Uint16(b[2*(i+lag):])))
		}
		if sum > best {
			best, at = sum, lag
		}
	}
	return at
}

// wav writes seconds of the sweep.
func wav(t *testing.T, seconds float64, hz uint32) string {
	t.Helper()
	n := int(seconds * rate)
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	b = binary.LittleEndian.AppendUint32(b, hz)
	b = binary.LittleEndian.AppendUint32(b, 2*hz)
	b = append(b, 2, 0, 16, 0)
	b = append(b, "LIST\x03\x00\x00\x00abc\x00data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*n))
	for i := range n {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(sweep(i))))
	}
	name := filepath.Join(t.TempDir(), "tone.wav")
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

var allocsLine = regexp.MustCompile(`(\d+\.\d\d) allocations per frame for capture`)

// cgo tells which binding this build has.
var cgo = strings.HasPrefix(meterName, "C,")

var lengthLine = regexp.MustCompile(`Playback length: (\d+)m:([0-9.]+)s`)

// accepted checks a file with Xiph's own tools: no warning, the length in seconds, and the sound where it belongs.
func accepted(t *testing.T, name string) float64 {
	t.Helper()
	info := testutil.RequireTool(t, "opusinfo", "opus-tools")
	out, err := exec.Command(info, name).CombinedOutput()
	m := lengthLine.FindSubmatch(out)
	if err != nil || m == nil || strings.Contains(strings.ToLower(string(out)), "warning") {
		t.Fatalf("opusinfo: %v\n%s", err, out)
	}
	minutes, _ := strconv.ParseFloat(string(m[1]), 64)
	seconds, _ := strconv.ParseFloat(string(m[2]), 64)
	return 60*minutes + seconds
}

// decoded is what opusdec, an independent decoder, makes of the file, without a warning.
func decoded(t *testing.T, name string) string {
	t.Helper()
	dec := testutil.RequireTool(t, "opusdec", "opus-tools")
	raw := filepath.Join(t.TempDir(), "dec.raw")
	out, err := exec.Command(dec, "--no-dither", name, raw).CombinedOutput()
	if text := strings.ToLower(string(out)); err != nil || !strings.Contains(text, "decoding complete") || strings.Contains(text, "warning") {
		t.Fatalf("opusdec: %v\n%s", err, out)
	}
	return raw
}

// loudness is the root of the mean square of 16-bit samples.
func loudness(b []byte) float64 {
	sum := 0.0
	for i := 0; i+1 < len(b); i += 2 {
		v := float64(int16(binary.LittleEndian.Uint16(b[i:])))
		sum += v * v
	}
	return math.Sqrt(sum / float64(len(b)/2))
}

func TestRecordAndPlay(t *testing.T) {
	dir := t.TempDir()
	opusFile, svg := filepath.Join(dir, "out.opus"), filepath.Join(dir, "pool.svg")
	const seconds = 6.345
	in := wav(t, seconds, rate)
	out, err := voice(t, "-o", opusFile, "-svg", svg, in)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// Without cgo a call's argument block comes from a sync.Pool, which is empty at first on each processor and after each collection.
	if m := allocsLine.FindStringSubmatch(out); m == nil || m[1] != "0.00" && (cgo || m[1] > "0.10") {
		t.Errorf("allocations per frame:\n%s", out)
	}
	for _, want := range []string{"outstanding 0", "0 xruns", "meter in " + meterName, "stale 0"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "\r") {
		t.Error("progress without a terminal")
	}
	if got := accepted(t, opusFile); math.Abs(got-seconds) > 0.0011 { // opusinfo cuts to milliseconds
		t.Errorf("%.3f s, not %.3f", got, seconds)
	}
	// What an independent decoder makes of it is the tone, in place.
	raw := decoded(t, opusFile)
	played := filepath.Join(dir, "out.raw")
	for _, name := range []string{raw, played} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if want := 2 * int(math.Round(seconds*rate)); len(b) != want {
			t.Errorf("%s has %d bytes, not %d", filepath.Base(name), len(b), want)
		}
		if l := loudness(b[len(b)-480:]); l < 3000 {
			t.Errorf("%s: the last 5 ms are silent: %.0f", filepath.Base(name), l)
		}
		if lag := shift(b); lag < -24 || lag > 24 {
			t.Errorf("%s: the sound is %d samples from where it was", filepath.Base(name), lag)
		}
	}
	if b, err := os.ReadFile(svg); err != nil || !strings.Contains(string(b), "<polyline") {
		t.Errorf("the picture: %v", err)
	}
	if _, err := os.Stat(opusFile + ".partial"); err == nil {
		t.Error("the partial file is left")
	}
}

// Ctrl-C ends the recording with a valid file. A FIFO-paced source would be a real device's; here it is the null PCM, which never ends.
func TestInterrupt(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "asound.conf")
	if err := os.WriteFile(conf, []byte("pcm.endless { type null }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	opusFile := filepath.Join(dir, "out.opus")
	cmd := voiceCommand(t, "-o", opusFile, "-svg", filepath.Join(dir, "p.svg"), "-capture", "endless", "-playback", "endless", "-seconds", "3600")
	cmd.Env = append(cmd.Env, "ALSA_CONFIG_PATH="+conf)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(pipe)
	lines.Scan() // it has begun
	deadline := time.Now().Add(2 * time.Minute)
	for st, err := os.Stat(opusFile + ".partial"); err != nil || st.Size() < 1000; st, err = os.Stat(opusFile + ".partial") {
		if time.Now().After(deadline) {
			t.Fatalf("nothing was recorded: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	var rest strings.Builder
	for lines.Scan() {
		rest.WriteString(lines.Text() + "\n")
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, rest.String())
	}
	if !strings.Contains(rest.String(), "stopped   before its end") {
		t.Errorf("no word of the interrupt:\n%s", rest.String())
	}
	if !strings.Contains(rest.String(), "outstanding 0") {
		t.Errorf("blocks are left out:\n%s", rest.String())
	}
	if accepted(t, opusFile) < 0.5 {
		t.Error("almost nothing was recorded")
	}
}

func TestFaults(t *testing.T) {
	dir := t.TempDir()
	good := wav(t, 1, rate)
	text := filepath.Join(dir, "text.wav")
	if err := os.WriteFile(text, []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	svg := filepath.Join(dir, "p.svg")
	conf := filepath.Join(dir, "none.conf")
	if err := os.WriteFile(conf, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALSA_CONFIG_PATH", conf)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"full disk", []string{"-o", "/dev/full", good}, []string{"/dev/full", "no space left on device"}},
		{"no such folder's file", []string{"-o", text + "/x.opus", good}, []string{"not a directory"}},
		{"not a recording", []string{"-o", dir + "/x.opus", text}, []string{"text.wav is not a WAV file"}},
		{"wrong rate", []string{"-o", dir + "/x.opus", wav(t, 0.1, 44100)}, []string{"at 44100 Hz: convert it"}},
		{"no such recording", []string{"-o", dir + "/x.opus", dir + "/none.wav"}, []string{"none.wav", "no such file"}},
		{"no sound card", []string{"-o", dir + "/x.opus", "-capture", "hw:9"}, []string{"hw:9", "no microphone?"}},
		{"no time", []string{"-o", dir + "/x.opus", "-capture", "null", "-seconds", "0"}, []string{"0 seconds: it must be more than 0 and at most 86400"}},
		{"negative time", []string{"-o", dir + "/x.opus", "-capture", "null", "-seconds", "-1"}, []string{"-1 seconds"}},
		{"absurd time", []string{"-o", dir + "/x.opus", "-capture", "null", "-seconds", "1e12"}, []string{"1e+12 seconds"}},
		{"no number", []string{"-o", dir + "/x.opus", "-capture", "null", "-seconds", "NaN"}, []string{"NaN seconds"}},
		{"empty recording", []string{"-o", dir + "/x.opus", wav(t, 0, rate)}, []string{"tone.wav holds no sound"}},
		{"bad bitrate", []string{"-o", dir + "/x.opus", "-bitrate", "3", good}, []string{"bitrate of 3 bit/s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := voice(t, append([]string{"-svg", svg}, c.args...)...)
			if err == nil {
				t.Fatalf("no error:\n%s", out)
			}
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in:\n%s", want, out)
				}
			}
			if left, _ := filepath.Glob(dir + "/x.opus*"); len(left) > 0 {
				t.Errorf("%v left behind", left)
			}
			if left, _ := filepath.Glob(temp + "/*"); len(left) > 0 {
				t.Errorf("%v left behind", left)
			}
			if strings.Contains(out, "goroutine ") {
				t.Errorf("a panic:\n%s", out)
			}
		})
	}
}

// A recording that failed leaves neither a file nor a part of one; what was there before stays.
func TestFailedRecordingLeavesNothing(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.opus")
	if err := os.WriteFile(name, []byte("older"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := createOgg(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.finish(-1); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(name); err != nil || string(b) != "older" {
		t.Errorf("the older file: %q, %v", b, err)
	}
	if left, _ := filepath.Glob(name + ".*"); len(left) > 0 {
		t.Errorf("%v left behind", left)
	}
}
