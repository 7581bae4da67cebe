package v4l2

import "testing"

func TestFourCC(t *testing.T) {
	for f, want := range map[FourCC]string{FmtYUYV: "YUYV", FmtY16: "Y16", FmtY16_BE: "Y16-BE", FmtMJPEG: "MJPG", 0: "none", 0x01020304: "0x01020304"} {
		if got := f.String(); got != want {
			t.Errorf("%#x is %q, want %q", uint32(f), got, want)
		}
		if f < 0x20202020 {
			continue
		}
		if back, err := ParseFourCC(want); err != nil || back != f {
			t.Errorf("ParseFourCC(%q) = %#x, %v; want %#x", want, uint32(back), err, uint32(f))
		}
	}
	for _, bad := range []string{"", "YUYV2", "Y\x00", "äöü", "-BE"} {
		if f, err := ParseFourCC(bad); err == nil && bad != "-BE" {
			t.Errorf("ParseFourCC(%q) = %v", bad, f)
		}
	}
}

func FuzzParseFourCC(f *testing.F) {
	f.Add("YUYV")
	f.Add("Y16-BE")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseFourCC(s)
		if err != nil {
			return
		}
		if back, err := ParseFourCC(c.String()); c != 0x20202020 && c != 0xa0202020 && (err != nil || back != c) {
			t.Errorf("%q is %#x, written %q and read %#x, %v", s, uint32(c), c, uint32(back), err)
		}
	})
}
