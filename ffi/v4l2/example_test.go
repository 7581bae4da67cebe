package v4l2_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"syscall"

	"github.com/poolgen/poolgen/ffi/v4l2"
	"github.com/poolgen/poolgen/runtime/pool"
)

// Frames of the first camera, in the driver's own memory.
func Example() {
	cameras, err := v4l2.Devices()
	if err != nil || len(cameras) == 0 {
		log.Fatalf("no camera: %v", err)
	}
	camera, err := v4l2.Open(cameras[0].Path, v4l2.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer camera.Close()
	format, err := camera.SetFormat(v4l2.Capture, v4l2.Format{FourCC: v4l2.FmtYUYV, Width: 640, Height: 480})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the camera gives", format) // which may be another size and format
	stream, err := camera.Stream(v4l2.StreamConfig{Buffers: 6})
	if err != nil {
		log.Fatal(err)
	}
	if err := stream.Start(); err != nil {
		log.Fatal(err)
	}
	for ctx := context.Background(); ; {
		frame, err := stream.Read(ctx)
		if errors.Is(err, syscall.ENODEV) {
			return // unplugged
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(frame.Sequence, frame.Lost, len(frame.Bytes()))
		frame.Release() // the driver has its buffer again
	}
}

// A consumer that is slow must not starve the camera: when fewer than two buffers are left to the driver, frames are copied into a pool.
func ExampleStreamConfig_low() {
	camera, err := v4l2.Open("/dev/video0", v4l2.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer camera.Close()
	format, err := camera.Format(v4l2.Capture)
	if err != nil {
		log.Fatal(err)
	}
	copies, err := pool.New(format.Size(), pool.Options{Name: "copies", Max: 16})
	if err != nil {
		log.Fatal(err)
	}
	defer copies.Close()
	stream, err := camera.Stream(v4l2.StreamConfig{Buffers: 6, Low: v4l2.LowCopy, Reserve: 2, Pool: copies})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(stream.Stats().Buffers, "buffers")
}

// The controls of a camera, with what they take.
func ExampleDevice_Controls() {
	camera, err := v4l2.Open("/dev/video0", v4l2.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer camera.Close()
	controls, err := camera.Controls()
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range controls {
		fmt.Printf("%s: %d to %d, default %d\n", c.Name, c.Min, c.Max, c.Default)
	}
	if _, err := camera.SetControl(v4l2.CIDBrightness, 200); err != nil {
		log.Print(err) // says what the control takes
	}
}
