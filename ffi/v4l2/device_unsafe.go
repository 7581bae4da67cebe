package v4l2

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// Options tune Open. The zero value is ready.
type Options struct {
	System System // who makes the system calls; nil: the kernel
}

// Device is an open V4L2 node. Its methods may be called from any goroutine.
type Device struct {
	sys  System
	path string
	info Info

	time32 atomic.Bool // the kernel knows only the calls with 32-bit time

	life sync.RWMutex // held for reading over every call with fd, so that Close never frees a descriptor in use
	fd   int          // -1 after Close

	events    waiter // who has entered it uses what follows
	told      bool   // lastEvent is valid
	lastEvent uint32

	mu      sync.Mutex // guards what follows; taken after a Stream's mu
	closing bool       // no streams any more
	streams map[*Stream]struct{}
}

// Open opens the node at path, such as /dev/video0. The caller closes it. The error says what is wrong with a path that is no V4L2
// node, and errors.Is finds the errno.
func Open(path string, o Options) (*Device, error) {
	s := o.System
	if s == nil {
		s = kernel{}
	}
	fd, err := s.Open(path)
	if err != nil {
		return nil, failure(path, "opening", err)
	}
	d := &Device{sys: s, path: path, fd: fd, streams: map[*Stream]struct{}{}}
	c := new(kCapability)
	if err := d.ioctl(iocQuerycap, unsafe.Pointer(c)); err != nil {
		_ = s.Close(fd)
		return nil, failure(path, "asking for the capabilities", err, "it is not a V4L2 device: Devices lists those that are there")
	}
	d.info = infoOf(path, c)
	if err := d.events.init(); err != nil {
		_ = s.Close(fd)
		return nil, failure(path, "making an eventfd", err)
	}
	return d, nil
}

// ioctl passes a structure to the driver. arg is on the heap.
func (d *Device) ioctl(request uint32, arg unsafe.Pointer) error {
	d.life.RLock()
	defer d.life.RUnlock()
	if d.fd < 0 {
		return ErrClosed
	}
	return d.sys.Ioctl(d.fd, request, arg)
}

// Path is what Open was given.
func (d *Device) Path() string { return d.path }

// Info is what the driver says of itself.
func (d *Device) Info() Info { return d.info }

// FD is the descriptor, for calls that this package does not have, or -1 after Close. It stays the device's.
func (d *Device) FD() int {
	d.life.RLock()
	defer d.life.RUnlock()
	return d.fd
}

// Close closes the device's streams and the device. The second call does nothing. Frames that are still held stay readable.
func (d *Device) Close() error {
	d.mu.Lock()
	d.closing = true
	open := make([]*Stream, 0, len(d.streams))
	for s := range d.streams {
		open = append(open, s)
	}
	d.mu.Unlock()
	var first error
	for _, s := range open {
		if err := s.Close(); err != nil && first == nil {
			first = err
		}
	}
	d.events.close()
	d.life.Lock()
	defer d.life.Unlock()
	if d.fd < 0 {
		return first
	}
	fd := d.fd
	d.fd = -1
	if err := d.sys.Close(fd); err != nil && first == nil {
		first = d.fail("closing", err)
	}
	return first
}

// queueType is the kernel's buffer type of a queue, the multi-planar one where the driver has that.
func (d *Device) queueType(q Queue) (uint32, error) {
	c := d.info.Capabilities
	switch q {
	case Capture:
		switch {
		case c&(CapVideoCaptureMplane|CapVideoM2mMplane) != 0:
			return bufTypeVideoCaptureMplane, nil
		case c&(CapVideoCapture|CapVideoM2m) != 0:
			return bufTypeVideoCapture, nil
		}
	case Output:
		switch {
		case c&(CapVideoOutputMplane|CapVideoM2mMplane) != 0:
			return bufTypeVideoOutputMplane, nil
		case c&(CapVideoOutput|CapVideoM2m) != 0:
			return bufTypeVideoOutput, nil
		}
	case MetaCapture:
		if c&CapMetaCapture != 0 {
			return bufTypeMetaCapture, nil
		}
	case MetaOutput:
		if c&CapMetaOutput != 0 {
			return bufTypeMetaOutput, nil
		}
	}
	return 0, d.fail("choosing a queue", syscall.EINVAL, fmt.Sprintf("it has no queue for %s: %s", q, c))
}

func multiPlanar(typ uint32) bool {
	return typ == bufTypeVideoCaptureMplane || typ == bufTypeVideoOutputMplane
}

func isOutput(typ uint32) bool {
	return typ == bufTypeVideoOutput || typ == bufTypeVideoOutputMplane || typ == bufTypeMetaOutput
}

func isMeta(typ uint32) bool { return typ == bufTypeMetaCapture || typ == bufTypeMetaOutput }

// text is a string in a fixed array of the kernel's.
func text(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
