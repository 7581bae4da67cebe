package stream_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/poolgen/poolgen/runtime/ipc/stream"
	"github.com/poolgen/poolgen/runtime/pool"
)

// A device sends a frame, and a program that connects receives it in a block of its own pool.
func Example() {
	dir, err := os.MkdirTemp("", "stream")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := stream.Path("EXAMPLE_SOCKET", filepath.Join(dir, "audio"))
	ctx := context.Background()
	frames, err := pool.New(3840, pool.Options{})
	if err != nil {
		panic(err)
	}
	defer frames.Close()

	s, err := stream.Listen(path, stream.Options{Pool: frames})
	if err != nil {
		panic(err)
	}
	c, err := stream.Dial(ctx, path, stream.Options{Pool: frames})
	if err != nil {
		panic(err)
	}
	b, err := frames.Get()
	if err != nil {
		panic(err)
	}
	b.SetLen(copy(b.Bytes(), "twenty milliseconds"))
	err = c.Send(ctx, stream.Message{Type: stream.Frame, Timestamp: 1, Buf: b})
	b.Release() // the client holds a reference of its own
	if err != nil {
		panic(err)
	}
	m, err := s.Receive(ctx)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%v from client %d: %s\n", m.Type, m.Peer, m.Bytes())
	m.Release()
	fmt.Println(c.Stop(ctx), s.Stop(ctx))
	// Output:
	// frame from client 1: twenty milliseconds
	// <nil> <nil>
}
