package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/poolgen/poolgen/runtime/pool"
)

// cacheOfBufs is what one takes instead of a store in memory: golang-lru with a reference to each buffer. Get and the eviction are not
// safe against each other, so a lock would have to go around both; it has none here.
func cacheOfBufs(b *testing.B, n int) *lru.Cache[uint64, pool.Buf] {
	c, err := lru.NewWithEvict(n, func(_ uint64, b pool.Buf) { b.Release() })
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Purge)
	return c
}

// BenchmarkHot puts frames that push others out, and gets frames, the references given back included.
func BenchmarkHot(b *testing.B) {
	const frames = 1024
	for _, folder := range []string{"memory", "folder"} {
		open := func(b *testing.B) (*Store, *pool.Pool) {
			p := newPoolB(b, 4096, 2*frames+8)
			o := Options{Hot: frames * 4096, HotFrames: frames, Full: FullDrop}
			if folder == "folder" {
				o.Pool, o.fs, o.Warm = p, nowhere{}, 1<<40
			}
			s, err := Open(o)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { s.Close() })
			return s, p
		}
		b.Run("put/store/"+folder, func(b *testing.B) {
			s, p := open(b)
			b.ReportAllocs()
			for b.Loop() {
				buf, err := p.Get()
				if err != nil {
					b.Fatal(err)
				}
				if _, err := s.Put(buf, 1); err != nil {
					b.Fatal(err)
				}
				buf.Release()
			}
		})
		b.Run("get/store/"+folder, func(b *testing.B) {
			s, p := open(b)
			ctx := context.Background()
			var ids [frames]ID
			for i := range ids {
				buf, err := p.Get()
				if err != nil {
					b.Fatal(err)
				}
				ids[i], _ = s.Put(buf, 1)
				buf.Release()
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				f, err := s.Get(ctx, ids[i&(frames-1)])
				if err != nil {
					b.Fatal(err)
				}
				f.Release()
				i += 7
			}
		})
	}
	b.Run("put/golang-lru", func(b *testing.B) {
		p := newPoolB(b, 4096, 2*frames+8)
		c := cacheOfBufs(b, frames)
		b.ReportAllocs()
		var id uint64
		for b.Loop() {
			buf, err := p.Get()
			if err != nil {
				b.Fatal(err)
			}
			c.Add(id, buf.Retain())
			buf.Release()
			id++
		}
	})
	for _, retain := range []bool{true, false} {
		b.Run(map[bool]string{true: "get/golang-lru", false: "get/golang-lru-without-reference"}[retain], func(b *testing.B) {
			p := newPoolB(b, 4096, 2*frames+8)
			c := cacheOfBufs(b, frames)
			for id := range uint64(frames) {
				buf, err := p.Get()
				if err != nil {
					b.Fatal(err)
				}
				c.Add(id, buf)
			}
			b.ReportAllocs()
			var id uint64
			for b.Loop() {
				buf, ok := c.Get(id & (frames - 1))
				if !ok {
					b.Fatal("it is gone")
				}
				if retain {
					buf.Retain()
					buf.Release()
				}
				id += 7
			}
		})
	}
}

// BenchmarkRatio does the same with both in turns, so that what else the machine does slows both: medians of 1,000 operations each.
func BenchmarkRatio(b *testing.B) {
	const frames, each = 1024, 1000
	p := newPoolB(b, 4096, 2*frames+8)
	s, err := Open(Options{Hot: frames * 4096, HotFrames: frames})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	c := cacheOfBufs(b, frames)
	ctx := context.Background()
	var id uint64
	var last ID
	putStore := func() {
		for range each {
			buf, _ := p.Get()
			last, _ = s.Put(buf, 1)
			buf.Release()
		}
	}
	putCache := func() {
		for range each {
			buf, _ := p.Get()
			id++
			c.Add(id, buf.Retain())
			buf.Release()
		}
	}
	getStore := func() {
		for i := range ID(each) {
			f, err := s.Get(ctx, last-i*7&(frames-1))
			if err != nil {
				b.Fatal(err)
			}
			f.Release()
		}
	}
	getCache := func() {
		for i := range uint64(each) {
			buf, ok := c.Get(id - i*7&(frames-1))
			if !ok {
				b.Fatal("it is gone")
			}
			buf.Retain().Release()
		}
	}
	for range 3 {
		putStore()
		putCache()
	}
	for _, test := range []struct {
		name          string
		store, theirs func()
	}{{"put", putStore, putCache}, {"get", getStore, getCache}} {
		b.Run(test.name, func(b *testing.B) {
			var ours, theirs []time.Duration
			for b.Loop() {
				start := time.Now()
				test.store()
				middle := time.Now()
				test.theirs()
				ours, theirs = append(ours, middle.Sub(start)), append(theirs, time.Since(middle))
			}
			slices.Sort(ours)
			slices.Sort(theirs)
			x, y := float64(ours[len(ours)/2])/each, float64(theirs[len(theirs)/2])/each
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(x, "store-ns")
			b.ReportMetric(y, "golang-lru-ns")
			b.ReportMetric(y/x, "times")
		})
	}
}

func newPoolB(b *testing.B, size, blocks int) *pool.Pool {
	p, err := pool.New(size, pool.Options{Max: blocks, Prealloc: blocks})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Close() })
	return p
}

// nowhere is a folder that takes everything at once and keeps nothing.
type nowhere struct{}
type nowhereFile struct{ file }

func (nowhere) Names() ([]string, error)                         { return nil, nil }
func (nowhere) Create(string) (file, error)                      { return nowhereFile{}, nil }
func (nowhere) Open(string) (file, error)                        { return nowhereFile{}, nil }
func (nowhere) Rename(string, string) error                      { return nil }
func (nowhere) Remove(string) error                              { return nil }
func (nowhere) Sync() error                                      { return nil }
func (nowhere) Close() error                                     { return nil }
func (nowhereFile) WriteAt(b []byte, _ int64) (n int, err error) { return len(b), nil }
func (nowhereFile) Truncate(int64) error                         { return nil }
func (nowhereFile) Sync() error                                  { return nil }
func (nowhereFile) Close() error                                 { return nil }

// noisy is a camera's picture: what is there changes slowly, and every pixel has its noise.
func noisy(b []byte, width int) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		x, y := i%width, i/width
		b[i] = byte(40 + x/16 + y/8 + int(rng.NormFloat64()*2.5))
	}
}

// BenchmarkCodec compresses noisy frames and reads them back.
func BenchmarkCodec(b *testing.B) {
	frame := make([]byte, 640*480)
	noisy(frame, 640)
	for _, hurry := range []bool{false, true} {
		var e encoder
		stored, c, err := e.encode(frame, hurry)
		if err != nil || c != zstdFrame {
			b.Fatal(c, err)
		}
		stored = append([]byte(nil), stored...)
		name := map[bool]string{false: "default", true: "hurry"}[hurry]
		b.Run("encode/"+name, func(b *testing.B) {
			b.SetBytes(int64(len(frame)))
			for b.Loop() {
				_, _, _ = e.encode(frame, hurry)
			}
			b.ReportMetric(float64(len(frame))/float64(len(stored)), "ratio")
		})
		b.Run("decode/"+name, func(b *testing.B) {
			z, err := newDecoder()
			if err != nil {
				b.Fatal(err)
			}
			defer z.Close()
			dst := make([]byte, len(frame))
			b.SetBytes(int64(len(frame)))
			for b.Loop() {
				if err := decode(z, dst, stored); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRead reads a frame from the page cache into a block, checked: by pread, and through a mapping.
func BenchmarkRead(b *testing.B) {
	for _, size := range []int{4 << 10, 900 << 10} {
		path := filepath.Join(b.TempDir(), "frames")
		if err := os.WriteFile(path, make([]byte, size), 0o666); err != nil {
			b.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		dst := make([]byte, size)
		crc := newChecksum()
		b.Run(fmt.Sprintf("pread/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				if err := readFull(osFile{f}, dst, 0); err != nil {
					b.Fatal(err)
				}
				crc.of(dst)
			}
		})
		m, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED|syscall.MAP_POPULATE)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("mapped-copied/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				copy(dst, m)
				crc.of(dst)
			}
		})
		b.Run(fmt.Sprintf("mapped-in-place/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				crc.of(m)
			}
		})
		syscall.Munmap(m)
		b.Run(fmt.Sprintf("mapped-each/%d", size), func(b *testing.B) { // a view of its own for each frame
			b.SetBytes(int64(size))
			for b.Loop() {
				m, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED|syscall.MAP_POPULATE)
				if err != nil {
					b.Fatal(err)
				}
				crc.of(m)
				if err := syscall.Munmap(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkWhole is a camera's frames through all tiers of a real folder, as fast as they go.
func BenchmarkWhole(b *testing.B) {
	p := newPoolB(b, 640*480, 64)
	s, err := Open(Options{Dir: b.TempDir(), Pool: p, Hot: 32 * 640 * 480, Warm: 32 << 20, Flush: time.Second, Keep: Keep{Bytes: 256 << 20}})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(640 * 480)
	at := int64(0)
	for b.Loop() {
		buf, err := p.Get()
		if err != nil {
			b.Fatal(err)
		}
		if at++; at <= 64 {
			noisy(buf.Bytes(), 640)
		}
		for {
			if _, err = s.Put(buf, at); err != ErrFull {
				break
			}
			if err := s.Sync(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
		if err != nil {
			b.Fatal(err)
		}
		buf.Release()
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
