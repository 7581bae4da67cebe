package copies

import (
	"fmt"
	"runtime"
	"sync"
)

// heap is a history of pictures on the Go heap, at most depth.
type heap struct {
	depth  int
	frames [][]byte
	next   int // where the next one goes, and the oldest is, once there are depth
}

// add returns the one that falls out, or nil.
func (s *heap) add(b []byte) []byte {
	if len(s.frames) < s.depth {
		s.frames = append(s.frames, b)
		return nil
	}
	oldest := s.frames[s.next]
	s.frames[s.next] = b
	s.next = (s.next + 1) % s.depth
	return oldest
}

func (s *heap) frame(back int, use func([]byte)) error {
	if back >= len(s.frames) {
		return fmt.Errorf("the history has no picture %d back", back)
	}
	use(s.frames[(s.next+len(s.frames)-1-back)%len(s.frames)])
	return nil
}

func (s *heap) all(n int, use func([]byte)) error {
	for back := n - 1; back >= 0; back-- {
		if err := s.frame(back, use); err != nil {
			return err
		}
	}
	return nil
}

// copying copies each picture out of the driver's buffer, so that the driver has that back, and then for each stage, unless the design is sharing. Recycling
// is the same with the memory of pictures that fell out of a history; of shared ones nobody knows when the last stage is done.
func (c *camera) copying(held func()) {
	var buffers [drivers][]byte
	for i := range buffers {
		buffers[i] = make([]byte, c.Format.size())
		fill(buffers[i])
	}
	var inputs [stages]chan []byte
	var histories [stages]heap
	var done sync.WaitGroup
	for i := range inputs {
		inputs[i] = make(chan []byte, waiting)
		histories[i].depth = c.depth(i)
		done.Go(func() {
			sequence := 0
			for b := range inputs[i] {
				c.recycle(histories[i].add(b))
				c.work(i, sequence, b, &histories[i])
				sequence++
			}
		})
	}
	c.begin()
	for sequence := range c.Frames {
		c.pace(sequence)
		b := buffers[sequence%drivers]
		c.expose(b, sequence)
		frame := c.clone(b)
		for _, in := range inputs {
			if c.Design == "sharing" {
				in <- frame
			} else {
				in <- c.clone(frame)
			}
		}
		if c.Design != "sharing" {
			c.recycle(frame)
		}
	}
	for _, in := range inputs {
		close(in)
	}
	done.Wait()
	held()
	runtime.KeepAlive(&histories)
	runtime.KeepAlive(&buffers)
}
