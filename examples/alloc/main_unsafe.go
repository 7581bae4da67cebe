// Command alloc takes memory of any size from a size-class allocator with a budget: in Go, by way of a cache, and, what is freed
// elsewhere, without one. C libraries take theirs from the same allocator through alloc_pool.h.
package main

import (
	"errors"
	"fmt"
	"log"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/pool"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() (err error) {
	a, err := NewCamAlloc(pool.AllocOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()

	// A cache belongs to one goroutine at a time: its Malloc and Free touch nothing that others touch, most of the time.
	c, err := a.Cache()
	if err != nil {
		return err
	}
	defer c.Close()
	p, err := c.Malloc(3840)
	if err != nil {
		return err
	}
	pcm := unsafe.Slice((*int16)(p), 1920)
	pcm[0], pcm[1919] = 1, -1
	fmt.Printf("3840 bytes: class %d, %d usable\n", a.ClassOf(3840), a.UsableSize(p))
	c.Free(p)

	// The budget holds, whatever is asked for.
	frames := 0
	var all [][]byte
	for {
		b, err := a.Bytes(900 << 10)
		if errors.Is(err, pool.ErrLimit) {
			break
		}
		if err != nil {
			return err
		}
		all = append(all, b)
		frames++
	}
	fmt.Printf("%d frames of 900 KiB fit\n", frames)
	for _, b := range all {
		a.FreeBytes(b)
	}
	s := a.Stats()
	fmt.Printf("%d blocks live, %d refused, %d misused\n", s.Live, s.Refusals, s.Misuses)
	return nil
}
