package pool

import (
	"bytes"
	"unicode/utf8"
)

// CString is the text in b up to the first NUL, or all of b if there is none: C may have written it.
func CString(b []byte) string {
	if n := bytes.IndexByte(b, 0); n >= 0 {
		b = b[:n]
	}
	return string(b)
}

// SetCString puts s into b and fills what is left, at least one byte, with NUL. It reports whether all of s fit; what does not is
// cut off, not within a UTF-8 letter. C sees s up to a NUL within it, if there is one.
func SetCString(b []byte, s string) bool {
	n := len(s)
	if n >= len(b) {
		for n = max(len(b)-1, 0); n > 0 && !utf8.RuneStart(s[n]); {
			n--
		}
	}
	clear(b[copy(b, s[:n]):])
	return n == len(s)
}
