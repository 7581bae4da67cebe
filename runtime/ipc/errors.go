package ipc

import "errors"

var (
	// ErrProtocol says that the other process does not keep to the protocol, or to its own memory.
	ErrProtocol = errors.New("the peer breaks the protocol")
	// ErrGone says that the other process ended without closing.
	ErrGone = errors.New("the peer is gone")
	// ErrClosed says that this side was closed.
	ErrClosed = errors.New("it is closed")
	// ErrRefused says that the publisher does not want this subscriber.
	ErrRefused = errors.New("the publisher refuses")
	// ErrInUse says that a live publisher has the path.
	ErrInUse = errors.New("a live publisher has this path: choose another, or stop it")
	// ErrBusy says that another goroutine receives from the same subscriber.
	ErrBusy = errors.New("another goroutine receives already: one at a time")
)
