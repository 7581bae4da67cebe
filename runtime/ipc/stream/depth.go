package stream

import "time"

// The depth of a queue changes only after two windows in a row said the same, and between half the target and the target it stays:
// one burst, or a latency near a limit, does not make it swing.
const (
	depthWindow = 32 // frames that left the queue, one way or the other
	depthStreak = 2
)

// depth is how many frames may wait in a queue. It shrinks while they wait longer than the target, and grows while frames are
// refused although those that go out wait less than half of it.
type depth struct {
	now, low, high int
	target         time.Duration // 0: the depth is fixed

	seen    int // frames of this window
	waited  time.Duration
	sent    int
	pressed int // frames of this window that found the queue full
	streak  int // windows in a row that want to grow (positive) or shrink (negative)
	changes uint64
}

// press says that a frame found the queue full, and was dropped or had to wait.
func (d *depth) press() {
	d.pressed++
	d.count()
}

// left says that a frame went out after a time in the queue.
func (d *depth) left(wait time.Duration) {
	d.sent++
	d.waited += wait
	d.count()
}

func (d *depth) count() {
	if d.target == 0 {
		return
	}
	if d.seen++; d.seen < depthWindow {
		return
	}
	d.judge()
	d.seen, d.sent, d.waited, d.pressed = 0, 0, 0, 0
}

func (d *depth) judge() {
	if d.sent == 0 {
		// All were refused: nothing is known about how long they would have waited. The peer is stuck or away, and more depth would
		// only make it later.
		d.streak = 0
		return
	}
	mean := d.waited / time.Duration(d.sent)
	switch {
	case mean > d.target:
		d.streak = min(d.streak, 0) - 1
	case mean < d.target/2 && d.pressed > 0:
		d.streak = max(d.streak, 0) + 1
	default:
		d.streak = 0
	}
	before := d.now
	switch d.streak {
	case -depthStreak:
		d.now = max(d.low, d.now-max(1, d.now/4))
		d.streak = 0
	case depthStreak:
		d.now = min(d.high, d.now+max(1, d.now/4))
		d.streak = 0
	}
	if d.now != before {
		d.changes++
	}
}
