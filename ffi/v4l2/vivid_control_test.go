package v4l2_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/ffi/v4l2"
)

// named finds a control by its name.
func named(tb testing.TB, d *v4l2.Device, name string) v4l2.Control {
	tb.Helper()
	l, err := d.Controls()
	if err != nil {
		tb.Fatal(err)
	}
	var names []string
	for _, c := range l {
		if c.Name == name {
			return c
		}
		names = append(names, c.Name)
	}
	tb.Fatalf("no control %q, only %s", name, strings.Join(names, ", "))
	return v4l2.Control{}
}

// TestVividControls reads and sets a control of every type that vivid has.
func TestVividControls(t *testing.T) {
	d := find(t, "vid-cap")
	numbers := []struct {
		name string
		typ  v4l2.ControlType
		set  int64
		get  int64 // what is set for it
	}{
		{"Brightness", v4l2.ControlInteger, 200, 200},
		{"Boolean", v4l2.ControlBoolean, 0, 0},
		{"Menu", v4l2.ControlMenu, 4, 4},
		{"Integer Menu", v4l2.ControlIntegerMenu, 5, 5},
		{"Integer 64 Bits", v4l2.ControlInteger64, -1 << 40, -1 << 40},
		{"Bitmask", v4l2.ControlBitmask, 0x80002000, 0x80002000},
		{"Integer 32 Bits", v4l2.ControlInteger, -1 << 31, -1 << 31},
	}
	for _, n := range numbers {
		c := named(t, d, n.name)
		if c.Type != n.typ {
			t.Errorf("%s is a %s, not a %s", n.name, c.Type, n.typ)
			continue
		}
		if got, err := d.SetControl(c.ID, n.set); err != nil || got != n.get {
			t.Errorf("SetControl(%s, %d) = %d, %v", n.name, n.set, got, err)
		}
		if got, err := d.ControlValue(c.ID); err != nil || got != n.get {
			t.Errorf("ControlValue(%s) = %d, %v; %d was set", n.name, got, err, n.get)
		}
		if _, err := d.SetControl(c.ID, c.Default); err != nil {
			t.Errorf("setting %s back to %d: %v", n.name, c.Default, err)
		}
		if _, err := d.ControlData(c.ID); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("ControlData(%s) = %v: it is a number", n.name, err)
		}
	}

	menu := named(t, d, "Menu")
	if len(menu.Menu) != 3 || menu.Menu[1].Index != 3 || menu.Menu[1].Name != "Menu Item 3" {
		t.Errorf("the menu has %v", menu.Menu) // 0 and 2 are holes
	}
	if m := named(t, d, "Integer Menu").Menu; len(m) != 7 || m[6].Index != 8 || m[6].Value != 42 {
		t.Errorf("the integer menu has %v", m)
	}

	s := named(t, d, "String")
	if err := d.SetControlText(s.ID, "pool"); err != nil {
		t.Errorf("SetControlText: %v (%+v)", err, s)
	}
	if got, err := d.ControlText(s.ID); err != nil || got != "pool" {
		t.Errorf("ControlText = %q, %v", got, err)
	}
	if err := d.SetControlText(s.ID, strings.Repeat("x", 1000)); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("SetControlText with 1000 bytes: %v", err)
	}

	matrix := named(t, d, "U16 8x16 Matrix")
	if len(matrix.Dims) != 2 || matrix.Dims[0] != 8 || matrix.Dims[1] != 16 || matrix.Elems != 128 || matrix.ElemSize != 2 || matrix.Type != v4l2.ControlU16 {
		t.Fatalf("the matrix is %+v", matrix)
	}
	data := make([]byte, 256)
	for i := range 128 {
		binary.NativeEndian.PutUint16(data[2*i:], uint16(0x18+i))
	}
	if err := d.SetControlData(matrix.ID, data); err != nil {
		t.Error(err)
	}
	if got, err := d.ControlData(matrix.ID); err != nil || !bytes.Equal(got, data) {
		t.Errorf("ControlData = %x, %v; %x was set", got, err, data)
	}
	if _, err := d.ControlValue(matrix.ID); !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "use ControlData") {
		t.Errorf("ControlValue of a matrix: %v", err)
	}

	// Refusals name the control and what it takes.
	b := named(t, d, "Brightness")
	if _, err := d.SetControl(b.ID, 1<<40); !errors.Is(err, syscall.ERANGE) || !strings.Contains(err.Error(), "Brightness") || !strings.Contains(err.Error(), "from 0 to 255") {
		t.Errorf("SetControl out of range: %v", err)
	}
	if _, err := d.Control(0x123456); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("Control(0x123456): %v", err)
	}
	if _, err := d.SetControl(named(t, d, "Read-Only Integer 32 Bits").ID, 1); err == nil || !strings.Contains(err.Error(), "only be read") {
		t.Errorf("setting what can only be read: %v", err)
	}
	both := []v4l2.Setting{{ID: b.ID, Value: 99}, {ID: named(t, d, "Contrast").ID, Value: 77}}
	if err := d.SetControls(both); err != nil {
		t.Error(err)
	}
	if v, err := d.ControlValue(b.ID); err != nil || v != 99 {
		t.Errorf("brightness is %d, %v after SetControls", v, err)
	}
}

// TestVividEvents subscribes and is told what changes.
func TestVividEvents(t *testing.T) {
	d := find(t, "vid-cap")
	b := named(t, d, "Brightness")
	if err := d.Subscribe(v4l2.EventControl, b.ID); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() {
		time.Sleep(50 * time.Millisecond)
		for v := range int64(3) {
			d.SetControl(b.ID, 10+v)
		}
	}()
	var last v4l2.Event
	for last.Value != 12 {
		e, err := d.Event(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if e.Type != v4l2.EventControl || e.ID != b.ID || e.Changes&v4l2.ChangedValue == 0 || e.Control != v4l2.ControlInteger || e.Max != 255 {
			t.Fatalf("event %+v", e)
		}
		last = e
	}
	if last.Timestamp <= 0 {
		t.Errorf("the event's time is %v", last.Timestamp)
	}
	if err := d.Unsubscribe(v4l2.EventControl, b.ID); err != nil {
		t.Error(err)
	}
	d.SetControl(b.ID, b.Default)
	short, done := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer done()
	if e, err := d.Event(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Event after Unsubscribe = %+v, %v", e, err)
	}
	if err := d.Subscribe(v4l2.EventType(0x07ffffff), 0); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("Subscribe to an event that is not there: %v", err)
	}
	go func() {
		time.Sleep(50 * time.Millisecond)
		d.Close()
	}()
	if _, err := d.Event(ctx); !errors.Is(err, v4l2.ErrClosed) {
		t.Errorf("Event while the device is closed: %v", err)
	}
}

// TestVividSourceChange changes the source's size as seen by a program that captures from HDMI.
func TestVividSourceChange(t *testing.T) {
	d := find(t, "vid-cap")
	inputs, err := d.Inputs()
	if err != nil || len(inputs) != 4 {
		t.Fatalf("Inputs = %+v, %v", inputs, err)
	}
	hdmi := inputs[3]
	if !hdmi.Timings || !strings.HasPrefix(hdmi.Name, "HDMI") || !inputs[0].Camera {
		t.Fatalf("Inputs = %+v", inputs)
	}
	if err := d.SetInput(hdmi.Index); err != nil {
		t.Fatal(err)
	}
	defer d.SetInput(0)
	if err := d.Subscribe(v4l2.EventSourceChange, uint32(hdmi.Index)); err != nil {
		t.Fatal(err)
	}
	mode := named(t, d, "DV Timings Signal Mode")
	const noSignal, selected = 1, 4
	if _, err := d.SetControl(mode.ID, noSignal); err != nil {
		t.Fatal(err)
	}
	defer d.SetControl(mode.ID, 0)
	if _, err := d.DetectTimings(); !errors.Is(err, syscall.ENOLINK) || !strings.Contains(err.Error(), "no signal") {
		t.Errorf("DetectTimings without a signal: %v", err)
	}
	if in, err := d.Inputs(); err != nil || !in[3].NoSignal() {
		t.Errorf("Inputs = %+v, %v without a signal", in, err)
	}
	if _, err := d.SetControl(mode.ID, selected); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for e := (v4l2.Event{}); !e.Resolution; {
		if e, err = d.Event(ctx); err != nil {
			t.Fatal(err)
		}
		if e.Type != v4l2.EventSourceChange {
			t.Fatalf("event %+v", e)
		}
	}
	now, err := d.DetectTimings()
	if err != nil || now.Width == 0 || now.PixelClock == 0 {
		t.Fatalf("DetectTimings = %+v, %v", now, err)
	}
	all, err := d.TimingsList()
	if err != nil || len(all) < 20 {
		t.Fatalf("TimingsList has %d, %v", len(all), err)
	}
	for _, want := range all {
		if want.Width == 1280 && want.Height == 720 && want.FrameRate().Numerator == 60_000 {
			if err := d.SetTimings(want); err != nil {
				t.Fatal(err)
			}
			got, err := d.Timings()
			if err != nil || got != want {
				t.Errorf("Timings = %+v, %v; %+v was set", got, err, want)
			}
			if f, err := d.Format(v4l2.Capture); err != nil || f.Width != 1280 || f.Height != 720 {
				t.Errorf("Format = %v, %v for 1280x720", f, err)
			}
			return
		}
	}
	t.Errorf("no 1280x720 at 60 Hz in %+v", all)
}
