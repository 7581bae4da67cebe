package main

import (
	"bytes"
	"os"
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/poolgen/poolgen/runtime/pool"
)

// TestOffsets compares what the program prints with what it must print on every target.
func TestOffsets(t *testing.T) {
	var out bytes.Buffer
	for _, typ := range []reflect.Type{reflect.TypeFor[Reading](), reflect.TypeFor[Packet](), reflect.TypeFor[Spectrum32](), reflect.TypeFor[Spectrum64]()} {
		show(&out, typ)
	}
	want, err := os.ReadFile("testdata/offsets.txt")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), out.String()); d != "" {
		t.Errorf("want - got +\n%s", d)
	}
}

func TestUsable(t *testing.T) {
	for _, c := range []struct {
		q    quality
		f    flags
		want bool
	}{
		{qualityGood, flagUsable, true},
		{qualityPoor, flagUsable, false},
		{qualityGood, flagCalibrated, false},
		{qualityGood, flagUsable | flagClipped, false},
	} {
		if got := usable(&Reading{Quality: c.q, Flags: c.f}); got != c.want {
			t.Errorf("quality %d, flags %#x: usable is %t", c.q, c.f, got)
		}
	}
}

// TestAtomicsAligned looks at the addresses of 64-bit atomics in a pool's block, and in Go values behind a 32-bit word.
func TestAtomicsAligned(t *testing.T) {
	readings, err := NewReadingPool(pool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := readings.Get()
	if err != nil {
		t.Fatal(err)
	}
	behind := new(struct {
		_ uint32
		Reading
		_ uint32
		c [3]counters
	})
	lists := map[string][]any{
		"block":    {&r.Value().Energy, &r.Value().Sensors[0].Taken, &r.Value().Sensors[1].Taken, &r.Value().Sensors[2].Taken},
		"embedded": {&behind.Energy, &behind.Sensors[0].Taken, &behind.Sensors[1].Taken, &behind.Sensors[2].Taken},
		"array":    {&behind.c[0].Taken, &behind.c[1].Taken, &behind.c[2].Taken},
	}
	for where, list := range lists {
		for i, p := range list {
			if at := reflect.ValueOf(p).Pointer(); at%8 != 0 {
				t.Errorf("%s: atomic %d is at %#x", where, i, at)
			}
		}
	}
	r.Value().Sensors[2].Taken.Store(1 << 40)
	if got := r.Value().Sensors[2].Taken.Add(1); got != 1<<40+1 {
		t.Errorf("added to %d", got)
	}
	r.Release()
	if err := readings.Close(); err != nil {
		t.Error(err)
	}
}

// TestOwnCacheLine checks that nothing but padding shares a line of 64 bytes with what asked for one, blocks being aligned to 64.
func TestOwnCacheLine(t *testing.T) {
	typ := reflect.TypeFor[Reading]()
	own := map[string]bool{"Head": true, "Tail": true}
	for i := range typ.NumField() {
		a := typ.Field(i)
		if own[a.Name] && a.Offset%64 != 0 {
			t.Errorf("%s is at %d", a.Name, a.Offset)
		}
		for j := range typ.NumField() {
			b := typ.Field(j)
			if i != j && own[a.Name] && b.Name != "_" && b.Offset < a.Offset/64*64+64 && b.Offset+b.Type.Size() > a.Offset/64*64 {
				t.Errorf("%s shares the line of %s", b.Name, a.Name)
			}
		}
	}
	if typ.Size()%64 != 0 {
		t.Errorf("%d bytes: an array would share lines", typ.Size())
	}
	if reflect.TypeFor[atomic.Uint32]().Size() != 4 {
		t.Error("atomic.Uint32 is not 4 bytes")
	}
}

func TestLabel(t *testing.T) {
	var r Reading
	for _, c := range []struct {
		in, out string
		fits    bool
	}{
		{"", "", true},
		{"fifteen letters", "fifteen letters", true},
		{"sixteen letters!", "sixteen letters", false},
		{"14 letters is é", "14 letters is ", false}, // é would be cut in two
		{"x", "x", true},
	} {
		if fits := r.SetLabel(c.in); fits != c.fits || r.LabelString() != c.out {
			t.Errorf("SetLabel(%q) is %v and leaves %q", c.in, fits, r.LabelString())
		}
		if r.Label[15] != 0 {
			t.Errorf("%q does not end in a NUL: %q", c.in, r.Label)
		}
	}
	copy(r.Label[:], "0123456789abcdef") // as C might leave it
	if got := r.LabelString(); got != "0123456789abcdef" {
		t.Errorf("without a NUL it is %q", got)
	}
}

func TestPayload(t *testing.T) {
	packets, err := NewPacketPool(pool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := packets.Get()
	if err != nil {
		t.Fatal(err)
	}
	if n, c := len(PacketData(p)), cap(PacketData(p)); n != 1500 || c != 1500 {
		t.Errorf("a fresh payload has %d of %d bytes", n, c)
	}
	*p.Value() = Packet{Kind: 7, Source: 9}
	SetPacketDataLen(p, 3)
	copy(PacketData(p), "abc")
	if p.Value().Kind != 7 || p.Value().Source != 9 || string(p.Value().Data[:3]) != "abc" || len(PacketData(p)) != 3 {
		t.Errorf("payload %q behind %+v", PacketData(p), p.Value().Source)
	}
	SetPacketDataLen(p, 0)
	if len(PacketData(p)) != 0 {
		t.Errorf("%d bytes in an empty payload", len(PacketData(p)))
	}
	for _, n := range []int{-1, PacketDataCap + 1} {
		if !panics(func() { SetPacketDataLen(p, n) }) {
			t.Errorf("a length of %d was taken", n)
		}
	}
	second := p.Retain()
	if !panics(func() { SetPacketDataLen(p, 1) }) {
		t.Error("the length was changed under somebody else's reference")
	}
	second.Release()
	p.Release()
	if !panics(func() { PacketData(p) }) {
		t.Error("a released packet gave its payload")
	}
	if err := packets.Close(); err != nil {
		t.Error(err)
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
