package main

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"unsafe"

	"example.com/corpus/features/geometry"
	"github.com/poolgen/poolgen/runtime/pool"
)

// state is what a frame went through: bits.
type state uint8

const (
	captured state = 1 << iota
	encoded
	sent
	done = captured | encoded | sent
)

// stamp is part of every frame.
type stamp struct {
	PTS      int64
	Sequence uint32
	_        [4]byte
}

// counters are shared by who reads and who writes.
type counters struct {
	Reads  atomic.Uint64
	Writes atomic.Uint64
	Stuck  atomic.Uint32
	_      [4]byte
}

type vec[T any] struct{ X, Y, Z T }

// frame has one of everything.
//
//poolgen:pool shared max=8 prefix=camera
type frame struct {
	stamp
	State   state
	Crop    geometry.Rect
	Corners [2][3]geometry.Point
	Motion  [4]vec[float32]
	Title   [16]byte `poolgen:"cstring"`
	Drop    uint64   `poolgen:"atomic"`
	Level   atomic.Int32
	Stats   [2]counters
	Tail    uint8
	Hot     atomic.Uint64 `poolgen:"cacheline"`
	Cold    uint16
	class   uint8 // a keyword in C++
	A__B    uint8
}

// packet is a header and what it carries.
//
//poolgen:pool shared max=8 prefix=camera
type packet struct {
	Sequence uint16
	Data     []byte `poolgen:"payload,cap=1500,align=32"`
}

// wave is sound of any kind.
type wave[T any] struct {
	Rate uint32
	PCM  [480]T `poolgen:"align=64"`
	Peak vec[T]
}

//poolgen:pool shared max=4 prefix=camera
type wave16 = wave[int16]

//poolgen:pool shared max=4 prefix=camera
type waveF = wave[float64]

func main() {
	frames, err := NewFramePool(pool.Options{})
	if err != nil {
		panic(err)
	}
	r, _ := frames.Get()
	f := r.Value()
	*f = Frame{}
	f.PTS, f.State = 7, done
	fmt.Println(f.SetTitle("a title that is too long"), f.TitleString(), f.SetTitle("größe größe größe"), f.TitleString(), f.SetTitle("ok"), f.TitleString())
	f.Drop.Add(2)
	f.Level.Store(-3)
	f.Stats[1].Writes.Add(5)
	fmt.Println(f.Drop.Load(), f.Level.Load(), f.Stats[1].Writes.Load(), uintptr(unsafe.Pointer(&f.Stats[1].Writes))%8)
	fmt.Println(unsafe.Offsetof(f.Crop), unsafe.Offsetof(f.Stats), unsafe.Offsetof(f.Hot)%64, unsafe.Offsetof(f.Cold)%64, unsafe.Sizeof(*f)%64)
	r.Release()

	packets, err := NewPacketPool(pool.Options{})
	if err != nil {
		panic(err)
	}
	p, _ := packets.Get()
	fmt.Println(len(PacketData(p)), cap(PacketData(p)), PacketDataOffset, PacketDataCap)
	SetPacketDataLen(p, 5)
	copy(PacketData(p), "hello")
	fmt.Println(len(PacketData(p)), bytes.Equal(p.Value().Data[:5], []byte("hello")))
	p.Release()

	w, err := NewWave16Pool(pool.Options{})
	if err != nil {
		panic(err)
	}
	v, err := NewWaveFPool(pool.Options{})
	if err != nil {
		panic(err)
	}
	fmt.Println(unsafe.Sizeof(Wave16{}), unsafe.Sizeof(WaveF{}))
	for _, err := range []error{frames.Close(), packets.Close(), w.Close(), v.Close()} {
		if err != nil {
			panic(err)
		}
	}
}
