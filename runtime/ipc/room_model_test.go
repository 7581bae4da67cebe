package ipc

import (
	"fmt"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
)

// A check of two goroutines that publish, and of what they wait for: a free block in Get, and in Publish room in the queue of a subscriber that blocks.
// They sleep by one futex word, and ask for it by one other, which says in which of the two cases the subscriber is to wake.

// Steps of a goroutine that publishes.
const (
	rgTake = iota // a block of the pool
	rgLook        // at what came back
	rgSeq
	rgAsk
	rgAgain
	rgWait
	rgSleep
	rpTurn // one publishes at a time
	rpSlot
	rpSeq
	rpAsk
	rpAgain
	rpWait
	rpSleep
	rgDone
)

// Steps of the subscriber.
const (
	rsIdle   = iota
	rsTaken  // a frame: does anybody wait?
	rsTail   // how many follow?
	rsGiven  // a block back: does anybody wait?
	rsLook   // look, from here on
	rsClear  //
	rsSpace  // the futex word
	rsWakeUp //
)

const (
	roomSlots  = 2
	roomFrames = 2 // of each goroutine
)

type roomWriter struct {
	pc, frames uint8
	woken      bool // the futex word has changed since it was read
	back       bool // a block was given back since the last look
	less       bool // it is content with less room than most of the queue
}

type roomState struct {
	w                        [2]roomWriter
	turn, free               uint8 // the publisher's
	queue, returned, waiting uint8 // shared; returned: and not collected yet
	sub, held                uint8
}

type roomModel struct {
	blocks  uint8
	timer   bool // after a while less room is enough; nothing else may hang on it
	mistake string
}

func (m roomModel) steps(s roomState) (next []roomState) {
	add := func(change func(*roomState)) {
		n := s
		change(&n)
		next = append(next, n)
	}
	giveBack := func(n *roomState) {
		n.returned++
		n.w[0].back, n.w[1].back = true, true
	}
	late := m.mistake == "who waits for a block asks after its last look"
	for i := range s.w {
		w := s.w[i]
		to := func(pc uint8, change func(n *roomState, w *roomWriter)) {
			add(func(n *roomState) {
				n.w[i].pc = pc
				if change != nil {
					change(n, &n.w[i])
				}
			})
		}
		switch w.pc {
		case rgTake:
			switch {
			case w.frames == roomFrames:
				to(rgDone, nil)
			case s.free > 0:
				to(rpTurn, func(n *roomState, _ *roomWriter) { n.free-- })
			default:
				to(rgLook, nil)
			}
		case rgLook:
			to(rgSeq, func(n *roomState, w *roomWriter) {
				n.free, n.returned, w.back = n.free+n.returned, 0, false
				if n.free > 0 {
					w.pc = rgTake
				}
			})
		case rgSeq:
			pc := uint8(rgAsk)
			if late {
				pc = rgAgain
			}
			to(pc, func(_ *roomState, w *roomWriter) { w.woken = false })
		case rgAsk:
			pc := uint8(rgAgain)
			if late {
				pc = rgWait
			}
			to(pc, func(n *roomState, _ *roomWriter) {
				n.waiting = 1
				if m.mistake == "who waits for a block asks as one who waits for room" {
					n.waiting = waitingForMost
				}
			})
		case rgAgain, rpAgain:
			ready := w.back || s.free > 0
			if w.pc == rpAgain {
				ready = s.queue < roomSlots
			}
			switch {
			case ready && w.pc == rgAgain:
				to(rgLook, nil)
			case ready && m.mistake != "who waits for room does not look again":
				to(rpSlot, nil)
			case late && w.pc == rgAgain:
				to(rgAsk, nil)
			default:
				to(w.pc+1, nil)
			}
		case rgWait, rpWait:
			switch {
			case !w.woken:
				to(w.pc+1, nil)
			case w.pc == rgWait:
				to(rgLook, nil)
			default:
				to(rpSlot, nil)
			}
		case rgSleep:
			if s.free > 0 { // the pool's own word
				to(rgLook, nil)
			}
		case rpSleep:
			if !w.less && m.timer {
				to(rpSlot, func(_ *roomState, w *roomWriter) { w.less = true })
			}
		case rpTurn:
			if s.turn == 0 {
				to(rpSlot, func(n *roomState, w *roomWriter) { n.turn, w.less = uint8(i)+1, false })
			}
		case rpSlot:
			if s.queue < roomSlots {
				to(rgTake, func(n *roomState, w *roomWriter) { n.queue++; w.frames++; n.turn = 0 })
			} else {
				to(rpSeq, nil)
			}
		case rpSeq:
			to(rpAsk, func(_ *roomState, w *roomWriter) { w.woken = false })
		case rpAsk:
			to(rpAgain, func(n *roomState, w *roomWriter) {
				switch {
				case w.less:
					n.waiting = 1
				case n.waiting == 0:
					n.waiting = waitingForMost
				}
				w.less = true
			})
		}
	}
	switch s.sub {
	case rsIdle:
		if s.queue > 0 {
			add(func(n *roomState) { n.queue--; n.held++; n.sub = rsTaken })
		}
		if s.held > 0 {
			add(func(n *roomState) {
				n.held--
				n.sub = rsGiven
				giveBack(n)
			})
		}
	case rsTaken:
		add(func(n *roomState) { n.sub = [...]uint8{rsIdle, rsLook, rsTail}[s.waiting] })
	case rsTail:
		add(func(n *roomState) {
			n.sub = rsLook
			if s.queue > roomSlots/4 {
				n.sub = rsIdle
			}
		})
	case rsGiven:
		add(func(n *roomState) {
			n.sub = [...]uint8{rsIdle, rsLook, rsIdle}[s.waiting]
		})
	case rsLook:
		add(func(n *roomState) {
			n.sub = rsClear
			if s.waiting == 0 {
				n.sub = rsIdle
			}
		})
	case rsClear:
		add(func(n *roomState) { n.waiting = 0; n.sub = rsSpace })
	case rsSpace:
		add(func(n *roomState) { n.w[0].woken, n.w[1].woken, n.sub = true, true, rsWakeUp })
	case rsWakeUp:
		add(func(n *roomState) {
			n.sub = rsIdle
			for i := range n.w {
				switch n.w[i].pc {
				case rgSleep:
					n.w[i].pc = rgLook
				case rpSleep:
					n.w[i].pc = rpSlot
				default:
					continue
				}
				if m.mistake == "one of two is woken" {
					break
				}
			}
		})
	}
	return next
}

func (m roomModel) wrong(s roomState, final bool) string {
	out := s.queue + s.held + s.free + s.returned
	for _, w := range s.w {
		if w.pc >= rpTurn && w.pc < rgDone {
			out++
		}
	}
	if out != m.blocks {
		return fmt.Sprintf("%d blocks of %d", out, m.blocks)
	}
	if final && (s.w[0].pc != rgDone || s.w[1].pc != rgDone) {
		return fmt.Sprintf("the goroutines are at steps %d and %d for ever", s.w[0].pc, s.w[1].pc)
	}
	return ""
}

// TestRoom goes through every interleaving, and then through those of mistakes, each of which it finds.
func TestRoom(t *testing.T) {
	for _, mistake := range []string{
		"", "who waits for a block asks as one who waits for room", "who waits for a block asks after its last look",
		"who waits for room does not look again", "one of two is woken",
	} {
		faults, most := "", 0
		for blocks := uint8(2); blocks <= 4 && faults == ""; blocks++ {
			m := roomModel{blocks, false, mistake}
			n, wrong := testutil.Explore(roomState{free: blocks}, m.steps, m.wrong)
			most = max(most, n)
			faults = wrong
			if mistake == "" {
				m.timer = true
				n, wrong := testutil.Explore(roomState{free: blocks}, m.steps, m.wrong)
				most, faults = max(most, n), faults+wrong
			}
		}
		if (faults != "") != (mistake != "") {
			t.Errorf("%q: in %d states is found %q", mistake, most, faults)
		}
		t.Logf("%q: %d states: %.150s", mistake, most, faults)
	}
}
