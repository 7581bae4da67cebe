package copies

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync"
	"sync/atomic"
	"time"

	"github.com/poolgen/poolgen/runtime/luma"
)

// format is what a picture takes. Of YUYV, colours are looked at as if they were brightness: it is as much work.
type format struct {
	Name        string
	Row, Height int // bytes of a row, rows
}

func (f format) size() int { return f.Row * f.Height }

func formats() []format {
	return []format{{"640x480-grey", 640, 480}, {"1280x720-yuyv", 2 * 1280, 720}}
}

// plan is what a camera is to do.
type plan struct {
	Design  string // one of designs
	Format  format
	Frames  int
	History int           // pictures that can be gone back to
	Lean    bool          // only the clip has a history; the analysis has the picture before
	Every   time.Duration // the time between pictures; 0 means as soon as all stages have room
}

func designs() []string { return []string{"copying", "recycling", "sharing", "pooled"} }

const (
	analysis = iota
	recorder
	live
	clip
	stages

	waiting = 4 // pictures that wait for a stage at most
	drivers = 4 // buffers of a driver that is not given the pool's
)

// depth is how many pictures a stage keeps, the current one included.
func (p plan) depth(stage int) int {
	switch {
	case stage == clip || !p.Lean:
		return p.History
	case stage == analysis:
		return 2
	}
	return 1
}

// back is how far a stage looks back.
func (p plan) back(stage int) int {
	if stage == analysis {
		return p.depth(stage) / 2
	}
	return p.depth(stage) - 1
}

// past is a stage's way to earlier pictures. What use is given is valid until it returns.
type past interface {
	frame(back int, use func([]byte)) error // the one so many pictures before the current one
	all(n int, use func([]byte)) error      // the last n, the oldest first
}

// camera is what the designs have in common.
type camera struct {
	plan
	copied  atomic.Int64       // bytes, by clone
	moved   atomic.Int64       // times that a stage got a picture at another address than that which the driver wrote to
	address [4 * waiting]*byte // that the driver wrote the last pictures to
	began   []time.Time        // when the driver had each
	left    []atomic.Int32     // stages that are not done with each
	took    []time.Duration    // until the last was
	results [stages]uint64
	start   time.Time     // of the first picture, when all is set up
	cpu     time.Duration // of the process until then
	mu      sync.Mutex
	err     error
	free    [][]byte // that were recycled
}

func newCamera(p plan) *camera {
	c := &camera{plan: p, began: make([]time.Time, p.Frames), left: make([]atomic.Int32, p.Frames), took: make([]time.Duration, p.Frames)}
	for i := range c.left {
		c.left[i].Store(stages)
	}
	return c
}

// clone is the only place where pictures are copied: to memory that was recycled, or else new, which is not cleared first.
func (c *camera) clone(b []byte) []byte {
	c.copied.Add(int64(len(b)))
	c.mu.Lock()
	last := len(c.free) - 1
	if last < 0 {
		c.mu.Unlock()
		return bytes.Clone(b)
	}
	n := c.free[last]
	c.free = c.free[:last]
	c.mu.Unlock()
	copy(n, b)
	return n
}

// recycle takes back what clone returned, where the design does that.
func (c *camera) recycle(b []byte) {
	if c.Design == "recycling" && b != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.free = append(c.free, b)
	}
}

func (c *camera) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && c.err == nil {
		c.err = err
	}
}

// fill makes a picture of a night.
func fill(b []byte) {
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 28)
	}
}

// expose stands for the driver, which writes a picture without the processor: only what tells it from others changes.
func (c *camera) expose(b []byte, sequence int) {
	binary.LittleEndian.PutUint64(b, uint64(sequence))
	c.address[sequence%len(c.address)] = &b[0]
	c.began[sequence] = time.Now()
}

// begin is called before the first picture.
func (c *camera) begin() { c.start, c.cpu = time.Now(), cpuTime() }

// pace waits until the next picture is due.
func (c *camera) pace(sequence int) {
	if c.Every > 0 {
		time.Sleep(time.Until(c.start.Add(time.Duration(sequence) * c.Every)))
	}
}

// work is what a stage does with a picture.
func (c *camera) work(stage, sequence int, now []byte, history past) {
	if &now[0] != c.address[sequence%len(c.address)] {
		c.moved.Add(1)
	}
	check := func(b []byte, want int) {
		if got := binary.LittleEndian.Uint64(b); got != uint64(want) {
			c.fail(fmt.Errorf("stage %d has picture %d in place of %d", stage, got, want))
		}
	}
	check(now, sequence)
	back := min(c.back(stage), sequence)
	sum := &c.results[stage]
	if stage == clip { // it has the picture; a clip is written later, and is work of its own
		c.done(sequence)
	} else {
		defer c.done(sequence)
	}
	switch stage {
	case analysis:
		c.fail(history.frame(back, func(before []byte) {
			check(before, sequence-back)
			p, err := luma.Of(now, c.Format.Row, c.Format.Height, c.Format.Row)
			c.fail(err)
			q, err := luma.Of(before, c.Format.Row, c.Format.Height, c.Format.Row)
			c.fail(err)
			change, err := p.Compare(q, 24)
			c.fail(err)
			*sum += p.Sum() + change.Sum
		}))
	case recorder:
		c.fail(history.frame(back, func(late []byte) {
			check(late, sequence-back)
			*sum += uint64(crc32.Checksum(late, castagnoli()))
		}))
	case live:
		*sum += c.thumb(now)
		c.fail(history.frame(back, func(before []byte) {
			check(before, sequence-back)
			*sum += c.thumb(before)
		}))
	case clip:
		if (sequence+1)%c.History != 0 {
			break
		}
		want := sequence + 1 - c.History
		c.fail(history.all(c.History, func(b []byte) {
			check(b, want)
			want++
			*sum += uint64(crc32.Checksum(b, castagnoli()))
		}))
	}
}

func (c *camera) done(sequence int) {
	if c.left[sequence].Add(-1) == 0 {
		c.took[sequence] = time.Since(c.began[sequence])
	}
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// thumb is the sum of a picture an eighth as wide and high.
func (c *camera) thumb(b []byte) (sum uint64) {
	for y := 0; y < c.Format.Height; y += 8 {
		row := b[y*c.Format.Row:][:c.Format.Row]
		for x := 0; x < len(row); x += 8 {
			sum += uint64(row[x])
		}
	}
	return sum
}

// run lets a camera take all its pictures. held is called when it has, and everything that it keeps is still there; offHeap is memory
// beside the Go heap.
func run(p plan, held func(c *camera, offHeap int64)) (*camera, error) {
	c := newCamera(p)
	ctx := context.Background()
	if p.Design == "pooled" {
		c.fail(c.pooled(ctx, func(n int64) { held(c, n) }))
	} else {
		c.copying(func() { held(c, 0) })
	}
	return c, c.err
}
