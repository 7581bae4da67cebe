package ring_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
)

// A check of the door of a frame ring: two readers sleep at one word. They and the writer may be killed before each of their steps; another writer
// takes over.

// Steps of a reader, and then of the writer.
const (
	drLook = iota
	drSeq
	drArm
	drAgain
	drWait
	drSleep
	drDead
	drDone
	dwMove
	dwArmed
	dwNews
	dwWake
	dwTakeBack
	dwDead
	dwDone
)

type doorReader struct{ pc, pos, seq uint8 }

type doorState struct {
	r                 [2]doorReader
	pc, self, token   uint8 // the writer's
	next, armed, word uint8 // shared
}

type doorModel struct {
	frames  uint8
	mistake string
}

func (m doorModel) steps(s doorState) (next []doorState) {
	add := func(change func(*doorState)) {
		n := s
		change(&n)
		next = append(next, n)
	}
	for i, r := range s.r {
		to := func(pc uint8, change func(*doorState)) {
			add(func(n *doorState) {
				n.r[i].pc = pc
				if change != nil {
					change(n)
				}
			})
		}
		arm, again := uint8(drArm), uint8(drAgain)
		if m.mistake == "a reader arms after its look" {
			arm, again = again, arm
		}
		behind := s.next > r.pos
		switch r.pc {
		case drLook:
			switch {
			case r.pos == m.frames:
				to(drDone, func(n *doorState) { n.r[i] = doorReader{pc: drDone} })
				continue
			case behind:
				to(drLook, func(n *doorState) { n.r[i].pos++ })
			default:
				to(drSeq, nil)
			}
		case drSeq:
			to(arm, func(n *doorState) { n.r[i].seq = s.word })
		case drArm:
			pc := uint8(drAgain)
			if arm != drArm {
				pc = drWait
			}
			to(pc, func(n *doorState) {
				t := r.seq<<1 | 1
				if n.armed == 0 || int8(t-n.armed) > 0 || m.mistake == "a reader arms over one that is newer" {
					n.armed = t
				}
				if m.mistake == "without a token" {
					n.armed = 1
				}
			})
		case drAgain:
			pc := again
			if pc == drAgain {
				pc = drWait
			}
			if behind {
				pc = drLook
			}
			to(pc, nil)
		case drWait:
			if s.word == r.seq {
				to(drSleep, nil)
			} else {
				to(drSeq, nil)
			}
		case drDead, drDone:
			continue
		}
		to(drDead, func(n *doorState) { n.r[i] = doorReader{pc: drDead} })
	}
	wake := func(n *doorState) {
		for i := range n.r {
			if n.r[i].pc == drSleep {
				n.r[i].pc = drSeq
				if m.mistake == "one reader is woken" {
					break
				}
			}
		}
	}
	disarm := func(n *doorState) {
		if n.armed == n.token || m.mistake == "without a token" {
			n.armed = 0
		}
		n.token = 0
	}
	switch s.pc {
	case 0:
		add(func(n *doorState) { n.pc = dwMove })
	case dwMove:
		if s.next == m.frames {
			add(func(n *doorState) { n.pc = dwDone })
			return next
		}
		add(func(n *doorState) { n.next++; n.pc = dwArmed })
	case dwArmed:
		add(func(n *doorState) {
			n.token, n.pc = n.armed, dwMove
			if n.armed != 0 {
				n.pc = dwNews
			}
		})
	case dwNews:
		add(func(n *doorState) {
			n.word++
			n.pc = dwWake
			if m.mistake == "disarmed first, and who takes over wakes only who is armed" {
				disarm(n)
			}
		})
	case dwWake:
		add(func(n *doorState) { wake(n); n.pc = dwTakeBack })
	case dwTakeBack:
		add(func(n *doorState) { disarm(n); n.pc = dwMove })
	case dwDead:
		if s.self == 0 {
			add(func(n *doorState) {
				n.self, n.token, n.pc = 1, n.armed, dwNews
				if m.mistake == "who takes over wakes nobody" || n.armed == 0 && m.mistake == "disarmed first, and who takes over wakes only who is armed" {
					n.token, n.pc = 0, dwMove
				}
			})
		}
		return next
	case dwDone:
		return next
	}
	if s.self == 0 {
		add(func(n *doorState) { n.pc, n.token = dwDead, 0 })
	}
	return next
}

func (m doorModel) wrong(s doorState, _ bool) string {
	for i, r := range s.r {
		if r.pc != drSleep || s.pc == dwDead {
			continue
		}
		alive := false
		for _, n := range m.steps(s) {
			alive = alive || n.pc != dwDead && (n.r[0].pc == drDead) == (s.r[0].pc == drDead) && (n.r[1].pc == drDead) == (s.r[1].pc == drDead)
		}
		if !alive {
			return fmt.Sprintf("reader %d sleeps for ever at frame %d of %d", i, r.pos, s.next)
		}
	}
	return ""
}

// TestDoorProtocol goes through every interleaving, and then through those of mistakes, each of which it finds.
func TestDoorProtocol(t *testing.T) {
	frames := uint8(3)
	switch {
	case os.Getenv("POOLGEN_LONG") == "1":
		frames = 5
	case testing.Short() || runtime.GOARCH == "arm": // emulated; nothing depends on the target
		frames = 2
	}
	for _, mistake := range []string{
		"", "a reader arms after its look", "without a token", "a reader arms over one that is newer", "one reader is woken", "who takes over wakes nobody",
		"disarmed first, and who takes over wakes only who is armed",
	} {
		m := doorModel{frames, mistake}
		n, wrong := testutil.Explore(doorState{}, m.steps, m.wrong)
		if (wrong != "") != (mistake != "") {
			t.Errorf("%q: in %d states is found %q", mistake, n, wrong)
		}
		t.Logf("%q: %d states: %.100s", mistake, n, wrong)
	}
}
