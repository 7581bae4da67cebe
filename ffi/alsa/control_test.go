package alsa

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
)

func control(t testing.TB, name string) *Control {
	t.Helper()
	c, err := OpenControl(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func byName(name string) ElementID {
	ids := map[string]Interface{"Calibration": InterfaceCard, "Level": InterfaceCard, "Position": InterfacePCM, "IEC958 Playback Default": InterfacePCM}
	id := ElementID{Name: name, Interface: InterfaceMixer}
	if i, ok := ids[name]; ok {
		id.Interface = i
	}
	if id.Interface == InterfacePCM {
		id.Device = 3
	}
	return id
}

func TestElements(t *testing.T) {
	card(t, "")
	c := control(t, "card")
	ids, err := c.Elements()
	if err != nil || len(ids) != 9 {
		t.Fatalf("%d elements, %v", len(ids), err)
	}
	if want := (ElementID{Number: 6, Interface: InterfacePCM, Device: 3, Name: "Position"}); ids[5] != want {
		t.Errorf("got %+v, want %+v", ids[5], want)
	}
	for _, want := range []Element{
		{ID: ids[0], Type: TypeInteger, Count: 2, Max: 64, Step: 1, Readable: true, Writable: true},
		{ID: ids[1], Type: TypeBool, Count: 2, Max: 1, Step: 1, Readable: true, Writable: true},
		{ID: ids[2], Type: TypeInteger, Count: 1, Min: -10, Max: 10, Step: 2, Readable: true, Writable: true},
		{ID: ids[4], Type: TypeEnum, Count: 1, Max: 2, Step: 1, Items: []string{"Speaker", "Headphones", "Off"}, Readable: true, Writable: true},
		{ID: ids[5], Type: TypeInteger64, Count: 1, Min: -1 << 40, Max: 1 << 40, Step: 1, Readable: true, Writable: true},
		{ID: ids[6], Type: TypeBytes, Count: 8, Readable: true, Writable: true},
		{ID: ids[7], Type: TypeIEC958, Count: 24, Readable: true, Writable: true},
		{ID: ids[8], Type: TypeInteger, Count: 1, Max: 1000, Readable: true, Volatile: true},
	} {
		for _, id := range []ElementID{want.ID, {Number: want.ID.Number}, byName(want.ID.Name)} {
			got, err := c.Element(id)
			items := slices.Equal(got.Items, want.Items)
			got.Items, want.Items = nil, nil
			if err != nil || !items || got.ID.Name != want.ID.Name || got.Type != want.Type || got.Count != want.Count || got.Min != want.Min || got.Max != want.Max ||
				got.Step != want.Step || got.Readable != want.Readable || got.Writable != want.Writable || got.Volatile != want.Volatile || got.Locked || got.User || got.Inactive {
				t.Errorf("%v: got %+v, want %+v, %v", id, got, want, err)
			}
			if items {
				want.Items = items2(want.Type)
			}
		}
	}
	i, err := c.Card()
	if want := (Card{7, "Test", "testdriver", "Test card", "Test card in user space", "Test mixer", ""}); err != nil || i != want {
		t.Errorf("got %+v, want %+v, %v", i, want, err)
	}
}

func items2(t ElementType) []string {
	if t == TypeEnum {
		return []string{"Speaker", "Headphones", "Off"}
	}
	return nil
}

func TestElementValues(t *testing.T) {
	card(t, "")
	c, other := control(t, "card"), control(t, "card")
	for _, v := range []struct {
		name   string
		values []int64
	}{
		{"Master Playback Volume", []int64{64, 1}}, {"Master Playback Switch", []int64{1, 0}}, {"Mic Capture Volume", []int64{-8}}, {"Output Mode", []int64{2}},
		{"Position", []int64{-1<<39 - 7}},
	} {
		id := byName(v.name)
		if err := c.Write(id, v.values...); err != nil {
			t.Error(err)
		}
		// What one program writes another reads.
		if got, err := other.Read(id); err != nil || !slices.Equal(got, v.values) {
			t.Errorf("%v: %v, want %v, %v", id, got, v.values, err)
		}
	}
	for name, n := range map[string]int{"Calibration": 8, "IEC958 Playback Default": 24} {
		want := noise(n)
		if err := c.WriteBytes(byName(name), want); err != nil {
			t.Error(err)
		}
		if got, err := other.ReadBytes(byName(name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v, want %v, %v", name, got, want, err)
		}
	}
	for i, f := range []func() error{
		func() error { return c.Write(byName("Master Playback Volume"), 1) },
		func() error { return c.Write(byName("Master Playback Volume"), 1, 65) },
		func() error { return c.Write(byName("Output Mode"), 3) },
		func() error { return c.Write(byName("Mic Capture Volume"), -11) },
		func() error { return c.Write(byName("Calibration"), 1) },
		func() error { return c.WriteBytes(byName("Calibration"), make([]byte, 9)) },
		func() error { return c.WriteBytes(byName("Output Mode"), make([]byte, 1)) },
		func() error { _, err := c.Read(byName("Calibration")); return err },
		func() error { _, err := c.ReadBytes(byName("Output Mode")); return err },
		func() error { _, err := c.Read(ElementID{Name: "a\x00b"}); return err },
	} {
		if err := f(); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if _, err := c.Read(ElementID{Name: "nothing", Interface: InterfaceMixer}); !errors.Is(err, syscall.ENOENT) || !strings.Contains(err.Error(), "Elements lists them") {
		t.Errorf("an element that is not there: %v", err)
	}
	if err := c.Write(byName("Level"), 1); !errors.Is(err, syscall.EPERM) || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("a read-only element: %v", err)
	}
}

func TestDecibels(t *testing.T) {
	card(t, "")
	c := control(t, "card")
	ids, err := c.Elements()
	if err != nil {
		t.Fatal(err)
	}
	id := ids[0]
	if r, err := c.Decibels(id); err != nil || r != (Range{-4800, 0}) {
		t.Errorf("%v, %v", r, err)
	}
	if n, err := c.ToDecibels(id, 32); err != nil || n != -2400 {
		t.Errorf("%v, %v", n, err)
	}
	for up, want := range map[bool]int{true: 33, false: 32} {
		if n, err := c.FromDecibels(id, -2390, up); err != nil || n != want {
			t.Errorf("up %v: %v, want %d, %v", up, n, want, err)
		}
	}
	if _, err := c.Decibels(ids[2]); err == nil {
		t.Error("an element without decibels has some")
	}
}

func TestControlEvents(t *testing.T) {
	card(t, "")
	c, other := control(t, "card"), control(t, "card")
	got := make(chan Event)
	go func() {
		for range 2 {
			e, err := c.Wait(context.Background())
			if err != nil {
				t.Error(err)
			}
			got <- e
		}
	}()
	for _, name := range []string{"Mic Capture Volume", "Output Mode"} {
		v, err := other.Read(byName(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Write(byName(name), 1-min(v[0]&1, 1)); err != nil {
			t.Fatal(err)
		}
		within(t, "waiting", func() {
			if e := <-got; e.ID.Name != name || !e.Value || e.Removed || e.Added || e.Info {
				t.Errorf("event %+v", e)
			}
		})
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errWhy)
	defer cancel()
	if _, err := control(t, "card").Wait(ctx); !errors.Is(err, errWhy) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestControlClose(t *testing.T) {
	card(t, "")
	testutil.OpenFDs(t)
	c := control(t, "card")
	ended := make(chan error)
	go func() {
		for {
			_, err := c.Wait(context.Background())
			if errors.Is(err, ErrBusy) {
				continue // the test looked just then whether it waits
			}
			ended <- err
			return
		}
	}()
	for c.io.TryLock() {
		c.io.Unlock()
		time.Sleep(time.Millisecond)
	}
	if _, err := c.Wait(t.Context()); !errors.Is(err, ErrBusy) {
		t.Errorf("second wait: %v", err)
	}
	within(t, "closing", func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
	for i, f := range []func() error{
		func() error { _, err := c.Elements(); return err },
		func() error { _, err := c.Element(byName("Level")); return err },
		func() error { _, err := c.Read(byName("Level")); return err },
		func() error { return c.Write(byName("Level"), 1) },
		func() error { _, err := c.Card(); return err },
		func() error { _, err := c.PCMs(); return err },
		func() error { _, err := c.Decibels(byName("Level")); return err },
		func() error { return c.Lock(byName("Level")) },
		func() error { _, err := c.Wait(t.Context()); return err },
	} {
		if err := f(); !errors.Is(err, ErrClosed) {
			t.Errorf("call %d after Close: %v", i, err)
		}
	}
	for name, want := range map[string]error{"nothing": syscall.ENOENT, "hw:31": syscall.ENOENT, "a\x00b": syscall.EINVAL} {
		var e *ControlError
		if _, err := OpenControl(name); !errors.Is(err, want) || !errors.As(err, &e) || e.Name != name {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestControlUnplugged(t *testing.T) {
	card(t, "", "ctl.going { type card  unplug_at 3 }", "ctl.bare { type card  empty 1 }")
	c := control(t, "going")
	for i := range 4 {
		_, err := c.Read(byName("Output Mode"))
		if gone := errors.Is(err, syscall.ENODEV); gone != (i >= 2) {
			t.Errorf("read %d: %v", i, err)
		}
	}
	if ids, err := control(t, "bare").Elements(); err != nil || len(ids) != 0 {
		t.Errorf("%v, %v", ids, err)
	}
}

// The kernel's own card, whose structures differ between machines.
func TestLoopbackControl(t *testing.T) {
	loopback(t)
	cards, err := Cards()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(cards, func(c Card) bool { return c.ID == "Loopback" })
	if at < 0 || cards[at].Driver != "Loopback" || cards[at].Name != "Loopback" || cards[at].Mixer != "Loopback Mixer" {
		t.Fatalf("%+v", cards)
	}
	c := control(t, "hw:Loopback")
	pcms, err := c.PCMs()
	if err != nil || len(pcms) != 2 || pcms[1] != (CardPCM{1, "Loopback PCM", "Loopback PCM", 8, 8}) {
		t.Errorf("%+v, %v", pcms, err)
	}
	ids, err := c.Elements()
	if err != nil || len(ids) < 16 {
		t.Fatalf("%d elements, %v", len(ids), err)
	}
	shift := ids[slices.IndexFunc(ids, func(id ElementID) bool { return id.Name == "PCM Rate Shift 100000" })]
	e, err := c.Element(shift)
	if err != nil || e.Type != TypeInteger || e.Min != 80000 || e.Max != 120000 || e.Step != 1 || e.ID.Interface != InterfacePCM {
		t.Errorf("%+v, %v", e, err)
	}
	other := control(t, "hw:Loopback")
	if err := other.Write(shift, 100100); err != nil {
		t.Error(err)
	}
	if v, err := c.Read(shift); err != nil || !slices.Equal(v, []int64{100100}) {
		t.Errorf("%v, %v", v, err)
	}
	within(t, "waiting", func() {
		if e, err := c.Wait(t.Context()); err != nil || e.ID.Number != shift.Number || !e.Value {
			t.Errorf("%+v, %v", e, err)
		}
	})
	if err := c.Lock(shift); err != nil {
		t.Error(err)
	}
	if err := other.Write(shift, 100000); !errors.Is(err, syscall.EPERM) {
		t.Errorf("locked, and writing it says %v", err)
	}
	if err := c.Unlock(shift); err != nil {
		t.Error(err)
	}
	if err := other.Write(shift, 100000); err != nil {
		t.Error(err)
	}
	// A playback stream tells its parameters by elements.
	p := open(t, "in", Playback, Config{Rate: 44100, Channels: 3, Format: S24Packed, StartAt: 1})
	if _, err := p.WriteBytes(t.Context(), make([]byte, 9*400)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"PCM Slave Rate": 44100, "PCM Slave Channels": 3, "PCM Slave Format": int64(p.Config().Format) - 1} {
		at := slices.IndexFunc(ids, func(id ElementID) bool { return id.Name == name && id.Device == 1 && id.Subdevice == 0 })
		if v, err := c.Read(ids[at]); err != nil || v[0] != want {
			t.Errorf("%s: %v, want %d, %v", name, v, want, err)
		}
	}
	if _, err := DevicesOf("ctl"); err != nil {
		t.Error(err)
	}
}
