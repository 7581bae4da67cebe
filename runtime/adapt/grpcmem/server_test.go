package grpcmem_test

import (
	"bytes"
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/mem"

	"github.com/poolgen/poolgen/runtime/adapt/grpcmem"
)

// plain is a codec of *[]byte.
type plain struct{ pool mem.BufferPool }

func (c plain) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.Copy(*v.(*[]byte), c.pool)}, nil
}

func (plain) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

func (plain) Name() string { return "plain" }

var _ encoding.CodecV2 = plain{}

// A server and a client pass messages through our blocks, and all come back.
func TestServer(t *testing.T) {
	g, pools := tiers(t, grpcmem.Options{}, 256, 4096, 16384, 1<<20)
	echo := func(_ any, s grpc.ServerStream) error {
		for {
			var m []byte
			if err := s.RecvMsg(&m); err != nil {
				return nil
			}
			if err := s.SendMsg(&m); err != nil {
				return err
			}
		}
	}
	server := grpc.NewServer(experimental.BufferPool(g), grpc.ForceServerCodecV2(plain{g}), grpc.UnknownServiceHandler(echo))
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()), experimental.WithBufferPool(g),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(plain{g})))
	if err != nil {
		t.Fatal(err)
	}
	s, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/echo/echo")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		out, in := bytes.Repeat([]byte{byte(i)}, 1+i*20_000), []byte(nil)
		if err := errors.Join(s.SendMsg(&out), s.RecvMsg(&in)); err != nil || !bytes.Equal(in, out) {
			t.Fatalf("message %d: %d bytes for %d, %v", i, len(in), len(out), err)
		}
	}
	err = errors.Join(s.CloseSend(), s.RecvMsg(new([]byte)))
	server.GracefulStop()
	if err := errors.Join(conn.Close(), <-served); err != nil {
		t.Error(err)
	}
	if err == nil {
		t.Error("the stream goes on")
	}
	for _, p := range pools {
		// What a closed connection had comes back a moment later.
		for end := time.Now().Add(20 * time.Second); p.Stats().Outstanding > 0 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if s := p.Stats(); s.Outstanding != 0 || s.Stale != 0 || s.Acquired == 0 {
			t.Errorf("%+v", s)
		}
	}
}
