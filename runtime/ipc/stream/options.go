package stream

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/poolgen/poolgen/runtime/pool"
)

// Policy is what happens to a frame when a queue is full.
type Policy uint8

const (
	Block      Policy = iota // the sender waits for room; a full inbox makes the peer wait
	DropOldest               // the frame that waited longest is dropped
	DropNewest               // the frame is refused
	LatestOnly               // one frame waits at most, the newest
)

// Errors of Send, Receive, Listen and Dial.
var (
	// ErrClosed says that the server or client was stopped or closed.
	ErrClosed = errors.New("stream is closed")
	// ErrDropped says that the queue was full and the policy DropNewest.
	ErrDropped = errors.New("the queue is full, the frame is dropped")
	// ErrInUse says that a live server has the socket.
	ErrInUse = errors.New("a live server has this socket")
	// ErrType says that Send was given a type that the package itself sends.
	ErrType = errors.New("stop, heartbeat and ack are sent by the stream itself")
)

// Reasons why a connection ended, for Options.Disconnected.
var (
	// ErrPeerStopped says that the peer sent a stop message.
	ErrPeerStopped = errors.New("the peer stopped")
	// ErrTruncated says that the connection ended within a message.
	ErrTruncated = errors.New("the connection ended within a message")
	// ErrStuck says that the peer took nothing for Options.WriteTimeout.
	ErrStuck = errors.New("the peer takes nothing")
	// ErrStalled says that the peer sent nothing for Options.ReadTimeout within a message.
	ErrStalled = errors.New("the peer stopped within a message")
	// ErrSilent says that the peer, which had answered heartbeats before, no longer does.
	ErrSilent = errors.New("the peer does not answer heartbeats")
)

// Options tune a server or client. The zero value sends on the Output stream, loses nothing and receives no frames.
type Options struct {
	Magic Magic // 0 means Output; both ends must agree
	// Pool is where received payloads go, one block each. Without one they are skipped. Who calls Receive releases the blocks. Each connection
	// may hold one block for a message that is not whole yet.
	Pool *pool.Pool

	Policy   Policy        // of the queue of each connection, for Send
	Depth    int           // frames that may wait in it; 0 means 64; up to 32 more are being written, of a quarter of the socket's buffer or one
	MinDepth int           // with MaxDepth: the bounds within which the depth adapts, see Target
	MaxDepth int           // 0: the depth is fixed
	Target   time.Duration // how long a frame should wait at most, where the depth adapts; 0 means 20 ms

	Inbox       int    // received messages that wait for Receive; 0 means 64
	InboxPolicy Policy // of the inbox, and of a pool that has no free block

	// ReadAhead lets payloads of up to so many bytes be read many at a time and copied from there. Longer ones, and all where it is 0, are
	// read right into their blocks, with a system call each.
	ReadAhead int

	Mode     os.FileMode      // of a server's socket file, permission bits alone; 0 means 0o600. Abstract sockets have none
	Allow    func(Peer) error // of a server: whether a process may connect, asked on the goroutine that accepts: it must not wait, nor call Stop. nil: whom Mode lets in; at an abstract socket, this user and root
	NoReplay bool             // a server does not send the last config message to clients that come later; for clients that take none at that time

	MaxMessage    uint32                          // a header that announces more bytes ends the connection; 0 means 16 MiB
	MaxClients    int                             // of a server; 0 means 16; further ones are disconnected at once
	SendBuffer    int                             // of the socket in bytes, before the kernel doubles it; 0 leaves it. The kernel has its own limit: see Stats
	ReceiveBuffer int                             // the same
	WriteTimeout  time.Duration                   // a peer that takes nothing for so long is disconnected; 0 means 5 s
	ReadTimeout   time.Duration                   // a peer that stops for so long within a message is disconnected; 0 means 30 s. Between messages it may take any time
	Heartbeat     time.Duration                   // how often to send one; 0: never. Old clients take none: leave it 0 in a server that has such
	MinBackoff    time.Duration                   // a client's first wait before it connects again; 0 means 50 ms. Waits double, and vary by half
	MaxBackoff    time.Duration                   // its longest; 0 means 2 s
	MaxAttempts   int                             // attempts in a row that fail before a client gives up; 0: it never does
	NoReconnect   bool                            // a client ends with its first connection
	Disconnected  func(peer uint64, reason error) // if not nil, called when a connection has ended, on its goroutine; must not wait, nor call Stop or Close
}

func (o Options) withDefaults() (Options, error) {
	o.Magic = cmp.Or(o.Magic, Output)
	o.Mode = cmp.Or(o.Mode, 0o600)
	o.Depth = cmp.Or(o.Depth, 64)
	o.Inbox = cmp.Or(o.Inbox, 64)
	o.MaxMessage = cmp.Or(o.MaxMessage, 16<<20)
	o.MaxClients = cmp.Or(o.MaxClients, 16)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 5*time.Second)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, 30*time.Second)
	o.MinBackoff = cmp.Or(o.MinBackoff, 50*time.Millisecond)
	o.MaxBackoff = max(cmp.Or(o.MaxBackoff, 2*time.Second), o.MinBackoff)
	if o.MaxDepth != 0 {
		o.MinDepth = cmp.Or(o.MinDepth, 1)
		o.Target = cmp.Or(o.Target, 20*time.Millisecond)
	} else {
		o.MinDepth, o.MaxDepth, o.Target = o.Depth, o.Depth, 0
	}
	if o.Policy == LatestOnly {
		o.Depth, o.MinDepth, o.MaxDepth, o.Target = 1, 1, 1, 0
	}
	if o.InboxPolicy == LatestOnly {
		o.Inbox = 1
	}
	switch {
	case o.Mode&^os.ModePerm != 0:
		return o, fmt.Errorf("mode %v of a socket's file: permission bits alone can be set", o.Mode)
	case o.Policy > LatestOnly || o.InboxPolicy > LatestOnly:
		return o, fmt.Errorf("no such policy: %d and %d", o.Policy, o.InboxPolicy)
	case o.MinDepth < 1 || o.Depth < o.MinDepth || o.MaxDepth < o.Depth || o.MaxDepth > 1<<20:
		return o, fmt.Errorf("depth %d must be from %d to %d, and those from 1 to %d", o.Depth, o.MinDepth, o.MaxDepth, 1<<20)
	case o.Inbox < 1 || o.Inbox > 1<<20:
		return o, fmt.Errorf("inbox of %d messages must be from 1 to %d", o.Inbox, 1<<20)
	case o.MaxMessage > math.MaxInt32:
		return o, fmt.Errorf("messages of %d bytes: at most %d are supported", o.MaxMessage, math.MaxInt32)
	case o.ReadAhead < 0 || o.ReadAhead > aheadSize/4:
		return o, fmt.Errorf("payloads of %d bytes cannot be read ahead: from 0 to %d can", o.ReadAhead, aheadSize/4)
	case o.MaxClients < 1 || o.MaxAttempts < 0 || o.SendBuffer < 0 || o.ReceiveBuffer < 0:
		return o, fmt.Errorf("clients %d, attempts %d and socket buffers %d and %d must not be negative",
			o.MaxClients, o.MaxAttempts, o.SendBuffer, o.ReceiveBuffer)
	case o.WriteTimeout < 0 || o.ReadTimeout < 0 || o.Heartbeat < 0 || o.MinBackoff < 0 || o.Target < 0:
		return o, fmt.Errorf("times %v, %v, %v, %v and %v must not be negative", o.WriteTimeout, o.ReadTimeout, o.Heartbeat, o.MinBackoff, o.Target)
	}
	return o, nil
}

// Path is what the environment variable says, or the other path where it says nothing.
func Path(variable, otherwise string) string { return cmp.Or(os.Getenv(variable), otherwise) }

// Message is one frame or other message, to be sent or received.
type Message struct {
	Type      Type
	Timestamp int64    // nanoseconds since 1970
	Buf       pool.Buf // the payload, up to its Len; the zero Buf stands for none
	Peer      uint64   // received messages: the connection it came over, counted from 1
}

// Release gives the message's payload back, if it has one. Whoever received the message does so once.
func (m Message) Release() {
	if m.Buf.Pool() != nil {
		m.Buf.Release()
	}
}

// Bytes is the payload, nil if there is none. It is valid until the caller's reference is released.
func (m Message) Bytes() []byte {
	if m.Buf.Pool() == nil {
		return nil
	}
	return m.Buf.Bytes()
}
