package main

//go:generate go run github.com/poolgen/poolgen/cmd/poolgen

// picture is a picture in planar YCbCr 4:2:0 (I420), limited range: the luma plane, then Cb and Cr of a quarter each.
//
//poolgen:pool shared max=6
type picture struct {
	Sequence uint32 // the camera's number
	Lost     uint32 // pictures that the camera could not give before this one
	PTS      int64  // nanoseconds of CLOCK_MONOTONIC, when it was taken
	Width    uint16 // even
	Height   uint16 // even
	Data     []byte `poolgen:"payload,cap=3133440,align=64"` // up to 1920x1088
}

// planes are the picture's three planes. They are valid until the caller's reference is released.
func planes(p PictureRef) (y, cb, cr []byte) {
	v := p.Value()
	n := int(v.Width) * int(v.Height)
	d := PictureData(p)
	return d[:n], d[n : n+n/4], d[n+n/4 : n+n/2]
}
