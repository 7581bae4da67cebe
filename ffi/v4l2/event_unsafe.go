package v4l2

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"time"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
)

// EventType is what a device tells a program that has subscribed (V4L2_EVENT_*).
type EventType uint32

const (
	EventVSync        EventType = eventVsync        // the vertical sync; Event.Field says of which field
	EventEOS          EventType = eventEos          // end of stream: an encoder or decoder has made the last frame
	EventControl      EventType = eventCtrl         // a control changed; the ID is the control's
	EventFrameSync    EventType = eventFrameSync    // a frame begins to be taken; Event.Frame is its sequence number
	EventSourceChange EventType = eventSourceChange // the source has another resolution or format; the ID is the input's
	EventMotion       EventType = eventMotionDet    // motion was detected
)

func (t EventType) String() string {
	names := [...]string{"", "vsync", "end of stream", "control", "frame sync", "source change", "motion"}
	if 0 < t && int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("event %#x", uint32(t))
}

// ControlChanges say what changed of a control (V4L2_EVENT_CTRL_CH_*).
type ControlChanges uint32

const (
	ChangedValue      ControlChanges = eventCtrlChValue
	ChangedFlags      ControlChanges = eventCtrlChFlags
	ChangedRange      ControlChanges = eventCtrlChRange
	ChangedDimensions ControlChanges = eventCtrlChDimensions
)

// Event is something that a device tells.
type Event struct {
	Type      EventType
	ID        uint32        // of the control or input
	Timestamp time.Duration // of CLOCK_MONOTONIC
	Lost      uint32        // how many events before this one did not fit into the kernel's queue
	Pending   int           // how many wait behind this one

	Changes    ControlChanges // of EventControl
	Control    ControlType    // of EventControl
	Value      int64          // of EventControl, if it is a number
	Flags      ControlFlags   // of EventControl
	Min, Max   int32          // of EventControl
	Step       int32          // of EventControl
	Default    int32          // of EventControl
	Frame      uint32         // of EventFrameSync, and of EventMotion if the driver knows it
	Field      Field          // of EventVSync
	Resolution bool           // of EventSourceChange: Timings and Format are other ones
	Regions    uint32         // of EventMotion: bits of the regions that move
	Raw        [64]byte       // the union u of struct v4l2_event, for a driver's own events
}

// Subscribe has the device tell events of a type. ID is the control of EventControl, the input of EventSourceChange, and 0 else.
func (d *Device) Subscribe(t EventType, id uint32) error {
	// Feedback: also what this program itself changes is told, so that one loop sees every change.
	k := &kSubscription{Type: uint32(t), Id: id, Flags: eventSubFlAllowFeedback}
	if err := d.ioctl(iocSubscribeEvent, unsafe.Pointer(k)); err != nil {
		m := ""
		if errors.Is(err, syscall.EINVAL) {
			m = "the driver has no such event"
		}
		return d.fail(fmt.Sprintf("subscribing to %s %#x", t, id), err, m)
	}
	return nil
}

// Unsubscribe ends a subscription. Events that wait are dropped.
func (d *Device) Unsubscribe(t EventType, id uint32) error {
	if err := d.ioctl(iocUnsubscribeEvent, unsafe.Pointer(&kSubscription{Type: uint32(t), Id: id})); err != nil {
		return d.fail(fmt.Sprintf("unsubscribing from %s %#x", t, id), err)
	}
	return nil
}

// Event takes the next event, and waits for it. One goroutine at a time waits for events, beside those that read and write streams.
func (d *Device) Event(ctx context.Context) (Event, error) {
	const op = "waiting for an event"
	w := &d.events
	if !w.enter() {
		return Event{}, d.fail(op, ErrBusy)
	}
	defer w.leave()
	for {
		k := new(kEvent)
		err := d.dequeueEvent(k)
		if err == nil {
			return d.event(k), nil
		}
		if !errors.Is(err, syscall.ENOENT) {
			return Event{}, d.fail(op, err)
		}
		got, err := w.wait(ctx, d, sys.PollPri)
		if err != nil {
			return Event{}, d.fail(op, err)
		}
		if got&sys.PollErr != 0 && got&sys.PollPri == 0 {
			// It would spin. A device that is gone has PollPri set as well.
			return Event{}, d.fail(op, syscall.EIO, "the driver has no events without a stream: start one first")
		}
	}
}

func (d *Device) dequeueEvent(k *kEvent) error {
	if !d.time32.Load() {
		err := d.ioctl(iocDqevent, unsafe.Pointer(k))
		if !has32 || !errors.Is(err, syscall.ENOTTY) {
			return err
		}
		if err := d.oldEvent(k); err != nil {
			return err
		}
		d.time32.Store(true)
		return nil
	}
	return d.oldEvent(k)
}

// event reads a kernel's event. Only who has entered d.events calls it.
func (d *Device) event(k *kEvent) Event {
	e := Event{Type: EventType(k.Type), ID: k.Id, Pending: int(k.Pending),
		Timestamp: time.Duration(k.Timestamp.Sec)*time.Second + time.Duration(k.Timestamp.Nsec)}
	copy(e.Raw[:], k.U[:])
	if d.told {
		e.Lost = k.Sequence - d.lastEvent - 1
	}
	d.told, d.lastEvent = true, k.Sequence
	u := unsafe.Pointer(&k.U)
	switch e.Type {
	case EventVSync:
		e.Field = Field((*kEventVsync)(u).Field)
	case EventControl:
		c := (*kEventCtrl)(u)
		e.Changes, e.Control, e.Flags = ControlChanges(c.Changes), ControlType(c.Type), ControlFlags(c.Flags)
		e.Min, e.Max, e.Step, e.Default = c.Minimum, c.Maximum, c.Step, c.Default_value
		v := k.U[unsafe.Offsetof(c.Value):]
		switch e.Control {
		case ControlInteger64:
			e.Value = int64(binary.NativeEndian.Uint64(v))
		case ControlBitmask:
			e.Value = int64(binary.NativeEndian.Uint32(v))
		default:
			e.Value = int64(c.Value)
		}
	case EventFrameSync:
		e.Frame = (*kEventFrameSync)(u).Sequence
	case EventSourceChange:
		e.Resolution = (*kEventSrcChange)(u).Changes&eventSrcChResolution != 0
	case EventMotion:
		m := (*kEventMotionDet)(u)
		e.Regions = m.Region_mask
		if m.Flags&eventMdFlHaveFrameSeq != 0 {
			e.Frame = m.Frame_sequence
		}
	}
	return e
}

// EncoderCommand is V4L2_ENC_CMD_*, DecoderCommand V4L2_DEC_CMD_*.
type (
	EncoderCommand uint32
	DecoderCommand uint32
)

const (
	EncoderStart  EncoderCommand = encCmdStart // go on after EncoderStop and io.EOF; where Read says io.EOF again the driver wants Stop and Start of the stream
	EncoderStop   EncoderCommand = encCmdStop  // encode what was written; the last frame has FlagLast, then Read returns io.EOF
	EncoderPause  EncoderCommand = encCmdPause
	EncoderResume EncoderCommand = encCmdResume

	DecoderStart  DecoderCommand = decCmdStart // go on after DecoderStop and io.EOF; where Read says io.EOF again the driver wants Stop and Start of the stream
	DecoderStop   DecoderCommand = decCmdStop  // decode what was written; the last frame has FlagLast, then Read returns io.EOF
	DecoderPause  DecoderCommand = decCmdPause
	DecoderResume DecoderCommand = decCmdResume
	DecoderFlush  DecoderCommand = decCmdFlush
)

// Encoder gives a memory-to-memory encoder a command.
func (d *Device) Encoder(c EncoderCommand) error {
	if err := d.ioctl(iocEncoderCmd, unsafe.Pointer(&kEncoderCmd{Cmd: uint32(c)})); err != nil {
		return d.fail(fmt.Sprintf("giving encoder command %d", c), err)
	}
	if c == EncoderStart {
		d.resume()
	}
	return nil
}

// Decoder gives a memory-to-memory decoder a command.
func (d *Device) Decoder(c DecoderCommand) error {
	if err := d.ioctl(iocDecoderCmd, unsafe.Pointer(&kDecoderCmd{Cmd: uint32(c)})); err != nil {
		return d.fail(fmt.Sprintf("giving decoder command %d", c), err)
	}
	if c == DecoderStart {
		d.resume()
	}
	return nil
}

// resume has streams go on that ended.
func (d *Device) resume() {
	d.mu.Lock()
	streams := slices.Collect(maps.Keys(d.streams))
	d.mu.Unlock()
	for _, s := range streams {
		s.mu.Lock()
		s.ended = false
		s.mu.Unlock()
	}
}
