package v4l2

import (
	"context"
	"errors"
	"math"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

// TestEventKinds reads events of each kind as the kernel lays them out, those among them that no driver of the guests sends: vertical and
// frame syncs, and motion.
func TestEventKinds(t *testing.T) {
	f := newFake(t)
	var next []kEvent
	put := func(kind EventType, sequence uint32, fill func(u unsafe.Pointer)) {
		k := kEvent{Type: uint32(kind), Id: 7, Sequence: sequence}
		k.Timestamp.Sec, k.Timestamp.Nsec = 3, 250
		if fill != nil {
			fill(unsafe.Pointer(&k.U))
		}
		next = append(next, k)
	}
	var subscribed []kSubscription
	f.fault = func(request uint32, arg unsafe.Pointer) error {
		switch request {
		case iocSubscribeEvent:
			subscribed = append(subscribed, *(*kSubscription)(arg))
			return errAnswered
		case iocDqevent:
			if len(next) == 0 {
				return syscall.ENOENT
			}
			k := (*kEvent)(arg)
			*k, next = next[0], next[1:]
			k.Pending = uint32(len(next))
			return errAnswered
		}
		return nil
	}
	d, err := Open("fake", Options{System: answering{f}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Subscribe(EventFrameSync, 0); err != nil {
		t.Fatal(err)
	}
	if len(subscribed) != 1 || subscribed[0].Type != eventFrameSync {
		t.Errorf("subscribed to %+v", subscribed)
	}

	put(EventFrameSync, 10, func(u unsafe.Pointer) { (*kEventFrameSync)(u).Sequence = math.MaxUint32 })
	put(EventVSync, 11, func(u unsafe.Pointer) { (*kEventVsync)(u).Field = 3 })
	put(EventMotion, 14, func(u unsafe.Pointer) {
		*(*kEventMotionDet)(u) = kEventMotionDet{Flags: eventMdFlHaveFrameSeq, Frame_sequence: 9, Region_mask: 5}
	})
	put(EventMotion, 15, func(u unsafe.Pointer) { *(*kEventMotionDet)(u) = kEventMotionDet{Frame_sequence: 9, Region_mask: 1} })
	put(EventEOS, 16, nil)
	put(EventSourceChange, 17, func(u unsafe.Pointer) { (*kEventSrcChange)(u).Changes = eventSrcChResolution })
	put(EventControl, 18, func(u unsafe.Pointer) {
		c := (*kEventCtrl)(u)
		*c = kEventCtrl{Changes: eventCtrlChValue, Type: uint32(ControlInteger64), Minimum: -1, Maximum: 2, Step: 3, Default_value: 4}
		*(*int64)(unsafe.Add(u, unsafe.Offsetof(c.Value))) = math.MinInt64 + 1
	})
	put(EventControl, 19, func(u unsafe.Pointer) {
		*(*kEventCtrl)(u) = kEventCtrl{Changes: eventCtrlChRange, Type: uint32(ControlBitmask), Value: -1}
	})
	put(EventType(0x08000001), 20, func(u unsafe.Pointer) { *(*uint32)(u) = 1 }) // a driver's own

	at := 3*time.Second + 250
	want := []Event{
		{Type: EventFrameSync, Frame: math.MaxUint32},
		{Type: EventVSync, Field: 3},
		{Type: EventMotion, Frame: 9, Regions: 5, Lost: 2},
		{Type: EventMotion, Regions: 1},
		{Type: EventEOS},
		{Type: EventSourceChange, Resolution: true},
		{Type: EventControl, Changes: ChangedValue, Control: ControlInteger64, Value: math.MinInt64 + 1, Min: -1, Max: 2, Step: 3, Default: 4},
		{Type: EventControl, Changes: ChangedRange, Control: ControlBitmask, Value: math.MaxUint32},
		{Type: EventType(0x08000001)},
	}
	for i := range want {
		want[i].ID, want[i].Timestamp, want[i].Pending, want[i].Raw = 7, at, len(want)-1-i, next[0].U
		got, err := d.Event(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want[i], got); d != "" {
			t.Errorf("event %d: want - got +\n%s", i, d)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Event(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("without an event: %v", err)
	}
}

// errAnswered says that a fault has done what the request asks.
var errAnswered = errors.New("answered")

// answering is a fake whose faults may answer a request themselves.
type answering struct{ *fake }

func (a answering) Ioctl(fd int, request uint32, arg unsafe.Pointer) error {
	if err := a.fake.Ioctl(fd, request, arg); !errors.Is(err, errAnswered) {
		return err
	}
	return nil
}
