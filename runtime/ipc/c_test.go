package ipc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// compiler is one way to build and run C.
type compiler struct {
	name, tool, debian string
	args               []string
	qemu               bool
}

var sanitizers = []string{"-std=c11", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"}

// compilers are all of them on one machine; elsewhere this side is the other machine, and the C side is the machine that we are on.
func compilers() []compiler {
	first := compiler{name: "gcc", tool: "gcc", debian: "gcc", args: []string{"-std=c11", "-O2"}}
	if runtime.GOARCH != "amd64" || checked || raceBuild {
		return []compiler{first}
	}
	return []compiler{first,
		{name: "g++", tool: "g++", debian: "g++", args: []string{"-std=c++17", "-x", "c++", "-O2"}},
		{name: "clang++", tool: "clang++", debian: "clang", args: []string{"-std=c++17", "-x", "c++", "-O1"}},
		{name: "gcc sanitized", tool: "gcc", debian: "gcc", args: sanitizers},
		{name: "clang sanitized", tool: "clang", debian: "clang", args: sanitizers},
		{name: "clang threads", tool: "clang", debian: "clang", args: []string{"-std=c11", "-O1", "-g", "-fsanitize=thread"}},
		{name: "arm", tool: "arm-linux-gnueabihf-gcc", debian: "gcc-arm-linux-gnueabihf", args: []string{"-std=c11", "-O2", "-static"}, qemu: true},
	}
}

// build compiles a source of testdata, and returns how to run it.
func (c compiler) build(t *testing.T, source string) []string {
	t.Helper()
	// Looked at here too, so that go test does not take a result from its cache when one has changed.
	headers, err := filepath.Glob("../../include/*.h")
	if err != nil || len(headers) == 0 {
		t.Fatal(headers, err)
	}
	for _, file := range append(headers, filepath.Join("testdata", source)) {
		if _, err := os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(t.TempDir(), strings.TrimSuffix(source, ".c"))
	args := append(append([]string{}, c.args...), "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-I../../include", "-pthread",
		"-o", out, filepath.Join("testdata", source))
	if said, err := exec.Command(testutil.RequireTool(t, c.tool, c.debian), args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", c.tool, args, err, said)
	}
	if c.qemu {
		return []string{testutil.RequireTool(t, "qemu-arm-static", "qemu-user-static"), out}
	}
	return []string{out}
}

// program is a running program of testdata.
type program struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

func run(t *testing.T, argv []string) *program {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p := &program{t: t, cmd: cmd}
	out, err := cmd.StdoutPipe()
	if err == nil {
		p.in, err = cmd.StdinPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	t.Cleanup(p.kill)
	return p
}

func (p *program) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

// end lets the program end, and checks that nothing went wrong in it, such as what a sanitizer sees.
func (p *program) end() {
	p.t.Helper()
	p.in.Close()
	if p.lines.Scan() {
		p.t.Errorf("at the end it says %q", p.lines.Text())
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Error(err)
	}
}

func (p *program) tell(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *program) answer() string {
	p.t.Helper()
	watch := time.AfterFunc(longWait, func() { _ = p.cmd.Process.Kill() })
	defer watch.Stop()
	if !p.lines.Scan() {
		p.t.Fatalf("the program says nothing more: %v", p.lines.Err())
	}
	return p.lines.Text()
}

// ask says a line, and wants an answer.
func (p *program) ask(line, want string) {
	p.t.Helper()
	p.tell("%s", line)
	if got := p.answer(); got != want {
		p.t.Fatalf("%q is answered %q, not %q", line, got, want)
	}
}

// eachCompiler runs a test with the program built by each.
func eachCompiler(t *testing.T, source string, test func(t *testing.T, argv []string)) {
	for _, c := range compilers() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			test(t, c.build(t, source))
		})
	}
}

func publish(t *testing.T, s *Publisher, p *pool.Pool, from, to uint64) {
	t.Helper()
	for n := from; n < to; n++ {
		if err := send(s, p, n, 0); err != nil {
			t.Fatal(err)
		}
	}
}

func allBack(t *testing.T, s *Publisher, p *pool.Pool) {
	t.Helper()
	eventually(t, "every block is back", func() bool { return s.Stats().Lent == 0 && p.Stats().Outstanding == 0 })
}

// TestSubscriberInC: a publisher in Go, subscribers in C of several compilers, in C++, sanitized, and of 32 bit.
func TestSubscriberInC(t *testing.T) {
	eachCompiler(t, "subscriber.c", func(t *testing.T, argv []string) {
		c := run(t, argv)
		inCPolicies(t, c)
		inCRound(t, c)
		inCBlock(t, c)
		inCEnds(t, c)
		inCClears(t, c)
		inCRefused(t, c)
		inCHostile(t, c)
		inCScribbled(t, c)
		inCThreads(t, c)
		c.end()
		inCKilled(t, argv)
	})
}

// inCPolicies has 10 frames published to a queue of 4, and counts.
func inCPolicies(t *testing.T, c *program) {
	for _, k := range []struct {
		policy Policy
		first  int // that is received
		n      int
	}{{DropOldest, 6, 4}, {DropNewest, 0, 4}, {Latest, 9, 1}} {
		s, p, path := start(t, 16, PublisherOptions{Slots: 8})
		c.ask(fmt.Sprintf("s %d 5 0 %s", k.policy, path), "ok")
		c.ask("r 0", "not in the time given")
		publish(t, s, p, 0, 10)
		if r := s.Stats().Subscribers[0]; r.Lost != uint64(10-k.n) || r.Given != uint64(k.n) || r.Held != k.n || r.Policy != k.policy {
			t.Errorf("%v: %+v", k.policy, r)
		}
		lost := k.first
		for i := range k.n {
			c.ask("r -1", fmt.Sprintf("frame %d lost %d user 0", k.first+i, lost))
			lost = 0
		}
		publish(t, s, p, 10, 11)
		lost = 10 - k.first - k.n
		c.ask("r 120000", fmt.Sprintf("frame 10 lost %d user 0", lost))
		c.ask("c", fmt.Sprintf("received %d lost %d held %d slots 4", k.n+1, 10-k.n, k.n+1))
		c.ask("h", fmt.Sprintf("%d of %d whole", k.n+1, k.n+1))
		for range k.n + 1 {
			c.ask("f", "ok")
		}
		c.ask("x", "ok")
		c.ask("r 0", "pool is closed")
		allBack(t, s, p)
		eventually(t, "it left", func() bool { st := s.Stats(); return st.Left == 1 && st.Misbehaved == 0 })
	}
}

// inCRound goes across the end of the 32-bit positions.
func inCRound(t *testing.T, c *program) {
	for _, slots := range []int{1, 2, 16} {
		s, p, path := start(t, 2*slots+8, PublisherOptions{Slots: slots})
		c.ask("s 0 0 0 "+path, "ok")
		from := -uint32(2 * slots)
		only(s, func(c *channel) bool { c.setPosition(from); return true })
		c.ask(fmt.Sprintf("n %d", from), "ok")
		for n := range uint64(4 * slots) {
			publish(t, s, p, n, n+1)
			c.ask("r -1", fmt.Sprintf("frame %d lost 0 user 0", n))
			c.ask("f", "ok")
		}
		c.ask(fmt.Sprintf("n %d", from), "ok") // one that is far behind
		publish(t, s, p, uint64(4*slots), uint64(4*slots)+1)
		c.ask("r -1", fmt.Sprintf("frame %d lost 0 user 0", 4*slots))
		c.ask("f", "ok")
		c.ask("x", "ok")
		allBack(t, s, p)
	}
}

// only does something with the channel of the one subscriber, which stays mapped meanwhile.
func only[T any](s *Publisher, do func(*channel) T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return do(s.subs[0].c)
}

// asleep is what the one subscriber has written there.
func asleep(s *Publisher) uint32 {
	return only(s, func(c *channel) uint32 { return c.head.asleep.Load() })
}

// setPosition makes an empty queue look as if so many frames had gone through it.
func (c *channel) setPosition(at uint32) {
	for back := uint32(1); back <= uint32(len(c.slots)); back++ {
		slot, full := c.slot(at - back)
		slot.word.Store(full &^ stateMask)
	}
	c.head.tail.Store(at)
}

// inCBlock has the publisher wait for room, and sends more frames than there are blocks.
func inCBlock(t *testing.T, c *program) {
	s, p, path := start(t, 8, PublisherOptions{Slots: 2})
	c.ask(fmt.Sprintf("s %d 0 0 %s", Block, path), "ok")
	publish(t, s, p, 0, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	if n, err := s.Publish(ctx, b, Meta{}); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Publish = %d, %v", n, err)
	}
	c.tell("d")
	const most = 500
	publish(t, s, p, 3, most)
	if err := send(s, p, most, 1); err != nil {
		t.Fatal(err)
	}
	if got, want := c.answer(), fmt.Sprintf("%d frames, last %d, 1 lost", most, most); got != want {
		t.Fatalf("it says %q, not %q", got, want)
	}
	c.ask("x", "ok")
	eventually(t, "every block is back", func() bool { return s.Stats().Lent == 0 && p.Stats().Outstanding == 1 })
}

// inCEnds waits for frames and for the end by futex, on the socket and with poll.
func inCEnds(t *testing.T, c *program) {
	for _, how := range []string{"r -1", "p"} {
		s, p, path := start(t, 8, PublisherOptions{})
		c.ask(fmt.Sprintf("s 0 0 0 %s", path), "ok")
		c.tell("%s", how)
		// It sleeps on the socket at last.
		eventually(t, "it sleeps on its socket", func() bool { return asleep(s) == asleepOnSocket })
		publish(t, s, p, 0, 1)
		if got := c.answer(); got != "frame 0 lost 0 user 0" {
			t.Fatal(got)
		}
		publish(t, s, p, 1, 4)
		for n := 1; n < 4; n++ {
			c.ask(how, fmt.Sprintf("frame %d lost 0 user 0", n))
		}
		c.tell("%s", how)
		eventually(t, "it sleeps", func() bool { return asleep(s) != 0 })
		closed := make(chan error, 1)
		go func() { closed <- s.Close(context.Background()) }()
		if got := c.answer(); got != "the publisher has closed" {
			t.Fatal(got)
		}
		c.ask("r 0", "the publisher has closed")
		c.ask("h", "4 of 4 whole")
		for range 4 {
			c.ask("f", "ok")
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		c.ask("h", "0 of 0 whole")
		c.ask("x", "ok")
	}
	// Closed by another thread.
	s, p, path := start(t, 8, PublisherOptions{})
	c.ask(fmt.Sprintf("s 0 0 0 %s", path), "ok")
	publish(t, s, p, 0, 1)
	c.ask("r -1", "frame 0 lost 0 user 0")
	c.ask("u", "another thread is in this call already: one at a time; pool is closed")
	publish(t, s, p, 1, 12)
	c.ask("h", "1 of 1 whole")
	c.ask("f", "ok")
	eventually(t, "it left", func() bool { return s.Stats().Left == 1 })
	allBack(t, s, p)
}

// inCRefused has everything go wrong that can when one subscribes.
func inCRefused(t *testing.T, c *program) {
	_, _, path := start(t, 4, PublisherOptions{Allow: func(Peer) error { return errors.New("not you") }})
	c.ask("s 0 0 0 "+path, "the publisher refuses: not you")
	c.ask("r 0", "pool is closed: not you")
	c.ask("x", "ok")
	c.ask("s 0 0 0 "+path+"nobody", fmt.Sprintf("errno %d", int(syscall.ENOENT)))
	c.ask("s 9 0 0 "+path, "argument is out of range: the options have policy 9 and 0 slots: at most 3 and 4096")
	c.ask("s 0 0 0 "+strings.Repeat("x", 108), "argument is out of range: a socket's path has from 1 to 107 bytes")
	l, silent := listener(t)
	c.ask("s 0 0 30 "+silent, "not in the time given: the publisher does not answer")
	answer := func(b []byte) {
		t.Helper()
		conn, err := l.AcceptUnix()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if n, err := conn.Read(make([]byte, 100)); err != nil || n != helloSize {
			t.Fatal(n, err)
		}
		if b != nil {
			_, _ = conn.Write(b)
		}
	}
	answer(nil) // the one that gave up
	for _, k := range []struct {
		b    []byte
		want string
	}{
		{nil, "the peer is gone: the publisher hung up without an answer"},
		{welcome{version: 2}.bytes(), "the peer breaks the protocol: the publisher speaks version 2, the subscriber 1: use the same version of poolgen on both sides"},
		{welcome{version: 2, refused: true, reason: "the subscriber speaks version 1"}.bytes(), "the publisher refuses: the publisher speaks version 2, the subscriber 1: use the same version of poolgen on both sides: the subscriber speaks version 1"},
		{[]byte("hello"), "the peer breaks the protocol: the answer is no welcome"},
		{make([]byte, 2000), "the peer breaks the protocol: the answer is cut off"},
		{welcome{version: 1}.bytes(), "the peer breaks the protocol: 0 descriptors came, not 2"},
	} {
		c.tell("s 0 0 0 %s", silent)
		answer(k.b)
		if got := c.answer(); got != k.want {
			t.Errorf("%q is told as %q, not %q", k.b, got, k.want)
		}
	}
}

// inCKilled kills either side.
func inCKilled(t *testing.T, argv []string) {
	s, p, path := start(t, 32, PublisherOptions{})
	steady, victim := run(t, argv), run(t, argv)
	steady.ask(fmt.Sprintf("s %d 0 0 %s", Block, path), "ok")
	steady.tell("d")
	n := uint64(0)
	for range 3 {
		victim.ask("s 0 0 0 "+path, "ok")
		publish(t, s, p, n, n+3)
		victim.ask("r -1", fmt.Sprintf("frame %d lost 0 user 0", n))
		publish(t, s, p, n+3, n+20)
		victim.kill()
		n += 20
		eventually(t, "one is left, and all its blocks are back", func() bool {
			st := s.Stats()
			return len(st.Subscribers) == 1 && st.Lent == 0 && st.Misbehaved == 0 && p.Stats().Outstanding == 0
		})
		victim = run(t, argv)
	}
	if err := send(s, p, n, 1); err != nil {
		t.Fatal(err)
	}
	if got, want := steady.answer(), fmt.Sprintf("%d frames, last %d, 0 lost", n+1, n); got != want {
		t.Errorf("the other says %q, not %q", got, want)
	}
	steady.end()
	victim.end()

	for _, how := range []string{"r -1", "p", "r 0"} {
		path := filepath.Join(t.TempDir(), "s")
		cmd, _, in := child(t, "publish", path)
		c := run(t, argv)
		c.ask("s 0 0 0 "+path, "ok")
		fmt.Fprintln(in)
		c.ask("r -1", "frame 0 lost 0 user 0")
		if how != "r 0" {
			c.tell("%s", how)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if how == "r 0" {
			c.tell("%s", how)
		}
		if got := c.answer(); got != "the peer is gone" {
			t.Errorf("after the publisher was killed %s is answered %q", how, got)
		}
		c.ask("h", "1 of 1 whole")
		c.ask("f", "ok")
		c.ask("x", "ok")
		c.end()
	}
}
