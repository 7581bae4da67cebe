package alsa

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/internal/testutil/soundcard"
)

var (
	moduleDir  string
	modulePath string // of the card, once a test has built it
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

// card configures a PCM "card" and a mixer "card" of the test card, the PCM with these fields, and what else is given.
func card(t testing.TB, fields string, more ...string) string {
	t.Helper()
	if modulePath == "" {
		modulePath = soundcard.Build(t, moduleDir)
	}
	return configure(t, soundcard.Conf(modulePath, "card", fields)+"ctl.card { type card }\n"+strings.Join(more, "\n"))
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

// patience is how long tests wait for what must happen. It only guards against hanging: a busy machine may be a hundred times as slow as an idle one.
const patience = 2 * time.Minute

// within runs f and fails the test if that hangs.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		buf := make([]byte, 1<<16)
		t.Fatalf("%s still runs after %v\n%s", what, patience, buf[:runtime.Stack(buf, true)])
	}
}
