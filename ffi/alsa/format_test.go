package alsa

import "testing"

// The table of formats is alsa-lib's.
func TestFormats(t *testing.T) {
	configure(t, "")
	lib, err := load()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[Format]bool{}
	for _, r := range formatTable() {
		if name := lib.formatName(int32(r.format) - 1); name != r.format.String() {
			t.Errorf("%d: alsa-lib calls it %q, String %q", r.format, name, r.format)
		}
		if bits := lib.formatWidth(int32(r.format) - 1); int(bits) != 8*r.format.Bytes() {
			t.Errorf("%v: %d bits, Bytes %d", r.format, bits, r.format.Bytes())
		}
		if seen[r.format] {
			t.Errorf("%v is there twice", r.format)
		}
		seen[r.format] = true
	}
	if f := Format(200); f.Bytes() != 0 || f.String() != "format 200" {
		t.Errorf("%v has %d bytes", f, f.Bytes())
	}
	if len(seen) != 43 {
		t.Errorf("%d formats", len(seen))
	}
	for a := RWInterleaved; a <= MMapPlanar; a++ {
		if accessOf(a.c()) != a {
			t.Errorf("%v becomes %v", a, accessOf(a.c()))
		}
	}
	for c := ClockMonotonic; c <= ClockRealtime; c++ {
		if clockOf(c.c()) != c {
			t.Errorf("%v becomes %v", c, clockOf(c.c()))
		}
	}
	if MMapInterleaved.c() != 0 || RWPlanar.c() != 4 || ClockRealtime.c() != 0 || ClockMonotonicRaw.c() != 2 { // alsa/pcm.h
		t.Error("the values are not alsa-lib's")
	}
	if s := [...]string{State(99).String(), Access(9).String(), Clock(9).String(), Direction(9).String()}; s != [...]string{"unknown", "access 9", "clock 9", "direction 9"} {
		t.Errorf("%q", s)
	}
}
