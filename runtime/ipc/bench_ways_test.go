package ipc

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
)

// The plain way: a header of 17 bytes and the payload over a Unix socket, each by a write and a read of its own, and fresh memory for every frame
// on both sides.

type plainEnd struct {
	l      net.Listener
	conn   net.Conn
	source []byte
}

func plainPublish(folder string, size int) (way, io.Closer, error) {
	l, err := net.Listen("unix", filepath.Join(folder, "s"))
	if err != nil {
		return nil, nil, err
	}
	e := &plainEnd{l: l, source: make([]byte, size)}
	return e, e, nil
}

func plainSubscribe(folder string) (way, error) {
	conn, err := net.Dial("unix", filepath.Join(folder, "s"))
	return &plainEnd{conn: conn}, err
}

func (e *plainEnd) send(size int, stamp int64, last bool) (err error) {
	if e.conn == nil {
		if e.conn, err = e.l.Accept(); err != nil {
			return err
		}
	}
	frame := make([]byte, size)
	copy(frame, e.source)
	h := make([]byte, 17)
	binary.LittleEndian.PutUint32(h, 'J'<<24|'K'<<16|'O'<<8|'U')
	if last {
		h[4] = 2
	}
	binary.LittleEndian.PutUint32(h[5:], uint32(size))
	binary.LittleEndian.PutUint64(h[9:], uint64(stamp))
	if _, err := e.conn.Write(h); err != nil {
		return err
	}
	_, err = e.conn.Write(frame)
	return err
}

func (e *plainEnd) receive() (int64, bool, error) {
	h := make([]byte, 17)
	if _, err := io.ReadFull(e.conn, h); err != nil {
		return 0, false, err
	}
	if binary.LittleEndian.Uint32(h) != 'J'<<24|'K'<<16|'O'<<8|'U' {
		return 0, false, errors.New("not a frame")
	}
	frame := make([]byte, binary.LittleEndian.Uint32(h[5:]))
	if _, err := io.ReadFull(e.conn, frame); err != nil {
		return 0, false, err
	}
	return int64(binary.LittleEndian.Uint64(h[9:])), h[4] == 2, nil
}

func (e *plainEnd) Close() error { return e.l.Close() }

// The floor: a ring of descriptions in a memfd for one writer and one reader, which sleep on a futex.

const floorSlots = 128

type floorRing struct {
	tail, readerSleeps, news  atomic.Uint32
	_                         [52]byte
	head, writerSleeps, space atomic.Uint32
	_                         [52]byte
	slots                     [floorSlots]struct {
		stamp        int64
		length, last uint32
		_            [48]byte
	}
}

type floorEnd struct {
	*floorRing
	m    sys.Map
	fd   int
	seen uint32 // of the other side's index
}

func floorPublish(folder string, _ int) (way, io.Closer, error) {
	size := int(unsafe.Sizeof(floorRing{}))
	fd, err := sys.Memfd("floor", size)
	if err != nil {
		return nil, nil, err
	}
	m, err := sys.MapShared(fd, size)
	if err != nil {
		return nil, nil, err
	}
	e := &floorEnd{floorRing: (*floorRing)(m.Base()), m: m, fd: fd}
	// The other process opens it by name.
	return e, e, os.Symlink("/proc/"+strconv.Itoa(os.Getpid())+"/fd/"+strconv.Itoa(fd), filepath.Join(folder, "s"))
}

func floorSubscribe(folder string) (way, error) {
	f, err := os.OpenFile(filepath.Join(folder, "s"), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := sys.MapShared(int(f.Fd()), int(unsafe.Sizeof(floorRing{})))
	return &floorEnd{floorRing: (*floorRing)(m.Base()), m: m}, err
}

func (e *floorEnd) send(size int, stamp int64, last bool) error {
	tail := e.tail.Load()
	for tail-e.seen == floorSlots {
		if e.seen = e.head.Load(); tail-e.seen < floorSlots {
			break
		}
		seq := e.space.Load()
		e.writerSleeps.Store(1)
		if e.seen = e.head.Load(); tail-e.seen < floorSlots {
			break
		}
		sys.FutexWait(&e.space, seq)
	}
	s := &e.slots[tail%floorSlots]
	s.stamp, s.length, s.last = stamp, uint32(size), 0
	if last {
		s.last = 1
	}
	e.tail.Store(tail + 1)
	if e.readerSleeps.Load() != 0 {
		e.readerSleeps.Store(0)
		e.news.Add(1)
		sys.FutexWake(&e.news)
	}
	return nil
}

func (e *floorEnd) receive() (int64, bool, error) {
	head := e.head.Load()
	for head == e.seen {
		if e.seen = e.tail.Load(); head != e.seen {
			break
		}
		seq := e.news.Load()
		e.readerSleeps.Store(1)
		if e.seen = e.tail.Load(); head != e.seen {
			break
		}
		sys.FutexWait(&e.news, seq)
	}
	s := &e.slots[head%floorSlots]
	stamp, last := s.stamp, s.last != 0
	e.head.Store(head + 1)
	if e.writerSleeps.Load() != 0 {
		e.writerSleeps.Store(0)
		e.space.Add(1)
		sys.FutexWake(&e.space)
	}
	return stamp, last, nil
}

func (e *floorEnd) Close() error { return errors.Join(e.m.Unmap(), sys.Close(e.fd)) }
