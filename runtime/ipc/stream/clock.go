package stream

import (
	"math"
	"time"
)

// maxLatency is the longest difference between a timestamp and its arrival that counts as latency.
const maxLatency = int64(time.Minute)

// clock tells how old timestamps are. The clock of the process that made them is this one's, but it may be set in between: what is
// measured over that says nothing about latency.
type clock struct {
	read func() (wall int64, steady time.Duration) // nanoseconds since 1970, and time since some moment, which nobody sets

	begun  bool
	wall   int64 // as last read
	steady time.Duration
	valid  int64 // timestamps before this may be of before the clock was last set forward
}

func newClock() clock {
	start := time.Now()
	return clock{read: func() (int64, time.Duration) {
		now := time.Now()
		return now.UnixNano(), now.Sub(start)
	}, valid: math.MinInt64}
}

// set is by how much the wall clock was set since it was last read, in nanoseconds, 0 if it was not.
func (c *clock) set(wall int64, steady time.Duration) int64 {
	passed := steady - c.steady
	set := wall - c.wall - int64(passed)
	slack := int64(10*time.Millisecond + passed/1000) // adjtimex slews by at most 0.5 ms a second
	if !c.begun || -slack <= set && set <= slack {
		return 0
	}
	return set
}

// latency is the time since a timestamp, from 0 to a minute, or false if that cannot be told.
func (c *clock) latency(timestamp int64) (time.Duration, bool) {
	wall, steady := c.read()
	set := c.set(wall, steady)
	if set != 0 {
		// Once more: the two clocks are read one after the other, and this thread may have slept in between.
		wall, steady = c.read()
		set = c.set(wall, steady)
	}
	switch {
	case set > 0:
		c.valid = wall - set // what it would show now
	case set < 0:
		c.valid = math.MinInt64
	}
	c.begun, c.wall, c.steady = true, wall, steady
	d := wall - timestamp
	if timestamp < c.valid || d < 0 || d > maxLatency { // below 0 also when the subtraction overflowed
		return 0, false
	}
	return time.Duration(d), true
}
