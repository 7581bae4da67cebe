package alsa

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	moduleDir  string
	moduleOnce sync.Once
	modulePath string
	moduleSkip string
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "alsa-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	moduleDir = dir
	// No test may touch the machine's own sound card or configuration.
	conf := filepath.Join(dir, "none.conf")
	if err := os.WriteFile(conf, nil, 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Setenv("ALSA_CONFIG_PATH", conf)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// configure makes conf alsa-lib's whole configuration for this test; DIR in it stands for the directory that it returns.
// alsa-lib reads its configuration again when ALSA_CONFIG_PATH names another file.
func configure(t *testing.T, conf string) string {
	t.Helper()
	if _, err := load(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "asound.conf")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(conf, "DIR", dir)), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALSA_CONFIG_PATH", path)
	return dir
}

// card configures a PCM "card" on the paced module in testdata, with these fields, and what else is given.
func card(t *testing.T, fields string, more ...string) string {
	t.Helper()
	moduleOnce.Do(buildModule)
	if moduleSkip != "" {
		t.Skip(moduleSkip)
	}
	return configure(t, fmt.Sprintf("pcm_type.card { lib %q }\npcm.card { type card\n%s }\n", modulePath, fields)+strings.Join(more, "\n"))
}

func buildModule() {
	cc := map[string]string{"arm": "arm-linux-gnueabihf-gcc", "arm64": "aarch64-linux-gnu-gcc", "amd64": "x86_64-linux-gnu-gcc", "386": "i686-linux-gnu-gcc"}[runtime.GOARCH]
	cc, err := exec.LookPath(cc)
	if err != nil {
		moduleSkip = fmt.Sprintf("no C compiler for %s builds the paced card: %v", runtime.GOARCH, err)
		return
	}
	path := filepath.Join(moduleDir, "card.so")
	out, err := exec.Command(cc, "-shared", "-fPIC", "-DPIC", "-Wall", "-Wextra", "-Werror", "-o", path, "testdata/pcm_card.c", "-lasound").CombinedOutput()
	if err != nil && strings.Contains(string(out), "asoundlib.h") {
		moduleSkip = "no alsa-lib headers (package libasound2-dev) to build the paced card"
		return
	}
	if err != nil {
		panic(fmt.Sprintf("building testdata/pcm_card.c: %v\n%s", err, out))
	}
	modulePath = path
}

// open opens a PCM that is closed at the end of the test.
func open(t *testing.T, name string, dir Direction, c Config) *PCM {
	t.Helper()
	p, err := Open(name, dir, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// noise is n bytes in which every 4-byte frame differs from its neighbours.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// within runs f and fails the test if it does not return in time.
func within(t *testing.T, d time.Duration, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(d):
		buf := make([]byte, 1<<16)
		t.Fatalf("%s still runs after %v\n%s", what, d, buf[:runtime.Stack(buf, true)])
	}
}

// descriptors counts the process's open file descriptors.
func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
