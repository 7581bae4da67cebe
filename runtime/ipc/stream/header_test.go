package stream

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"testing"
)

// The bytes are written out by hand from the description of the protocol, so that a mistake in Put and ParseHeader cannot hide.
func TestHeaderBytes(t *testing.T) {
	for _, test := range []struct {
		header Header
		bytes  string
	}{
		{Header{Output, Frame, 3840, 0x0102030405060708}, "554f4b4a" + "00" + "000f0000" + "0807060504030201"},
		{Header{Input, Config, 36, -1}, "4e494b4a" + "01" + "24000000" + "ffffffffffffffff"},
		{Header{Output, Stop, 0, 0}, "554f4b4a" + "02" + "00000000" + "0000000000000000"},
		{Header{Output, Heartbeat, 0, 1}, "554f4b4a" + "03" + "00000000" + "0100000000000000"},
		{Header{Input, Ack, 1 << 31, math.MinInt64}, "4e494b4a" + "04" + "00000080" + "0000000000000080"},
		{Header{0, 255, math.MaxUint32, math.MaxInt64}, "00000000" + "ff" + "ffffffff" + "ffffffffffffff7f"},
	} {
		var b [HeaderSize]byte
		test.header.Put(&b)
		if got := hex.EncodeToString(b[:]); got != test.bytes {
			t.Errorf("%+v: %s, want %s", test.header, got, test.bytes)
		}
		if got := ParseHeader(&b); got != test.header {
			t.Errorf("%s: %+v, want %+v", test.bytes, got, test.header)
		}
	}
}

func TestHeaderCheck(t *testing.T) {
	for _, test := range []struct {
		header Header
		err    error
	}{
		{Header{Magic: Output, Length: 4096}, nil},
		{Header{Magic: Output, Length: 4097}, ErrTooLong},
		{Header{Magic: Output, Length: 1<<31 - 1}, ErrTooLong},
		{Header{Magic: Output, Length: 1 << 31}, ErrTooLong},
		{Header{Magic: Output, Length: 1<<31 + 1}, ErrTooLong},
		{Header{Magic: Output, Length: math.MaxUint32}, ErrTooLong},
		{Header{Magic: Input}, ErrMagic},
		{Header{Magic: 0x554f4b4a}, ErrMagic},
	} {
		if err := test.header.Check(Output, 4096); !errors.Is(err, test.err) || test.err == nil && err != nil {
			t.Errorf("%+v: %v, want %v", test.header, err, test.err)
		}
	}
	err := Header{Magic: Input}.Check(Output, 0)
	if want := "wrong magic: JKIN where JKOU should be"; err == nil || err.Error() != want {
		t.Errorf("%v, want %q", err, want)
	}
	if got := Magic(1).String(); got != "0x00000001" {
		t.Errorf("magic 1 is %q", got)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add([]byte("UOKJ\x00\x00\x0f\x00\x00\x08\x07\x06\x05\x04\x03\x02\x01"))
	f.Add(bytes.Repeat([]byte{0xff}, HeaderSize))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) < HeaderSize {
			return
		}
		var b, again [HeaderSize]byte
		copy(b[:], in)
		h := ParseHeader(&b)
		h.Put(&again)
		if again != b {
			t.Fatalf("% x became % x", b, again)
		}
		if h.Check(Output, 1<<20) == nil && (h.Magic != Output || h.Length > 1<<20) {
			t.Fatalf("%+v passes", h)
		}
	})
}
