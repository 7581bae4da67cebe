package stream

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/pool"
)

// helperSocket is set in the process that is a server for TestKilledServer.
const helperSocket = "POOLGEN_STREAM_TEST_SOCKET"

// TestHelperServer is the body of that process: it sends numbered frames until it is killed.
func TestHelperServer(t *testing.T) {
	path := Path(helperSocket, "")
	if path == "" {
		t.Skip("runs only within TestKilledServer")
	}
	s, err := Listen(path, Options{Policy: DropOldest})
	if err != nil {
		t.Fatal(err)
	}
	p, err := pool.New(3840, pool.Options{Max: 256})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		b, err := p.Wait(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		fill(b.Bytes(), i)
		if _, err := s.Send(context.Background(), Message{Timestamp: int64(i), Buf: b}); err != nil {
			t.Fatal(err)
		}
		b.Release()
		if i%64 == 0 {
			time.Sleep(100 * time.Microsecond)
		}
	}
}

// The server is killed while it sends, again and again. The next one takes its socket's file over, and the client goes on with whole
// frames: none is torn, and no block is lost.
func TestKilledServer(t *testing.T) {
	f := setUp(t)
	start := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0], "-test.run=^TestHelperServer$", "-test.timeout=60s")
		cmd.Env = append(os.Environ(), helperSocket+"="+f.path)
		if err := cmd.Start(); err != nil {
			if runtime.GOARCH != "amd64" {
				t.Skipf("starting a process of this architecture: %v", err)
			}
			t.Fatal(err)
		}
		return cmd
	}
	cmd := start()
	c := f.client(Options{Pool: f.in, MinBackoff: time.Millisecond, MaxBackoff: 10 * time.Millisecond, ReadAhead: 100})
	const rounds = 5
	before, latest := uint64(0), uint64(0) // connections
	for round := range rounds {
		for got := 0; got < 100; {
			m, err := c.Receive(f.ctx)
			if err == nil {
				err = same(m.Bytes(), int(m.Timestamp), 3840)
			}
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			if latest = m.Peer; latest > before {
				got++
			}
			m.Release()
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		before = latest
		if _, err := os.Lstat(f.path); err != nil {
			t.Errorf("round %d: the file of a killed server: %v", round, err)
		}
		if round < rounds-1 {
			cmd = start()
		}
	}
	if st := c.Stats(); st.Connects < rounds || st.Received < 100*rounds {
		t.Errorf("%+v", st)
	}
}
