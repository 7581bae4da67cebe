package main

import "sync"

const (
	depth   = 3  // packets that are there before playing begins: 60 ms
	window  = 32 // packets that can wait
	patient = 25 // frames without any packet until the other is taken to have hung up: 0.5 s
)

// jitter keeps packets until it is their turn: networks change their order and bring several at once.
type jitter struct {
	mu      sync.Mutex
	slots   [window]PacketRef
	has     [window]bool
	count   int
	next    uint16 // whose turn it is
	playing bool
	missing int // turns in a row without a packet
	late    int
	skipped int
}

// put takes the reference over.
func (j *jitter) put(p PacketRef) {
	j.mu.Lock()
	defer j.mu.Unlock()
	seq := p.Value().Sequence
	ahead := int(int16(seq - j.next))
	switch {
	case !j.playing && j.count == 0:
		j.next = seq
	case ahead < 0 && !j.playing && int(j.span())-ahead <= window:
		j.next = seq // before playing began the first may be overtaken
	case ahead < 0 && ahead > -100:
		j.late++
		p.Release()
		return
	case ahead < 0 || ahead >= window: // another call, or a clock that is far off: begin again
		j.clear()
		j.next = seq
	}
	i := seq % window
	if j.has[i] {
		p.Release() // it came twice
		return
	}
	j.slots[i], j.has[i] = p, true
	j.count++
	if j.count >= depth {
		j.playing = true
	}
}

// span is how far behind next the last packet is.
func (j *jitter) span() (n uint16) {
	for i := range uint16(window) {
		if j.has[(j.next+i)%window] {
			n = i + 1
		}
	}
	return n
}

// turn is what is to be played now.
type turn struct {
	silent bool      // nobody talks
	own    PacketRef // the packet whose turn it is, if has is true
	has    bool
	after  PacketRef // the one behind it, if hasAfter is true: it may hold a copy
	follow bool
}

// release gives the turn's references back.
func (t *turn) release() {
	if t.has {
		t.own.Release()
	}
	if t.follow {
		t.after.Release()
	}
}

// take goes on by one packet. The caller releases the turn.
func (j *jitter) take() turn {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.playing {
		return turn{silent: true}
	}
	if j.count > 3*depth { // the other's clock is faster than ours
		j.pass()
		j.skipped++
	}
	var t turn
	if i := j.next % window; j.has[i] {
		t.own, t.has = j.slots[i], true
		j.has[i] = false
		j.count--
		j.missing = 0
	} else if i := (j.next + 1) % window; j.has[i] {
		t.after, t.follow = j.slots[i].Retain(), true
		j.missing++
	} else if j.missing++; j.missing > patient {
		j.clear()
		return turn{silent: true}
	}
	j.next++
	return t
}

// skip makes room.
func (j *jitter) skip() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.skipped++
	j.pass()
}

// pass drops the packet whose turn it is.
func (j *jitter) pass() {
	if i := j.next % window; j.has[i] {
		j.slots[i].Release()
		j.has[i] = false
		j.count--
	}
	j.next++
}

// clear drops all.
func (j *jitter) clear() {
	for i := range j.slots {
		if j.has[i] {
			j.slots[i].Release()
			j.has[i] = false
		}
	}
	j.count, j.missing, j.playing = 0, 0, false
}

// drop ends it.
func (j *jitter) drop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.clear()
}
