package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/ffi/alsa"
	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// card sets up a sound card in user space, which keeps time, as PCM "mic" with the given faults, and another as "spk".
func card(t *testing.T, faults string) (dir string) {
	t.Helper()
	cc := map[string]string{"amd64": "x86_64-linux-gnu-gcc", "arm": "arm-linux-gnueabihf-gcc"}[runtime.GOARCH]
	if cc == "" {
		t.Skipf("no C compiler for %s to build the card with", runtime.GOARCH)
	}
	cc = testutil.RequireTool(t, cc, map[string]string{"amd64": "gcc", "arm": "gcc-arm-linux-gnueabihf"}[runtime.GOARCH])
	testutil.RequireFile(t, "/usr/include/alsa/pcm_ioplug.h", "libasound2-dev")
	dir = t.TempDir()
	module := filepath.Join(dir, "card.so")
	if out, err := exec.Command(cc, "-shared", "-fPIC", "-DPIC", "-o", module, "../../internal/testutil/soundcard/module/pcm.c", "-lasound").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var raw []byte
	for i := range 4 * rate {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(int16(9000*math.Sin(2*math.Pi*440*float64(i)/rate))))
	}
	conf := fmt.Sprintf("pcm_type.card { lib %q }\npcm.mic { type card file %q %s }\npcm.spk { type card file %q tick_us 500 }\n",
		module, filepath.Join(dir, "in.raw"), faults, filepath.Join(dir, "out.raw"))
	for name, content := range map[string][]byte{"in.raw": raw, "asound.conf": []byte(conf)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("ALSA_CONFIG_PATH", filepath.Join(dir, "asound.conf"))
	return dir
}

// onCard are the arguments for a recording from the card.
func onCard(dir, seconds string) []string {
	return []string{"-capture", "mic", "-playback", "spk", "-seconds", seconds, "-o", filepath.Join(dir, "x.opus"), "-svg", filepath.Join(dir, "x.svg")}
}

// An overrun costs what came meanwhile, is counted, and the recording goes on to its full length.
func TestCardOverrun(t *testing.T) {
	dir := card(t, "tick_us 500 xrun_at 48000")
	out, err := voice(t, onCard(dir, "2")...)
	if err != nil || !strings.Contains(out, "2.00 s") || !strings.Contains(out, "of Opus, 1 xruns") {
		t.Errorf("%v\n%s", err, out)
	}
	if got := accepted(t, filepath.Join(dir, "x.opus")); math.Abs(got-2) > 0.0011 {
		t.Errorf("%.3f s", got)
	}
}

// A microphone that is unplugged is an error; what it gave before is kept.
func TestCardUnplugged(t *testing.T) {
	dir := card(t, "tick_us 500 unplug_at 48000")
	out, err := voice(t, onCard(dir, "3")...)
	if err == nil || !strings.Contains(out, "x.opus has what came before") || !strings.Contains(out, "no such device") || !strings.Contains(out, "outstanding 0") {
		t.Errorf("%v\n%s", err, out)
	}
	// The second second ended with an error, which allocates: it is not counted.
	if !strings.Contains(out, "too short to count allocations") {
		t.Errorf("allocations of the error are counted:\n%s", out)
	}
	if got := accepted(t, filepath.Join(dir, "x.opus")); got < 0.9 || got > 1.1 {
		t.Errorf("%.3f s of one", got)
	}
}

// One that is gone before it gave anything leaves no file.
func TestCardGoneAtOnce(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "asound.conf")
	if err := os.WriteFile(conf, []byte("pcm.endless { type null }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALSA_CONFIG_PATH", conf)
	c := config{output: filepath.Join(dir, "x.opus"), capture: "endless", playback: "endless", seconds: 5, bitrate: 24000}
	s, err := openSource(&c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.in.Close(); err != nil {
		t.Fatal(err)
	}
	packets, err := NewPacketPool(pool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := record(context.Background(), c, s, framePool(t), packets, io.Discard); !errors.Is(err, alsa.ErrClosed) {
		t.Errorf("%v", err)
	}
	if left, _ := filepath.Glob(dir + "/x.opus*"); len(left) > 0 {
		t.Errorf("%v left behind", left)
	}
	if err := packets.Close(); err != nil {
		t.Error(err)
	}
}

// Ctrl-C also ends a read that waits for a card that is stuck.
func TestCardStuck(t *testing.T) {
	dir := card(t, "tick_us 0")
	cmd := voiceCommand(t, onCard(dir, "3")...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, "x.opus.partial")); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it did not begin")
		}
	}
	time.Sleep(100 * time.Millisecond) // into the read
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "stopped   before its end") {
		t.Errorf("%v\n%s", err, out.String())
	}
	if got := accepted(t, filepath.Join(dir, "x.opus")); got != 0 {
		t.Errorf("%.3f s from a stuck card", got)
	}
}

// Where the first Ctrl-C cannot end the program, because a reader of its output does not read, the second one does.
func TestSecondInterrupt(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	// Fill the pipe: what the program prints first waits for ever.
	if err := w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = w.Write(make([]byte, 4096))
	}
	cmd := voiceCommand(t, "-o", filepath.Join(t.TempDir(), "x.opus"), "-svg", filepath.Join(t.TempDir(), "x.svg"), wav(t, 1, rate))
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if found, _ := filepath.Glob(temp + "/voice-*/in.raw"); len(found) > 0 {
			break // signals are caught by now
		}
		if time.Now().After(deadline) {
			t.Fatal("it did not begin")
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		t.Fatalf("the first ended it: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	second := func() {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Error(err)
		}
	}
	second()
	// On a busy machine it may have seen the first one so late that it takes the second for the same: then it ends at the next.
	again := time.AfterFunc(10*time.Second, second)
	defer again.Stop()
	select {
	case err := <-ended:
		if st, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !st.Signaled() || st.Signal() != syscall.SIGINT {
			t.Errorf("it ended otherwise: %v", err)
		}
	case <-time.After(2 * time.Minute):
		t.Error("the second one does not end it")
	}
}
