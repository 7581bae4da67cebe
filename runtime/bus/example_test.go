package bus_test

import (
	"context"
	"fmt"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/pool"
)

// Frames of a camera for one who wants each of them and one who wants the newest. A program has each on a goroutine of its own.
func Example() {
	frames, err := pool.New(640*480, pool.Options{Max: 8})
	if err != nil {
		panic(err)
	}
	topic := bus.New[pool.Buf]("camera.front.frame", bus.Options{})
	recorder, _ := topic.Subscribe(bus.SubOptions{Bytes: 4 << 20})
	preview, _ := topic.Subscribe(bus.SubOptions{Policy: bus.Latest})

	for i := range 3 {
		frame, err := frames.Get()
		if err != nil {
			panic(err)
		}
		frame.Bytes()[0] = byte(i) // the picture
		if err := topic.Publish(frame); err != nil {
			panic(err)
		}
		frame.Release() // the topic has references of its own
	}
	topic.Close() // both still get what waits for them

	for ev := range recorder.Events(context.Background()) {
		fmt.Println("record", ev.Value.Bytes()[0])
	}
	for ev := range preview.Events(context.Background()) {
		fmt.Println("show", ev.Value.Bytes()[0], "after", ev.Lagged, "lost")
	}
	fmt.Println(frames.Stats().Outstanding, "frames in use, closed:", frames.Close() == nil)
	// Output:
	// record 0
	// record 1
	// record 2
	// show 2 after 2 lost
	// 0 frames in use, closed: true
}

// sample is what a poolgen directive would be on; its pool's references are events as they are.
type sample struct {
	PTS   int64
	Level [2]uint32
}

func ExampleNew_typed() {
	samples, err := pool.NewTyped[sample](pool.Options{})
	if err != nil {
		panic(err)
	}
	defer samples.Close()
	topic := bus.New[pool.Ref[sample]]("sound.level", bus.Options{History: 2})
	for i := range 5 {
		ref, err := samples.Get()
		if err != nil {
			panic(err)
		}
		*ref.Value() = sample{PTS: int64(i) * 20}
		topic.Publish(ref)
		ref.Release()
	}
	late, _ := topic.Subscribe(bus.SubOptions{Last: 2})
	topic.Close()
	for ev := range late.Events(context.Background()) {
		fmt.Println(ev.Sequence, ev.Value.Value().PTS)
	}
	// Output:
	// 3 60
	// 4 80
}

// picture is a buffer and what belongs to it.
type picture struct {
	pool.Buf
	Width, Height int
}

func (p picture) Retain() picture { p.Buf.Retain(); return p }

func ExampleMatch() {
	pictures, err := pool.New(320*240, pool.Options{})
	if err != nil {
		panic(err)
	}
	defer pictures.Close()
	var b bus.Bus
	all, err := bus.Match[picture](&b, "camera.*.picture", bus.SubOptions{})
	if err != nil {
		panic(err)
	}
	for _, name := range []string{"camera.front.picture", "camera.back.picture"} {
		topic, err := bus.Open[picture](&b, name, bus.Options{})
		if err != nil {
			panic(err)
		}
		buf, err := pictures.Get()
		if err != nil {
			panic(err)
		}
		topic.Publish(picture{buf, 320, 240})
		buf.Release()
	}
	b.Close()
	for ev := range all.Events(context.Background()) {
		fmt.Println(ev.Topic, ev.Value.Width, ev.Value.Height)
	}
	// Output:
	// camera.front.picture 320 240
	// camera.back.picture 320 240
}

func ExampleTopic_PublishContext() {
	topic := bus.NewPlain[int]("work", bus.Options{})
	worker, _ := topic.Subscribe(bus.SubOptions{Policy: bus.Block, Events: 2})
	done := make(chan int)
	go func() {
		sum := 0
		worker.Each(context.Background(), func(ev bus.Event[int]) error {
			sum += ev.Value
			return nil
		})
		done <- sum
	}()
	for i := range 100 {
		if err := topic.PublishContext(context.Background(), i); err != nil { // waits for the worker
			panic(err)
		}
	}
	topic.Close()
	fmt.Println(<-done)
	// Output: 4950
}
