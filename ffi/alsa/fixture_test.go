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

	"github.com/poolgen/poolgen/internal/testutil"
)

var (
	moduleDir  string
	moduleOnce sync.Once
	modulePath string
	moduleErr  error
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
func configure(t testing.TB, conf string) string {
	t.Helper()
	if _, err := load(); err != nil {
		if os.Getenv(testutil.RequireAll) == "1" && (runtime.GOARCH == "amd64" || runtime.GOARCH == "arm") {
			t.Fatal(err)
		}
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
	cc := compiler(t)
	moduleOnce.Do(func() { modulePath, moduleErr = buildModule(cc) })
	if moduleErr != nil {
		t.Fatal(moduleErr)
	}
	return configure(t, fmt.Sprintf("pcm_type.card { lib %q }\npcm.card { type card\n%s }\n", modulePath, fields)+strings.Join(more, "\n"))
}

// compiler finds the C compiler for the architecture of the test, and alsa-lib's headers.
func compiler(t *testing.T) string {
	t.Helper()
	var cc string
	switch runtime.GOARCH {
	case "amd64":
		cc = testutil.RequireTool(t, "x86_64-linux-gnu-gcc", "gcc")
	case "arm":
		cc = testutil.RequireTool(t, "arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf")
	default:
		t.Skipf("no C compiler for %s to build the paced card with", runtime.GOARCH)
	}
	testutil.RequireFile(t, "/usr/include/alsa/pcm_ioplug.h", "libasound2-dev")
	return cc
}

func buildModule(cc string) (string, error) {
	path := filepath.Join(moduleDir, "card.so")
	out, err := exec.Command(cc, "-shared", "-fPIC", "-DPIC", "-Wall", "-Wextra", "-Werror", "-o", path, "testdata/pcm_card.c", "-lasound").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building testdata/pcm_card.c: %w\n%s", err, out)
	}
	return path, nil
}

// open opens a PCM that is closed at the end of the test.
func open(t testing.TB, name string, dir Direction, c Config) *PCM {
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
