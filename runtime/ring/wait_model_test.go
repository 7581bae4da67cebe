package ring_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
)

// A check of who sleeps and who wakes whom in a byte ring: its counters, what each side waits for, the words that it is woken by, and a
// process that takes the side over of one that is killed, before each of its steps. Every word is an atomic one, so memory is in order here.

// Steps of a side.
const (
	bwCheck = iota // is there enough?
	bwBytes        // how much it waits for
	bwSeq          // the futex word
	bwArm
	bwAgain // is there enough now?
	bwWait  // futex(2)
	bwSleep
	bwDisarm
	bwMove  // its counter
	bwArmed // does the other sleep?
	bwEnough
	bwNews // the other's futex word
	bwWake
	bwTakeBack
	bwEnd // the producer's, and waking
	bwDone
	bwDead
)

const (
	bwSize  = 3
	bwTotal = 6
)

type bwSide struct {
	pc, pos, seen     uint8
	seq, token, moved uint8
	used              uint8 // of the other's side of things, before the move
	self              uint8 // how many were there before it

	// Shared: where this side sleeps.
	armed, bytes, word uint8
}

type bwState struct {
	side    [2]bwSide // producer, consumer
	counter [2]uint8  // shared
	ended   bool      // shared
}

type waitModel struct {
	takeovers uint8 // of each side
	amounts   [2]uint8
	mistake   string
}

// amount is how much a side wants to write or read at pos; 0 says 1 and 2 by turns. 2 fits always when the other has done its part.
func (m *waitModel) amount(i, pos uint8) uint8 {
	if pos == bwTotal {
		return 1 // to learn that it is the end
	}
	if m.amounts[i] > 0 {
		return min(m.amounts[i], bwTotal-pos)
	}
	return min(1+(pos+i)%2, bwTotal-pos)
}

func (m *waitModel) steps(s bwState) (next []bwState) {
	for i := range uint8(2) {
		next = append(next, m.step(s, i)...)
	}
	return next
}

func (m *waitModel) step(s bwState, i uint8) (next []bwState) {
	me, other := &s.side[i], &s.side[1-i]
	to := func(pc uint8, change func(me, other *bwSide)) {
		n := s
		n.side[i].pc = pc
		if change != nil {
			change(&n.side[i], &n.side[1-i])
		}
		next = append(next, n)
	}
	wake := func(_, other *bwSide) {
		if other.pc == bwSleep {
			other.pc = bwSeq
		}
	}
	// look is what the side can write or read now, with the other's counter as it is.
	look := func(n *bwSide) uint8 {
		n.seen = s.counter[1-i]
		if i == 0 {
			return bwSize - (n.pos - n.seen)
		}
		return n.seen - n.pos
	}
	want := m.amount(i, me.pos)
	enough := func(pc, not uint8) {
		n := s
		mine := &n.side[i]
		ended := i == 1 && s.ended // before the look
		got := look(mine)
		switch {
		case got >= want:
			mine.pc = pc
		case ended:
			mine.pc = bwEnd
		default:
			mine.pc = not
		}
		next = append(next, n)
	}
	armFirst := m.mistake == "it arms after the look"
	switch me.pc {
	case bwCheck:
		if i == 0 && me.pos == bwTotal {
			to(bwEnd, nil)
			break
		}
		enough(bwMove, bwBytes)
	case bwBytes:
		to(bwSeq, func(me, _ *bwSide) {
			me.bytes = want
		})
	case bwSeq:
		if armFirst {
			to(bwAgain, func(me, _ *bwSide) { me.seq = me.word })
		} else {
			to(bwArm, func(me, _ *bwSide) { me.seq = me.word })
		}
	case bwArm:
		pc := uint8(bwAgain)
		if armFirst {
			pc = bwWait
		}
		to(pc, func(me, _ *bwSide) {
			me.armed = me.seq<<1 | 1
			if m.mistake == "without a token" {
				me.armed = 1
			}
		})
	case bwAgain:
		if armFirst {
			enough(bwDisarm, bwArm)
		} else {
			enough(bwDisarm, bwWait)
		}
	case bwWait:
		if me.word == me.seq {
			to(bwSleep, nil)
		} else {
			to(bwSeq, nil)
		}
	case bwDisarm:
		to(bwMove, func(me, _ *bwSide) { me.armed = 0 })
	case bwMove:
		n := s
		mine := &n.side[i]
		if i == 0 {
			mine.used = mine.pos - mine.seen // seen is as old as the last look
		} else {
			mine.used = bwSize - (mine.seen - mine.pos)
		}
		mine.pos += want
		mine.moved = want
		mine.pc = bwArmed
		n.counter[i] = mine.pos
		next = append(next, n)
	case bwArmed:
		if other.armed == 0 {
			to(bwCheck, func(me, _ *bwSide) { me.moved, me.used = 0, 0 })
		} else {
			to(bwEnough, func(me, other *bwSide) { me.token = other.armed })
		}
	case bwEnough:
		enough := me.used+me.moved >= other.bytes
		if m.mistake == "only what was just written counts" {
			enough = me.moved >= other.bytes
		}
		if enough {
			to(bwNews, func(me, _ *bwSide) { me.moved, me.used = 0, 0 })
		} else {
			to(bwCheck, func(me, _ *bwSide) { me.moved, me.used, me.token = 0, 0, 0 })
		}
	case bwNews:
		to(bwWake, func(_, other *bwSide) {
			other.word++
			if m.mistake == "disarmed first, and nobody is woken by who takes over" {
				other.armed = 0
			}
		})
	case bwWake:
		to(bwTakeBack, wake)
	case bwTakeBack:
		to(bwCheck, func(me, other *bwSide) {
			if other.armed == me.token || m.mistake == "without a token" {
				other.armed = 0
			}
			me.token = 0
		})
	case bwEnd:
		if i == 0 && !s.ended {
			to(bwEnd, func(_, other *bwSide) { other.word++ })
			next[len(next)-1].ended = true
		} else {
			to(bwDone, func(me, other *bwSide) {
				if i == 0 && m.mistake != "the end wakes nobody" {
					wake(me, other)
				}
			})
		}
	case bwDead:
		if me.self < m.takeovers {
			to(bwCheck, func(me, other *bwSide) {
				*me = bwSide{self: me.self + 1, pos: s.counter[i], seen: s.counter[1-i], word: me.word, bytes: me.bytes}
				if !strings.HasSuffix(m.mistake, "nobody is woken by who takes over") {
					other.word++
					wake(me, other)
				}
			})
			if i == 0 {
				next[len(next)-1].ended = false
			}
		}
		return next
	case bwDone:
		return nil
	}
	if me.self < m.takeovers {
		to(bwDead, func(me, _ *bwSide) { me.seq, me.token, me.moved, me.used, me.pos, me.seen = 0, 0, 0, 0, 0, 0 })
	}
	return next
}

func (m *waitModel) wrong(s bwState, final bool) string {
	for i := range uint8(2) {
		if s.side[i].pc != bwSleep || s.side[1-i].pc == bwDead {
			continue // until somebody takes over, nobody can know
		}
		alive := false
		for _, n := range m.steps(s) {
			alive = alive || n.side[0].pc != bwDead && n.side[1].pc != bwDead
		}
		if !alive {
			return fmt.Sprintf("side %d sleeps for ever, with %d written and %d read, the other is at step %d", i, s.counter[0], s.counter[1], s.side[1-i].pc)
		}
	}
	if s.counter[1] > s.counter[0] || s.counter[0]-s.counter[1] > bwSize {
		return fmt.Sprintf("%d written and %d read", s.counter[0], s.counter[1])
	}
	if final && s.counter != [2]uint8{bwTotal, bwTotal} {
		return fmt.Sprintf("at the end %d are written and %d read", s.counter[0], s.counter[1])
	}
	return ""
}

func (m *waitModel) check() (int, string) {
	return testutil.Explore(bwState{}, m.steps, m.wrong)
}

// TestWaitsProtocol goes through every interleaving.
func TestWaitsProtocol(t *testing.T) {
	for _, m := range []waitModel{
		{takeovers: 1},
		{takeovers: 1, amounts: [...]uint8{1, 2}},
		{takeovers: 1, amounts: [...]uint8{2, 1}},
		{takeovers: 2, amounts: [...]uint8{1, 1}},
	} {
		if m.takeovers > 1 && os.Getenv("POOLGEN_LONG") != "1" || m.amounts[0] > 0 && (testing.Short() || runtime.GOARCH == "arm") {
			continue // millions of states; or emulated, and nothing depends on the target
		}
		n, wrong := m.check()
		if wrong != "" {
			t.Errorf("%+v: after %d states: %s", m, n, wrong)
		}
		t.Logf("%+v: %d states", m, n)
	}
}

// TestWaitsProtocolMistakes puts mistakes into it: the check finds each.
func TestWaitsProtocolMistakes(t *testing.T) {
	for _, mistake := range []string{
		"it arms after the look",
		"without a token",
		"only what was just written counts",
		"the end wakes nobody",
		"nobody is woken by who takes over",
		"disarmed first, and nobody is woken by who takes over",
	} {
		m := waitModel{takeovers: 1, amounts: [...]uint8{1, 2}, mistake: mistake}
		n, wrong := m.check()
		if wrong == "" {
			t.Errorf("%s: not found in %d states", mistake, n)
		} else {
			t.Logf("%s: found after %d states: %.130s", mistake, n, wrong)
		}
	}
}
