package pool

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrLimit says that every block of a pool is out. Release buffers sooner, raise Options.Max or Options.Budget, or use Wait.
	ErrLimit = errors.New("every block is in use")
	// ErrClosed says that the pool was closed.
	ErrClosed = errors.New("pool is closed")
	// ErrStale says that a handle from C names a buffer that was released already.
	ErrStale = errors.New("handle is stale")
	// ErrCorrupt says that an arena's bookkeeping is damaged or is not an arena of this version.
	ErrCorrupt = errors.New("arena is corrupt")
)

// MisuseError is what a stale, double or unfounded operation on a buffer panics with. In a pool with DebugTrace its text
// ends with the block's history: where it was acquired and released.
type MisuseError struct {
	Pool             string // name of the pool
	Op               string // what was tried: "release", "retain", "use", ...
	Reason           string // what was wrong
	Block            uint32 // number of the block in its pool
	Handle           uint32 // generation that the handle carries
	Generation       uint32 // generation of the block now; differs from Handle if the handle is stale
	References       uint32 // references to the block now
	History          string // the block's last events with their stacks, oldest first; empty without DebugTrace
	tracingAvailable bool
}

func (e *MisuseError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "poolgen: %s of block %d of pool %q: %s (handle's generation %d, block's generation %d, references %d)",
		e.Op, e.Block, e.Pool, e.Reason, e.Handle, e.Generation, e.References)
	switch {
	case e.History != "":
		b.WriteString("\n")
		b.WriteString(e.History)
	case e.tracingAvailable:
		b.WriteString("; run with POOLGEN_DEBUG=trace to see where it was acquired and released")
	}
	return b.String()
}

// LeakError is what Close returns while buffers are out. The memory stays mapped until the last one is released.
type LeakError struct {
	Pool        string
	Outstanding int
	History     string // where the buffers were acquired; empty without DebugTrace
}

func (e *LeakError) Error() string {
	s := fmt.Sprintf("poolgen: pool %q closed with %d buffers out; memory stays until they are released", e.Pool, e.Outstanding)
	if e.History != "" {
		return s + "\n" + e.History
	}
	return s + "; run with POOLGEN_DEBUG=trace to see where they were acquired"
}
