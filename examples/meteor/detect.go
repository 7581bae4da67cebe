package main

import (
	"github.com/poolgen/poolgen/runtime/luma"
	"github.com/poolgen/poolgen/runtime/pool"
)

const (
	level    = 24  // by which a pixel differs from the background when something is there
	leastPix = 10  // pixels that differ, for a meteor
	quiet    = 4e8 // nanoseconds without any, after which it is over
	longest  = 5e9 // nanoseconds: what lasts longer is no meteor but a lamp or a cloud, and is cut here
	adaptBy  = 8   // every so many frames the background has moved by a level towards the sky
)

// reading is what the detector says of each frame.
type reading struct {
	Time    int64   `json:"time"` // nanoseconds since 1970
	Mean    float64 `json:"mean"` // brightness, 0 to 255
	Changed int     `json:"changed"`
}

// sight is a meteor, with the picture of its trail, as the bus shares it.
type sight struct {
	pool.Buf
	From, To int64 // times of the first and the last frame that have it, nanoseconds since 1970
	Most     uint8 // the largest difference to the background
	Pixels   int   // that were bright at any time
}

func (s sight) Retain() sight { s.Buf.Retain(); return s }

// detector finds what is brighter than a background that follows the sky slowly. It allocates nothing per frame.
type detector struct {
	width, height int
	background    []byte
	trail         []byte // the background, with everything that the meteor lit
	changed       []luma.Point
	n             int
	on            bool
	now           sight // without a picture
}

func newDetector(width, height int) *detector {
	return &detector{width: width, height: height, background: make([]byte, width*height), trail: make([]byte, width*height), changed: make([]luma.Point, 0, 8192)}
}

// look takes the next frame. begun says that a meteor is seen with this frame for the first time; over, that the one in d.now is gone.
func (d *detector) look(pix []byte, time int64) (r reading, begun, over bool, err error) {
	p, err := luma.Of(pix, d.width, d.height, d.width)
	if err != nil {
		return reading{}, false, false, err
	}
	if d.n == 0 {
		copy(d.background, pix)
	}
	back, err := luma.Of(d.background, d.width, d.height, d.width)
	if err != nil {
		return reading{}, false, false, err
	}
	change, err := p.Compare(back, level)
	if err != nil {
		return reading{}, false, false, err
	}
	r = reading{Time: time, Mean: p.Mean(), Changed: change.Count}
	if change.Count >= leastPix {
		if !d.on {
			d.on, begun = true, true
			d.now = sight{From: time}
			copy(d.trail, d.background)
		}
		d.now.To = time
		d.now.Most = max(d.now.Most, change.Most)
		if d.changed, err = p.AppendChanged(d.changed[:0], back, level); err != nil {
			return r, begun, false, err
		}
		for _, at := range d.changed {
			i := at.Y*d.width + at.X
			if int(d.trail[i]) < int(d.background[i])+level/2 {
				d.now.Pixels++
			}
			d.trail[i] = max(d.trail[i], pix[i])
		}
	}
	if d.on && (time-d.now.To >= quiet || time-d.now.From >= longest) {
		if d.on, over = false, true; change.Count >= leastPix {
			copy(d.background, pix) // a lamp: it belongs to the sky from now on
		}
	}
	d.adapt(pix)
	return r, begun, over, nil
}

// adapt moves an eighth of the rows by a level towards the frame.
func (d *detector) adapt(pix []byte) {
	for y := d.n % adaptBy; y < d.height; y += adaptBy {
		line := d.background[y*d.width:][:d.width]
		for i, v := range pix[y*d.width:][:d.width] {
			b := line[i]
			if v > b {
				b++
			}
			if v < b {
				b--
			}
			line[i] = b
		}
	}
	d.n++
}
