package store

import "errors"

var (
	// ErrFull says that the hot tier is full of frames that are not on disk yet.
	ErrFull = errors.New("hot tier is full of frames that are not on disk yet; raise Options.Hot, put less, or let the oldest be dropped with FullDrop")
	// ErrNotFound says that no tier has the frame: its retention ended, it was dropped, or it was never put.
	ErrNotFound = errors.New("no such frame")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("store is closed")
	// ErrCorrupt says that a frame on disk is not what was put, and which.
	ErrCorrupt = errors.New("frame is damaged")
	// ErrBusy says that another store has the folder.
	ErrBusy = errors.New("folder is in use")
	// ErrReadOnly says that a store only reads: Options.ReadOnly says so, or its disk was read-only when it was opened.
	ErrReadOnly = errors.New("store is read-only")
	// ErrNoFolder says that a store in memory alone cannot do this. Set Options.Dir.
	ErrNoFolder = errors.New("store has no folder")
)
