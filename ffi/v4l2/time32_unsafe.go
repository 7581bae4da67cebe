//go:build 386 || arm

package v4l2

import "unsafe"

// has32 says that the target has calls with 32-bit time.
const has32 = true

// request is what one of the buffer calls passes. It is on the heap, because the kernel follows the pointer from b to planes.
type request struct {
	b      kBuffer
	planes [maxPlanes]kPlane
	old    kBuffer32
}

// oldCall makes a buffer call with 32-bit time.
func (d *Device) oldCall(c bufferCall, r *request) error {
	b, o := &r.b, &r.old
	*o = kBuffer32{Index: b.Index, Type: b.Type, Bytesused: b.Bytesused, Flags: b.Flags, Field: b.Field,
		Timestamp: kTimeval32{Sec: int32(b.Timestamp.Sec), Usec: int32(b.Timestamp.Usec)}, Timecode: b.Timecode, Sequence: b.Sequence,
		Memory: b.Memory, M: b.M, Length: b.Length, Reserved2: b.Reserved2, Fd: b.Fd}
	err := d.ioctl([...]uint32{iocQuerybuf32, iocQbuf32, iocDqbuf32}[c], unsafe.Pointer(o))
	*b = kBuffer{Index: o.Index, Type: o.Type, Bytesused: o.Bytesused, Flags: o.Flags, Field: o.Field,
		Timestamp: kTimeval{Sec: int64(o.Timestamp.Sec), Usec: int64(o.Timestamp.Usec)}, Timecode: o.Timecode, Sequence: o.Sequence,
		Memory: o.Memory, M: o.M, Length: o.Length, Reserved2: o.Reserved2, Fd: o.Fd}
	return err
}

// oldEvent dequeues an event with 32-bit time.
func (d *Device) oldEvent(e *kEvent) error {
	var o kEvent32
	err := d.ioctl(iocDqevent32, unsafe.Pointer(&o))
	*e = kEvent{Type: o.Type, U: o.U, Pending: o.Pending, Sequence: o.Sequence,
		Timestamp: kTimespec{Sec: int64(o.Timestamp.Sec), Nsec: o.Timestamp.Nsec}, Id: o.Id}
	return err
}
