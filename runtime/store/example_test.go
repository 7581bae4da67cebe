package store_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/poolgen/poolgen/runtime/pool"
	"github.com/poolgen/poolgen/runtime/store"
)

// A camera at 25 frames a second keeps its last ten seconds, and of an event the two seconds before and after it for good.
func Example() {
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	frames, err := pool.New(64<<10, pool.Options{Name: "frames", Max: 64})
	if err != nil {
		log.Fatal(err)
	}
	s, err := store.Open(store.Options{
		Dir: dir, Pool: frames, Hot: 32 * 64 << 10, Segment: 1 << 20, Full: store.FullDrop,
		Keep: store.Keep{Age: 10 * time.Second},
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	const second = int64(time.Second)
	for i := range int64(60 * 25) {
		now := i * second / 25
		b, err := frames.Get()
		if err != nil {
			log.Fatal(err)
		}
		b.SetLen(copy(b.Bytes(), fmt.Sprint("picture ", i)))
		if _, err := s.Put(b, now); err != nil {
			log.Fatal(err)
		}
		b.Release()
		if i == 20*25 { // something moves
			if err := s.Pin("event-1", now-2*second, now+2*second); err != nil {
				log.Fatal(err)
			}
		}
		if i%16 == 0 { // this camera is faster than its disk
			if err := s.Sync(ctx); err != nil {
				log.Fatal(err)
			}
		}
	}
	n := 0
	for f, err := range s.Range(ctx, 18*second, 22*second) {
		if err != nil {
			log.Fatal(err)
		}
		if n == 0 {
			fmt.Printf("%s\n", f.Bytes())
		}
		n++
		f.Release()
	}
	fmt.Println(n, "pictures,", s.Stats().Dropped, "dropped")
	if err := s.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// picture 450
	// 100 pictures, 0 dropped
}
