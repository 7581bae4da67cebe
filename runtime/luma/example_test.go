package luma_test

import (
	"fmt"

	"github.com/poolgen/poolgen/runtime/luma"
)

// A meteor over a night sky: how bright the picture is, and where it differs from what was there before.
func Example() {
	const width, height, stride = 8, 4, 16
	sky, err := luma.Of(make([]byte, stride*height), width, height, stride)
	if err != nil {
		panic(err)
	}
	now := make([]byte, stride*height)
	for x := 2; x < 6; x++ {
		now[1*stride+x] = 200
	}
	picture, err := luma.Of(now, width, height, stride)
	if err != nil {
		panic(err)
	}
	fmt.Println("mean", picture.Mean())
	change, err := picture.Compare(sky, 50)
	if err != nil {
		panic(err)
	}
	fmt.Println(change.Count, "samples changed, at most by", change.Most)
	where, err := picture.AppendChanged(make([]luma.Point, 0, 10), sky, 50)
	if err != nil {
		panic(err)
	}
	fmt.Println("from", where[0], "to", where[len(where)-1])
	fmt.Println("hot pixels:", len(picture.AppendHot(make([]luma.Point, 0, 10), 100, 50)))
	// Output:
	// mean 25
	// 4 samples changed, at most by 200
	// from {2 1} to {5 1}
	// hot pixels: 0
}
