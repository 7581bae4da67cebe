package natsbus_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/bus/natsbus"
)

// serverEnv makes the test binary a server with these options, in JSON.
const serverEnv = "POOLGEN_NATSBUS_SERVER"

func serve() {
	var o natsbus.ServerOptions
	if err := json.Unmarshal([]byte(os.Getenv(serverEnv)), &o); err != nil {
		panic(err)
	}
	s, err := natsbus.StartServer(o)
	if err != nil {
		panic(err)
	}
	fmt.Println(s.URL())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends
	s.Close()
}

// process is a server of its own.
type process struct {
	cmd  *exec.Cmd
	url  string
	stop io.Closer
}

func startProcess(t testing.TB, o natsbus.ServerOptions) *process {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), serverEnv+"="+string(text)), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, stop: in}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	p.url = strings.TrimSpace(line)
	return p
}

// freePorts are so many ports that nobody listens to.
func freePorts(t testing.TB, n int) []string {
	t.Helper()
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().String())
	}
	return ports
}

// Three servers in processes; one is killed while events are published and received, and comes back. Nothing that was acknowledged is lost, and
// nothing comes twice.
func TestCluster(t *testing.T) {
	if testing.Short() || checked || emulated {
		t.Skip("three servers need a machine of their own speed, and 64 bits: runs in the plain legs")
	}
	gossip, listen := freePorts(t, 3), freePorts(t, 3)
	options := make([]natsbus.ServerOptions, 3)
	servers := make([]*process, 3)
	for i := range 3 {
		options[i] = natsbus.ServerOptions{
			Name: fmt.Sprintf("s%d", i), Listen: listen[i], Store: t.TempDir(), Cluster: "test", Gossip: gossip[i], Routes: strings.Join(gossip, ","),
		}
		servers[i] = startProcess(t, options[i])
	}
	all := fmt.Sprintf("%s,%s,%s", servers[0].url, servers[1].url, servers[2].url)
	o := natsbus.Options{URL: all, Replicas: 3, Inline: 2000, Attempt: time.Second}
	publisher, receiver := open(t, o), open(t, o)
	p := blocks(t, 10_000, 64)
	s := subscribe(t, receiver, "frame", natsbus.SubOptions{Pool: p, Durable: "all", From: natsbus.All, AckWait: 2 * time.Second})

	const before, during, after = 100, 200, 50
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	step := make(chan int, before+during+after)
	failed := make(chan error, 1)
	go func() {
		defer close(step)
		for i := range before + during + after {
			head, size := fmt.Sprint(i), 100
			if i%10 == 9 {
				size = 5000 // by the object store
			}
			if _, err := publisher.Publish(patient(t), "frame", []byte(head), noise(size)); err != nil {
				failed <- fmt.Errorf("event %d: %w", i, err)
				return
			}
			mu.Lock()
			acknowledged[head] = true
			mu.Unlock()
			step <- i
		}
		failed <- nil
	}()
	received := map[string]int{}
	done := make(chan error, 1)
	go func() {
		for len(received) < before+during+after {
			m, err := s.Next(patient(t))
			if err != nil {
				done <- err
				return
			}
			received[string(m.Head)]++
			if n := m.Buf.Len(); n != m.Size || n != 100 && n != 5000 {
				done <- fmt.Errorf("event %s has %d bytes", m.Head, n)
				return
			}
			err = m.Ack(patient(t))
			m.Release()
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for i := range step {
		switch i {
		case before:
			// The one that the publisher talks to: it loses its connection too.
			if err := errors.Join(servers[0].cmd.Process.Kill()); err != nil {
				t.Error(err)
			}
			_ = servers[0].cmd.Wait()
		case before + during:
			servers[0] = startProcess(t, options[0])
		}
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatalf("after %d: %v", len(received), err)
	}
	for head := range acknowledged {
		if received[head] != 1 {
			t.Errorf("event %s came %d times", head, received[head])
		}
	}
	t.Logf("publisher %+v, receiver %+v, %d events came again and were dropped", publisher.Stats(), receiver.Stats(), s.Repeats())
}
