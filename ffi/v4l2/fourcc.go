package v4l2

import "fmt"

// FourCC names a pixel format by four characters, the first in the lowest byte; bit 31 says big-endian (linux/videodev2.h).
type FourCC uint32

// ParseFourCC reads what String writes: four characters, or fewer with blanks to follow, and -BE for big-endian.
func ParseFourCC(s string) (FourCC, error) {
	t, big := s, FourCC(0)
	if len(t) > 4 && t[len(t)-3:] == "-BE" {
		t, big = t[:len(t)-3], 1<<31
	}
	if len(t) == 0 || len(t) > 4 {
		return 0, fmt.Errorf("v4l2: format %q: it must have one to four characters, such as YUYV", s)
	}
	f := big
	for i := range 4 {
		c := byte(' ')
		if i < len(t) {
			c = t[i]
		}
		if c < ' ' || c > '~' {
			return 0, fmt.Errorf("v4l2: format %q: character %d is not printable ASCII", s, i)
		}
		f |= FourCC(c) << (8 * i)
	}
	return f, nil
}

func (f FourCC) String() string {
	if f == 0 {
		return "none"
	}
	var b [4]byte
	n := 0
	for i := range b {
		c := byte(f >> (8 * i))
		if i == 3 {
			c &= 0x7f
		}
		if c < ' ' || c > '~' {
			return fmt.Sprintf("%#08x", uint32(f))
		}
		b[i] = c
		if c != ' ' {
			n = i + 1
		}
	}
	if f>>31 != 0 {
		return string(b[:n]) + "-BE"
	}
	return string(b[:n])
}
