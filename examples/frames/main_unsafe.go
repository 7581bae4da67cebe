// Command frames shows what poolgen makes of annotated structs: it prints where every field lies, which is the same on
// every target, and passes a frame around by reference.
package main

import (
	"fmt"
	"log"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/pool"
)

func main() {
	frames, err := NewAudioPool(pool.Options{})
	if err != nil {
		log.Fatal(err)
	}
	f, err := frames.Get()
	if err != nil {
		log.Fatal(err)
	}
	a := f.Value()
	a.PTS, a.Codec, a.Len = 960, codecOpus, 960
	second := f.Retain() // for somebody else, who releases it
	f.Release()
	fmt.Println("pts", second.Value().PTS, "codec", second.Value().Codec)
	second.Release()

	var v Video
	fmt.Println("Video.PTS", unsafe.Offsetof(v.PTS), "Video.Faces", unsafe.Offsetof(v.Faces), "Video.Dropped", unsafe.Offsetof(v.Dropped),
		"Video", unsafe.Sizeof(v))
	fmt.Println("Audio.PCM", unsafe.Offsetof(a.PCM), "Audio.Level", unsafe.Offsetof(a.Level), "Audio", unsafe.Sizeof(*a))

	sessions, err := NewSessionPool(pool.Options{})
	if err != nil {
		log.Fatal(err)
	}
	s, err := sessions.Get()
	if err != nil {
		log.Fatal(err)
	}
	s.Value().Name = "first"
	s.Release()
	stats := frames.Stats()
	fmt.Println("acquired", stats.Acquired, "released", stats.Released, "outstanding", stats.Outstanding)
	if err := frames.Close(); err != nil {
		log.Fatal(err)
	}
	if err := sessions.Close(); err != nil {
		log.Fatal(err)
	}
}
