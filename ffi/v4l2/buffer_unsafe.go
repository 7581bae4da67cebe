package v4l2

import (
	"encoding/binary"
	"errors"
	"syscall"
	"unsafe"
)

// prepare makes r name a buffer.
func (r *request) prepare(typ, memory, index uint32, planes int) {
	r.b = kBuffer{Type: typ, Memory: memory, Index: index}
	if multiPlanar(typ) {
		clear(r.planes[:])
		r.b.Length = uint32(planes)
		setWord(r.b.M[:], uintptr(unsafe.Pointer(&r.planes)))
	}
}

// call makes one of the buffer calls, with 64-bit time where the kernel has it.
func (d *Device) call(c bufferCall, r *request) error {
	if !d.time32.Load() {
		err := d.ioctl(c.request(), unsafe.Pointer(&r.b))
		if !has32 || !errors.Is(err, syscall.ENOTTY) {
			return err
		}
		// A kernel before 5.6, or a device without buffers: the older call tells.
		if err := d.oldCall(c, r); err != nil {
			return err
		}
		d.time32.Store(true)
		return nil
	}
	return d.oldCall(c, r)
}

// bufferCall is one of the calls with a struct v4l2_buffer.
type bufferCall uint8

const (
	queryBuffer bufferCall = iota
	queueBuffer
	dequeueBuffer
)

func (c bufferCall) request() uint32 {
	return [...]uint32{iocQuerybuf, iocQbuf, iocDqbuf}[c]
}

// Words of the unions in v4l2_buffer and v4l2_plane: an offset or a descriptor in the first 4 bytes, or a pointer.

func setWord(m []byte, v uintptr) {
	if len(m) == 8 {
		binary.NativeEndian.PutUint64(m, uint64(v))
	} else {
		binary.NativeEndian.PutUint32(m, uint32(v))
	}
}

func setInt(m []byte, v int32) {
	clear(m)
	binary.NativeEndian.PutUint32(m, uint32(v))
}

func getInt(m []byte) uint32 { return binary.NativeEndian.Uint32(m) }

// part returns the memory word of plane i, and where its length and bytes used stand.
func (r *request) part(i int) (m []byte, length, used *uint32) {
	if multiPlanar(r.b.Type) {
		p := &r.planes[i]
		return p.M[:], &p.Length, &p.Bytesused
	}
	return r.b.M[:], &r.b.Length, &r.b.Bytesused
}

// filled returns how many bytes of plane i the driver used, and where the data begin.
func (r *request) filled(i int) (used, offset uint32) {
	if multiPlanar(r.b.Type) {
		return r.planes[i].Bytesused, r.planes[i].Offset
	}
	return r.b.Bytesused, 0
}
