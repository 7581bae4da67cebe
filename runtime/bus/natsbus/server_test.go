package natsbus_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/runtime/bus/natsbus"
)

// A server without a folder has nothing to do with others: nothing that is where temporary files go keeps it from starting, and it leaves nothing there,
// also while it runs. Who wants files of it is told at once.
func TestMemoryOnly(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	if err := os.WriteFile(filepath.Join(temp, "jetstream"), nil, 0o400); err != nil { // where nats-server would keep its files
		t.Fatal(err)
	}
	there := func(when string) {
		t.Helper()
		if all, err := filepath.Glob(filepath.Join(temp, "*")); err != nil || len(all) != 1 {
			t.Errorf("%s: %q, %v", when, all, err)
		}
	}
	server, err := natsbus.StartServer(natsbus.ServerOptions{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	there("started")
	if c, err := natsbus.Open(patient(t), natsbus.Options{URL: server.URL()}); err == nil {
		c.Close()
		t.Error("it promises to keep files")
	} else if !strings.Contains(err.Error(), "Options.Memory") {
		t.Error(err)
	}
	c := open(t, natsbus.Options{URL: server.URL(), Memory: true, Inline: 100})
	for _, o := range []natsbus.SubOptions{{Lazy: true}, {Lazy: true, Durable: "d"}} {
		s := subscribe(t, c, "x", o)
		publish(t, c, "x", "", string(noise(1000)))
		next(t, s).Release()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	there("used")
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	server.Close()
	there("closed")
	t.Setenv("TMPDIR", filepath.Join(temp, "none"))
	c, err = natsbus.Open(t.Context(), natsbus.Options{})
	if err == nil {
		c.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "set TMPDIR") {
		t.Errorf("without a place for temporary files: %v", err)
	}
}

// A server that cannot start says why.
func TestServerSaysWhy(t *testing.T) {
	server := listening(t, natsbus.ServerOptions{})
	taken := strings.TrimPrefix(server.URL(), "nats://")
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	store := t.TempDir()
	if err := os.WriteFile(filepath.Join(store, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		o    natsbus.ServerOptions
		want string
	}{
		{natsbus.ServerOptions{Listen: taken}, "address already in use"},
		{natsbus.ServerOptions{Store: file}, "ServerOptions.Store"},
		{natsbus.ServerOptions{Store: store}, "storage directory is not a directory"},
	} {
		s, err := natsbus.StartServer(k.o)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), k.want) {
			t.Errorf("%+v: %v", k.o, err)
		}
	}
}
