package nats

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/poolgen/poolgen/runtime/ipc"
	"github.com/poolgen/poolgen/runtime/pool"
)

// role is the environment variable that makes this program the other process: a way, and where the publisher is.
const role = "POOLGEN_BENCH"

func TestMain(m *testing.M) {
	way, where, ok := strings.Cut(os.Getenv(role), " ")
	if !ok {
		os.Exit(m.Run())
	}
	if err := map[string]func(string) error{"nats": natsReceives, "ours": oursReceives}[way](where); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// said prints what a run came to.
func said(n int, began time.Duration) { fmt.Println(n, (cpu() - began).Nanoseconds()) }

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const subject, ack = "frames", "acks"

// natsReceives answers the last frame of a run, which is longer by one byte, and every window of others: a broker drops what a slow receiver
// cannot take.
func natsReceives(url string) error {
	c, err := nats.Connect(url)
	if err != nil {
		return err
	}
	frames, err := c.SubscribeSync(subject)
	if err == nil {
		err = frames.SetPendingLimits(-1, -1)
	}
	if err == nil {
		err = c.Flush()
	}
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for n, began := 0, cpu(); ; {
		m, err := frames.NextMsg(time.Minute)
		if err != nil {
			return err
		}
		if n++; n%window == 0 {
			if err := errors.Join(c.Publish(ack, nil), c.Flush()); err != nil {
				return err
			}
		}
		if m.Header.Get("last") != "" {
			said(n, began)
			n, began = 0, cpu()
		}
	}
}

const window = 64

func oursReceives(path string) error {
	s, err := ipc.Subscribe(context.Background(), path, ipc.SubscriberOptions{Policy: ipc.Block})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for n, began := 0, cpu(); ; {
		f, err := s.Receive(context.Background())
		if err != nil {
			return err
		}
		f.Buf.Release()
		if n++; f.Flags != 0 {
			said(n, began)
			n, began = 0, cpu()
		}
	}
}

// BenchmarkThroughput sends frames as fast as the other process takes them: NATS with its server in the publisher's process, and ours.
func BenchmarkThroughput(b *testing.B) {
	for _, size := range []struct {
		name string
		n    int
	}{{"200B", 200}, {"3840B", 3840}, {"900KB", 900 << 10}, {"8MB", 8 << 20}} {
		broker := 0.0
		for _, way := range []struct {
			name  string
			start func(b *testing.B, size int) (where string, send func(last bool) error)
		}{{"nats", startNATS}, {"ours", startOurs}} {
			b.Run(size.name+"/"+way.name, func(b *testing.B) {
				where, send := way.start(b, size.n)
				lines := startChild(b, way.name+" "+where)
				run := func(n int) (used float64) {
					for i := range n {
						if err := send(i == n-1); err != nil {
							b.Fatal(err)
						}
					}
					var got int
					if !lines.Scan() {
						b.Fatal("the other process ended")
					}
					if _, err := fmt.Sscan(lines.Text(), &got, &used); err != nil || got != n {
						b.Fatalf("the other process says %q after %d frames", lines.Text(), n)
					}
					return used
				}
				run(window)
				began, used := time.Now(), cpu()
				b.ResetTimer()
				received := run(b.N)
				b.StopTimer()
				took := float64(time.Since(began).Nanoseconds()) / float64(b.N)
				b.ReportMetric(float64((cpu()-used).Nanoseconds())/float64(b.N), "cpu-ns/sent")
				b.ReportMetric(received/float64(b.N), "cpu-ns/received")
				if way.name == "nats" {
					broker = took
				}
				if broker > 0 {
					b.ReportMetric(broker/took, "x-nats")
				}
			})
		}
	}
}

func startNATS(b *testing.B, size int) (string, func(bool) error) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, MaxPayload: 16 << 20, MaxPending: 256 << 20, NoSigs: true, NoLog: true})
	if err != nil {
		b.Fatal(err)
	}
	s.Start()
	b.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		b.Fatal("the server does not start")
	}
	c, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	acks, err := c.SubscribeSync(ack)
	if err != nil {
		b.Fatal(err)
	}
	payload, n, open := make([]byte, size), 0, 0
	return s.ClientURL(), func(last bool) error {
		m := &nats.Msg{Subject: subject, Data: payload}
		if last {
			m.Header = nats.Header{"last": {"1"}}
		}
		if err := c.PublishMsg(m); err != nil {
			return err
		}
		if n++; n%window == 0 { // two windows are under way at most
			if open++; open > 1 {
				if _, err := acks.NextMsg(time.Minute); err != nil {
					return err
				}
				open--
			}
		}
		if last {
			for ; open > 0; open-- {
				if _, err := acks.NextMsg(time.Minute); err != nil {
					return err
				}
			}
			n = 0
			return c.Flush()
		}
		return nil
	}
}

func startOurs(b *testing.B, size int) (string, func(bool) error) {
	p, err := pool.New(size, pool.Options{Max: 4 * window, Shared: true})
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "s")
	s, err := ipc.Listen(path, p, ipc.PublisherOptions{Slots: 2 * window, MaxHeld: 4 * window})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(func() { cancel(); s.Close(ctx); p.Close() })
	return path, func(last bool) error {
		f, err := s.Get(ctx)
		if err != nil {
			return err
		}
		defer f.Release()
		m := ipc.Meta{}
		if last {
			m.Flags = 1
		}
		_, err = s.Publish(ctx, f, m)
		return err
	}
}

func startChild(b *testing.B, what string) *bufio.Scanner {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+what)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		b.Fatalf("the other process says %q", lines.Text())
	}
	return lines
}
