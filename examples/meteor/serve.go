package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	connections = 48               // of browsers at once; more wait for one to end
	patience    = 30 * time.Second // with a browser that does not read
)

// serve shows the page at an address. The caller calls leave, which returns when no browser is being answered any more.
func (s *station) serve(address string, out io.Writer) (leave func() error, err error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	base, stop := context.WithCancel(context.Background()) // ends streams
	server := &http.Server{
		Handler:           patient(patience, s.pages()),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return base },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(newSeats(l, connections)) }()
	fmt.Fprintf(out, "http://%s\n", l.Addr())
	return func() error {
		stop()
		soon, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err := server.Shutdown(soon)
		if err != nil { // somebody reads slowly
			err = server.Close()
		}
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return err
	}, nil
}

// patient answers with a deadline for each piece instead of one for the whole, which a clip or a stream would need hours for.
func patient(limit time.Duration, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&slow{w, http.NewResponseController(w), limit}, r)
	})
}

type slow struct {
	http.ResponseWriter
	control *http.ResponseController
	limit   time.Duration
}

func (w *slow) Write(b []byte) (int, error) {
	if err := w.control.SetWriteDeadline(time.Now().Add(w.limit)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *slow) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// seats is a listener with so many connections at once: each costs memory, which whoever reaches the address could use up.
type seats struct {
	net.Listener
	free   chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newSeats(l net.Listener, n int) *seats {
	return &seats{Listener: l, free: make(chan struct{}, n), closed: make(chan struct{})}
}

func (l *seats) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &seat{Conn: c, leave: sync.OnceFunc(func() { <-l.free })}, nil
}

func (l *seats) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type seat struct {
	net.Conn
	leave func()
}

func (c *seat) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
