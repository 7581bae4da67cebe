package v4l2

import (
	"fmt"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/runtime/pool"
)

// Clock is what a frame's timestamp counts.
type Clock uint8

const (
	ClockUnknown   Clock = iota // the driver does not say
	ClockMonotonic              // CLOCK_MONOTONIC
	ClockCopied                 // of the frame that a memory-to-memory device made this one of
)

func (c Clock) String() string {
	names := [...]string{"unknown", "monotonic", "copied"}
	if int(c) < len(names) {
		return names[c]
	}
	return "unknown"
}

// FrameFlags are bits of V4L2_BUF_FLAG_*.
type FrameFlags uint32

const (
	FlagKeyFrame      FrameFlags = bufFlagKeyframe
	FlagPFrame        FrameFlags = bufFlagPframe
	FlagBFrame        FrameFlags = bufFlagBframe
	FlagCorrupt       FrameFlags = bufFlagError // the driver says that the content may be wrong
	FlagLast          FrameFlags = bufFlagLast  // nothing follows
	FlagStartOfFrame  FrameFlags = bufFlagTstampSrcSoe
	flagTimestampMask            = bufFlagTimestampMask
)

// Frame is a frame's planes and what the driver says of it. It is a value: copies stand for the same references.
type Frame struct {
	Sequence  uint32        // the driver's number
	Lost      uint32        // how many frames the driver had no buffer for, between the one read before and this one
	Timestamp time.Duration // since the clock's zero; when the last byte was taken, or the first with FlagStartOfFrame
	Clock     Clock
	Field     Field
	Flags     FrameFlags

	n      int
	planes [maxPlanes]pool.Buf
	slot   *slot // of an output stream's own buffer
}

// NewFrame makes a frame of planes for Stream.Write. It takes the references over.
func NewFrame(planes ...pool.Buf) Frame {
	if len(planes) == 0 || len(planes) > maxPlanes {
		panic(fmt.Sprintf("v4l2: a frame of %d planes: it has 1 to %d", len(planes), maxPlanes))
	}
	f := Frame{n: len(planes)}
	copy(f.planes[:], planes)
	return f
}

// NumPlanes is the number of planes: 1 for most formats, 2 or 3 for formats such as NM12 whose planes lie apart.
func (f *Frame) NumPlanes() int { return f.n }

// Plane is plane i, 0 <= i < NumPlanes. Its Len is what the driver filled. It is the frame's reference.
func (f *Frame) Plane(i int) pool.Buf { return f.Planes()[i] }

// Planes are all planes, valid as long as f itself.
func (f *Frame) Planes() []pool.Buf { return f.planes[:f.n] }

// Bytes is the first plane's payload: the whole frame, for formats with one plane. It is valid until the reference is released.
func (f *Frame) Bytes() []byte { return f.Plane(0).Bytes() }

// Retain takes one more reference to each plane and returns the frame, for another owner.
func (f *Frame) Retain() Frame {
	for _, b := range f.Planes() {
		b.Retain()
	}
	return *f
}

// Release gives one reference to each plane back. It panics when they were released before.
func (f *Frame) Release() {
	for _, b := range f.Planes() {
		b.Release()
	}
}

// Time is the timestamp in wall-clock time, with what is known of the difference between the clocks now. ok is false unless Clock is
// ClockMonotonic.
func (f *Frame) Time() (t time.Time, ok bool) {
	if f.Clock != ClockMonotonic {
		return time.Time{}, false
	}
	return time.Now().Add(f.Timestamp - time.Duration(sys.Monotonic())), true
}

func clockOf(flags uint32) Clock {
	switch flags & flagTimestampMask {
	case bufFlagTimestampMonotonic:
		return ClockMonotonic
	case bufFlagTimestampCopy:
		return ClockCopied
	}
	return ClockUnknown
}
