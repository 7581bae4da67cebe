package ipc

import (
	"fmt"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
)

// A check of who sleeps and who wakes whom: a publisher whose subscriber has a few slots and the policy Block, either of which may be killed before
// each of its steps. With more than one slot the publisher asks to be woken when three quarters are empty; that it looks after a millisecond
// too is left out. Frames are only counted here; what is in them is the other check's. A goroutine of each side sees the other's death by
// the end of the socket.

// Steps of both sides.
const (
	wLook  = iota // at the slot
	wPut          // publisher: the slot is full; subscriber: it is empty
	wArmed        // the other's word that says whether it sleeps
	wTail         // subscriber: how many frames there are, when the publisher waits for most of the queue
	wClear
	wNews // the other's futex word
	wWake
	wSeq   // its own futex word
	wArm   // its own word that says that it sleeps
	wAgain // the slot once more
	wWait  // futex(2)
	wSleep
	wDisarm // subscriber: its own word, so that the next frame wakes nobody who is awake
	wClose  // nothing follows; a subscriber may keep frames that it has
	wDone
	wDead
)

// wakeSide is one side's own memory, and the shared words that it sleeps by.
type wakeSide struct {
	pc, frames     uint8
	seq            uint8 // the futex word as it was
	gone, noticing uint8 // the other's end: whether it is known; the step of the goroutine that tells
	over           bool  // what was known at the look
	armed, word    uint8 // shared
}

type wakeState struct {
	side   [2]wakeSide // the publisher's, the subscriber's
	queued uint8       // shared
	closed [2]bool     // shared: what a side said when it closed
}

type wakeModel struct {
	slots, frames uint8
	mistake       string
}

func (m *wakeModel) steps(s wakeState) (next []wakeState) {
	for i := range uint8(2) {
		next = append(next, m.step(s, i)...)
	}
	return next
}

func (m *wakeModel) step(s wakeState, i uint8) (next []wakeState) {
	me, other := &s.side[i], &s.side[1-i]
	if me.pc == wDead {
		return nil
	}
	to := func(pc uint8, change func(*wakeState)) {
		n := s
		n.side[i].pc = pc
		if change != nil {
			change(&n)
		}
		next = append(next, n)
	}
	// The goroutine that reads the socket.
	if other.pc == wDead && me.noticing < 3 && me.pc != wDone {
		to(me.pc, func(n *wakeState) {
			o := &n.side[i]
			o.noticing++
			switch {
			case o.noticing == 1:
				o.gone = 1
			case m.mistake == "the end of the socket wakes nobody":
			case o.noticing == 2:
				o.word++
			case o.pc == wSleep:
				o.pc = awake(i)
			}
		})
	}
	// What it waits for is there: room, or a frame.
	ready := s.queued < m.slots
	if i == 1 {
		ready = s.queued > 0
	}
	order := [...]uint8{wSeq, wArm, wAgain}
	switch m.mistake {
	case "it looks before it says that it sleeps":
		order = [...]uint8{wSeq, wAgain, wArm}
	case "the futex word is read after the look":
		order = [...]uint8{wArm, wAgain, wSeq}
	}
	then := func(pc uint8) uint8 {
		for j, o := range order {
			if o == pc && j+1 < len(order) {
				return order[j+1]
			}
		}
		return wWait
	}
	switch me.pc {
	case wLook:
		switch {
		case i == 0 && (me.gone != 0 || s.closed[1] || me.frames == m.frames):
			to(wClose, nil)
		case ready:
			to(wPut, nil)
			if m.mistake == "the other is woken before the slot is changed" {
				next[len(next)-1].side[i].pc = wArmed
			}
		case i == 1 && me.over:
			to(wDone, nil)
		case i == 1 && (me.gone != 0 || s.closed[0]):
			to(wLook, func(n *wakeState) { n.side[i].over = true }) // what was queued before the end is still received
		default:
			to(order[0], nil)
		}
		if i == 1 && !me.over {
			to(wClose, nil)
		}
	case wPut:
		to(wArmed, func(n *wakeState) {
			n.queued += 1 - 2*i // modulo 2^8
			n.side[i].frames++
		})
		if m.mistake == "the other is woken before the slot is changed" {
			next[len(next)-1].side[i].pc = wLook
		}
	case wArmed:
		switch other.armed {
		case 0:
			to(m.after(me), nil)
		case 1:
			to(wClear, nil)
		default:
			to(wTail, nil)
		}
	case wTail:
		if s.queued > m.slots/4 || m.mistake == "it waits for more than there is" {
			to(m.after(me), nil)
		} else {
			to(wClear, nil)
		}
	case wClear:
		to(wNews, func(n *wakeState) { n.side[1-i].armed = 0 })
	case wNews:
		to(wWake, func(n *wakeState) { n.side[1-i].word++ })
	case wWake:
		to(m.after(me), func(n *wakeState) {
			if o := &n.side[1-i]; o.pc == wSleep {
				o.pc = awake(1 - i)
			}
		})
	case wSeq:
		to(then(wSeq), func(n *wakeState) { n.side[i].seq = n.side[i].word })
	case wArm:
		to(then(wArm), func(n *wakeState) {
			n.side[i].armed = 1
			if i == 0 && m.slots > 1 {
				n.side[i].armed = waitingForMost
			}
		})
		if m.mistake == "it takes its word back before it sleeps" && i == 1 {
			next[len(next)-1].side[i].armed = 0
		}
	case wAgain:
		if m.mistake == "it sleeps without a second look" || !ready && me.gone == 0 && (!s.closed[1-i] || m.mistake == "it sleeps though the other has closed") {
			to(then(wAgain), nil)
		} else {
			to(awake(i), nil)
		}
	case wWait:
		if me.word == me.seq {
			to(wSleep, nil)
		} else {
			to(awake(i), nil)
		}
	case wDisarm:
		to(wLook, func(n *wakeState) { n.side[i].armed = 0 })
	case wClose: // it says so, and wakes the other whether or not that says that it sleeps
		to(wClear, func(n *wakeState) { n.closed[i] = true; n.side[i].over = true })
	}
	if me.pc != wDone {
		to(wDead, nil)
	}
	return next
}

// awake is where a side goes on after a sleep.
func awake(i uint8) uint8 {
	if i == 1 {
		return wDisarm
	}
	return wLook
}

// after is where a side goes on after waking the other.
func (m *wakeModel) after(me *wakeSide) uint8 {
	switch {
	case me.over:
		return wDone
	case m.mistake == "the other is woken before the slot is changed":
		return wPut
	}
	return wLook
}

func (m *wakeModel) wrong(s wakeState, final bool) string {
	if s.side[1].frames > s.side[0].frames {
		return fmt.Sprintf("of %d frames %d are received", s.side[0].frames, s.side[1].frames)
	}
	// Anybody can always be killed: what counts is whether anybody does anything else.
	for i := range s.side {
		if s.side[i].pc != wSleep {
			continue
		}
		awake := false
		for _, n := range m.steps(s) {
			awake = awake || (n.side[0].pc == wDead) == (s.side[0].pc == wDead) && (n.side[1].pc == wDead) == (s.side[1].pc == wDead)
		}
		if !awake {
			return fmt.Sprintf("side %d sleeps for ever after %d of %d frames, the other is at step %d", i, s.side[1].frames, s.side[0].frames, s.side[1-i].pc)
		}
	}
	if p, c := s.side[0], s.side[1]; final && p.pc == wDone && c.pc == wDone && c.frames != p.frames && !s.closed[1] {
		return fmt.Sprintf("%d of %d frames are received", c.frames, p.frames)
	}
	return ""
}

func (m *wakeModel) check() (int, string) {
	return testutil.Explore(wakeState{}, m.steps, m.wrong)
}

// TestWaking goes through every interleaving, with and without a kill.
func TestWaking(t *testing.T) {
	for _, m := range []wakeModel{{slots: 1, frames: 4}, {slots: 2, frames: 4}, {slots: 4, frames: 6}} {
		n, wrong := m.check()
		if wrong != "" {
			t.Errorf("%+v: after %d states: %s", m, n, wrong)
		}
		t.Logf("%+v: %d states", m, n)
	}
}

// TestWakingMistakes puts mistakes into it: the check finds each.
func TestWakingMistakes(t *testing.T) {
	for _, mistake := range []string{
		"it looks before it says that it sleeps",
		"the futex word is read after the look",
		"it sleeps without a second look",
		"the other is woken before the slot is changed",
		"the end of the socket wakes nobody",
		"it sleeps though the other has closed",
		"it takes its word back before it sleeps",
		"it waits for more than there is",
	} {
		m := wakeModel{slots: 1, frames: 3, mistake: mistake}
		if mistake == "it waits for more than there is" {
			m.slots = 2
		}
		n, wrong := m.check()
		if wrong == "" {
			t.Errorf("%s: not found in %d states", mistake, n)
		} else {
			t.Logf("%s: found after %d states: %.120s", mistake, n, wrong)
		}
	}
}
