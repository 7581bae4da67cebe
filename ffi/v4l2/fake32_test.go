//go:build 386 || arm

package v4l2

import (
	"syscall"
	"testing"
	"time"
	"unsafe"
)

func (f *fake) ioctl32(request uint32, arg unsafe.Pointer) error {
	as := map[uint32]uint32{iocQuerybuf32: iocQuerybuf, iocQbuf32: iocQbuf, iocDqbuf32: iocDqbuf}[request]
	if as == 0 {
		return syscall.ENOTTY
	}
	o := (*kBuffer32)(arg)
	b := kBuffer{Type: o.Type, Memory: o.Memory, Index: o.Index, M: o.M}
	err := f.buffer(as, &b)
	*o = kBuffer32{Type: b.Type, Memory: b.Memory, Index: b.Index, M: b.M, Sequence: b.Sequence, Bytesused: b.Bytesused, Length: b.Length, Flags: b.Flags,
		Timestamp: kTimeval32{Sec: int32(b.Timestamp.Sec), Usec: int32(b.Timestamp.Usec)}}
	return err
}

// TestTime32 reads frames from a kernel that knows only the calls with 32-bit time, and asks it for the others once.
func TestTime32(t *testing.T) {
	f := newFake(t)
	f.old = true
	s := faked(t, f, StreamConfig{})
	for i := range 5 {
		fr, err := s.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if fr.Sequence != uint32(i) || fr.Timestamp != 3250*time.Millisecond || len(fr.Bytes()) != fakeSize || fr.Bytes()[0] != byte(i) {
			t.Errorf("frame %d: %+v, %d bytes", i, fr, len(fr.Bytes()))
		}
		fr.Release()
	}
	if n := f.calls[iocQuerybuf] + f.calls[iocQbuf] + f.calls[iocDqbuf]; n != 1 {
		t.Errorf("%d calls with 64-bit time, want 1", n)
	}
}
