package ipc

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
)

// An explicit-state check of the protocol in doc.go: a publisher, the one that takes over when it dies, and two subscribers, which go from the first
// to the second. Any may be killed before each of its steps, and every interleaving is tried. One step is one access to shared memory.
// What a killed process had in its own memory is gone; the publisher's own lists are its own memory, and what a subscriber's process had of a
// frame goes with it.

const (
	modelBlocks  = 3 // at most
	modelWriters = 2 // at most
	modelReaders = 2
	modelSlots   = 2 // at most
)

// modelSlot is a slot's word, and what stands beside it.
type modelSlot struct {
	lap, state uint8
	block, seq uint8
}

// Steps of the publisher.
const (
	pIdle  = iota
	pFill  // the block is its own: nobody may have it
	pNext  // the next subscriber: its slot
	pDrop  // its slots from the oldest on
	pLook  // its slot again
	pWrite // beside the word
	pFull  // the word
	pTail
	pDone
	pDead
)

// Steps of a subscriber.
const (
	rLook = iota
	rTake
	rRead  // what stands beside the word
	rEmpty // the word
	rUse
	rBack     // the block's name into the list of returns
	rReturned // its count
	rDone
	rDead
)

type modelPublisher struct {
	pc, frames, block, reader uint8
	back, drop                uint8 // the slot to drop, or to write in place of, counted from the newest; how many
	self                      uint8 // 0, or 1: the one that took over
}

type modelReader struct {
	pc, pos, block, seq, last uint8
	at                        uint8 // its publisher
}

// modelChannel is what a publisher shares with a subscriber.
type modelChannel struct {
	slots          [modelSlots]modelSlot
	tail, returned uint8
	back           [modelBlocks]uint8
}

// modelState is all there is. It is comparable, so that states can be looked up.
type modelState struct {
	// Shared memory, each pair's its own.
	chans   [modelWriters][modelReaders]modelChannel
	content [modelWriters][modelBlocks]uint8 // frame number + 1: the arenas, which subscribers only read

	// The publisher's own memory.
	p     modelPublisher
	mask  [modelBlocks]uint8 // who has the block; the publisher itself has bit 7
	read  [modelReaders]uint8
	gone  [modelReaders]bool
	lost  [modelReaders]uint8 // bits of frames
	given [modelReaders]uint8

	r    [modelReaders]modelReader
	seen [modelReaders]uint8
}

const modelOwn = 1 << 7

// model is one protocol: the right one, or one with a mistake.
type model struct {
	writers, blocks, slots, frames uint8
	policies                       [modelReaders]Policy
	mistake                        string
}

// arena is where a publisher's frames lie.
func (m *model) arena(writer uint8) uint8 {
	if m.mistake == "the next publisher takes the arena of the dead" {
		return 0
	}
	return writer
}

func (m *model) lap(pos uint8) uint8 { return pos/m.slots + 1 }

// publish returns the states after one step of the publisher.
func (m *model) publish(s modelState) (next []modelState) {
	to := func(pc uint8, change func(*modelState)) {
		n := s
		n.p.pc = pc
		if change != nil {
			change(&n)
		}
		next = append(next, n)
	}
	p := s.p
	i := p.reader
	var at, lap uint8
	var c *modelChannel
	if i < modelReaders {
		c = &s.chans[p.self][i]
		pos := c.tail
		if p.pc >= pWrite && p.pc <= pTail {
			pos -= p.back
		}
		at, lap = pos%m.slots, m.lap(pos)
	}
	slot := func(n *modelState) *modelSlot { return &n.chans[p.self][i].slots[at] }
	lose := func(n *modelState) { // this frame is the one that is lost
		n.lost[i] |= 1 << (n.p.frames - 1)
		n.given[i] |= 1 << (n.p.frames - 1)
		n.p.reader++
	}
	switch p.pc {
	case pIdle:
		for j := range uint8(modelReaders) {
			theirs := &s.chans[p.self][j]
			if s.r[j].pc == rDead && !s.gone[j] { // its socket ended
				to(pIdle, func(n *modelState) {
					n.gone[j] = true
					for b := range n.mask {
						n.mask[b] &^= 1 << j
					}
				})
				return next
			}
			if s.read[j] != theirs.returned && !s.gone[j] { // it gave one back
				to(pIdle, func(n *modelState) {
					n.mask[theirs.back[n.read[j]%modelBlocks]] &^= 1 << j
					n.read[j]++
				})
				return next
			}
		}
		if p.frames == m.frames {
			to(pDone, nil)
			return next
		}
		for b := range m.blocks {
			if s.mask[b] == 0 {
				to(pFill, func(n *modelState) { n.mask[b] = modelOwn; n.p.block = b })
			}
		}
	case pFill:
		to(pNext, func(n *modelState) {
			n.p.frames++
			n.p.reader = 0
			n.content[m.arena(p.self)][p.block] = n.p.frames
		})
	case pNext, pLook:
		switch {
		case i == modelReaders:
			to(pIdle, func(n *modelState) { n.mask[p.block] &^= modelOwn; n.p.reader, n.p.block = 0, 0 })
		case s.gone[i] || s.r[i].at != p.self: // there is nobody yet
			to(pNext, func(n *modelState) { n.p.reader++ })
		case p.pc == pNext && m.policies[i] == Latest:
			// In the place of the newest, if that still waits.
			newest := c.slots[(c.tail-1)%m.slots]
			if c.tail == 0 || newest.state != slotFull || newest.lap != m.lap(c.tail-1) {
				to(pLook, nil)
				break
			}
			to(pWrite, func(n *modelState) {
				old := &n.chans[p.self][i].slots[(c.tail-1)%m.slots]
				old.state = slotEmpty
				if m.mistake != "the newest is replaced in sight" {
					old.lap--
				}
				n.lost[i] |= 1 << newest.seq
				n.mask[newest.block] &^= 1 << i
				n.p.back = 1
			})
		case slot(&s).state == slotEmpty:
			to(pWrite, nil)
		case slot(&s).state == slotFull && m.policies[i] == DropOldest:
			to(pDrop, func(n *modelState) { n.p.back, n.p.drop = m.slots, 1 })
		case m.policies[i] == Block:
			if s.r[i].pc == rDead { // the end of its socket ends the wait
				to(pNext, func(n *modelState) { n.p.reader++ })
			}
		default:
			to(pNext, lose)
		}
	case pDrop:
		if p.back == 0 || p.drop == 0 || p.back > c.tail {
			to(pLook, func(n *modelState) { n.p.back, n.p.drop = 0, 0 })
			if p.back > c.tail && p.drop > 0 && p.back > 0 {
				next = next[:len(next)-1]
				to(pDrop, func(n *modelState) { n.p.back-- }) // was never written
			}
			break
		}
		old := (c.tail - p.back) % m.slots
		w := c.slots[old]
		if w.state == slotFull && w.lap == m.lap(c.tail-p.back) || w.state == slotTaken && m.mistake == "the oldest is dropped without a compare-and-swap" {
			to(pDrop, func(n *modelState) {
				n.chans[p.self][i].slots[old].state = slotEmpty
				n.lost[i] |= 1 << w.seq
				n.mask[w.block] &^= 1 << i
				n.p.back--
				n.p.drop--
			})
		} else {
			to(pDrop, func(n *modelState) { n.p.back-- })
		}
	case pWrite:
		if m.mistake == "the word is full before the description" {
			to(pFull, func(n *modelState) { slot(n).lap, slot(n).state = lap, slotFull; n.given[i] |= 1 << (n.p.frames - 1) })
			break
		}
		to(pFull, func(n *modelState) { slot(n).block, slot(n).seq = p.block, n.p.frames-1 })
	case pFull:
		to(pTail, func(n *modelState) {
			n.mask[p.block] |= 1 << i
			if m.mistake == "the word is full before the description" {
				slot(n).block, slot(n).seq = p.block, n.p.frames-1
				return
			}
			slot(n).lap, slot(n).state = lap, slotFull
			if m.mistake == "words without a lap" {
				slot(n).lap = 1
			}
			n.given[i] |= 1 << (n.p.frames - 1)
		})
	case pTail:
		to(pNext, func(n *modelState) {
			n.chans[p.self][i].tail += 1 - p.back
			n.p.back = 0
			n.p.reader++
		})
	case pDead:
		if p.self+1 < m.writers { // another takes over, and knows nothing
			to(pIdle, func(n *modelState) {
				n.p = modelPublisher{self: p.self + 1}
				n.mask, n.read, n.gone = [modelBlocks]uint8{}, [modelReaders]uint8{}, [modelReaders]bool{}
				n.lost, n.given = [modelReaders]uint8{}, [modelReaders]uint8{}
			})
		}
		return next
	default:
		return nil
	}
	to(pDead, func(n *modelState) { n.p = modelPublisher{pc: pDead, self: p.self} })
	return next
}

// receive returns the states after one step of subscriber i.
func (m *model) receive(s modelState, i int) (next []modelState) {
	to := func(pc uint8, change func(*modelState)) {
		n := s
		n.r[i].pc = pc
		if change != nil {
			change(&n)
		}
		next = append(next, n)
	}
	r := s.r[i]
	at, lap := r.pos%m.slots, m.lap(r.pos)
	if m.mistake == "words without a lap" {
		lap = 1
	}
	own := func(n *modelState) *modelChannel { return &n.chans[r.at][i] }
	w := own(&s).slots[at]
	switch r.pc {
	case rLook:
		switch {
		case w.lap == lap && w.state == slotFull:
			to(rTake, nil)
		case w.lap > lap || w.lap == lap && m.mistake != "words without a lap":
			to(rLook, func(n *modelState) { n.r[i].pos++ }) // it was dropped
		case s.p.self > r.at && (s.p.pc == pIdle || s.p.pc == pDone): // it subscribes to the next, which lets it in between two frames
			to(rLook, func(n *modelState) {
				n.r[i] = modelReader{at: r.at + 1}
				n.seen[i] = 0
			})
		case s.p.pc == pDone && s.p.self == r.at || s.p.pc == pDead && s.p.self+1 == m.writers:
			to(rDone, nil)
		}
	case rTake:
		if w.lap == lap && w.state == slotFull || m.mistake == "a frame is taken without a compare-and-swap" {
			to(rRead, func(n *modelState) { own(n).slots[at].state = slotTaken })
		} else {
			to(rLook, nil)
		}
	case rRead:
		if m.mistake == "the slot is emptied before it is read" {
			to(rEmpty, func(n *modelState) { own(n).slots[at].state = slotEmpty })
			break
		}
		to(rEmpty, func(n *modelState) { n.r[i].block, n.r[i].seq = w.block, w.seq })
	case rEmpty:
		to(rUse, func(n *modelState) {
			if m.mistake == "the slot is emptied before it is read" {
				n.r[i].block, n.r[i].seq = w.block, w.seq
			}
			own(n).slots[at].state = slotEmpty
			n.r[i].pos++
		})
	case rUse:
		to(rBack, func(n *modelState) {
			if m.mistake == "the count of returns goes first" {
				own(n).returned++
			}
			n.seen[i] |= 1 << r.seq
			n.r[i].last = r.seq + 1
		})
	case rBack:
		to(rReturned, func(n *modelState) {
			at := own(n).returned
			if m.mistake == "the count of returns goes first" {
				at--
			}
			own(n).back[at%modelBlocks] = r.block
		})
	case rReturned:
		to(rLook, func(n *modelState) {
			if m.mistake != "the count of returns goes first" {
				own(n).returned++
			}
			n.r[i].block, n.r[i].seq = 0, 0
		})
	default:
		return nil
	}
	if len(next) > 0 {
		to(rDead, func(n *modelState) { n.r[i] = modelReader{pc: rDead, last: r.last, at: r.at} })
	}
	return next
}

// wrong says what of the protocol's promises a state breaks; "" is none.
func (m *model) wrong(s modelState, final bool) string {
	for i, r := range s.r {
		if got := s.content[m.arena(r.at)][r.block]; r.pc == rUse && (got != r.seq+1 || r.seq < r.last) {
			return fmt.Sprintf("subscriber %d has frame %d after frame %d in block %d, which holds frame %d", i, r.seq, int(r.last)-1, r.block, int(got)-1)
		}
		if r.at != s.p.self {
			continue // what follows is in the publisher's memory, which is gone
		}
		if m.policies[i] == Block && s.lost[i] != 0 {
			return fmt.Sprintf("subscriber %d, who blocks, lost frames %b", i, s.lost[i])
		}
		if m.policies[i] == Latest && m.slots > 1 && s.p.frames > 0 && s.lost[i]>>(s.p.frames-1)&1 != 0 {
			return fmt.Sprintf("subscriber %d, who wants the newest, lost frame %d, which is the newest", i, s.p.frames-1)
		}
		if s.seen[i]&s.lost[i] != 0 {
			return fmt.Sprintf("subscriber %d has seen frames %b, of which %b are counted as lost", i, s.seen[i], s.lost[i])
		}
		if d := s.chans[r.at][i].returned - s.read[i]; d > modelBlocks {
			return fmt.Sprintf("subscriber %d has returned %d blocks", i, d)
		}
		if text := m.fromOutside(s, i); text != "" {
			return text
		}
	}
	if !final {
		return ""
	}
	if s.p.pc != pDone && s.p.pc != pDead {
		return fmt.Sprintf("the publisher waits at step %d for ever", s.p.pc)
	}
	for i, r := range s.r {
		// A publisher that died over a frame may have taken one back, or given one, without counting it.
		if r.pc != rDone && r.pc != rDead {
			return fmt.Sprintf("subscriber %d waits at step %d for ever", i, r.pc)
		}
		if r.pc == rDone && s.p.pc == pDone && r.at == s.p.self && s.given[i] != s.seen[i]|s.lost[i] {
			return fmt.Sprintf("subscriber %d was given frames %b, saw %b, and %b are counted as lost", i, s.given[i], s.seen[i], s.lost[i])
		}
	}
	return m.leak(s)
}

// leak lets the publisher collect once more, and says what stays lent.
func (m *model) leak(s modelState) string {
	if s.p.pc != pDone {
		return "" // its memory went with it
	}
	for i, r := range s.r {
		for c := s.chans[s.p.self][i]; s.read[i] != c.returned; s.read[i]++ {
			s.mask[c.back[s.read[i]%modelBlocks]] &^= 1 << i
		}
		if r.pc == rDead {
			for b := range s.mask {
				s.mask[b] &^= 1 << i
			}
		}
	}
	for b, mask := range s.mask {
		if mask != 0 {
			return fmt.Sprintf("block %d is lost for good: %b", b, mask)
		}
	}
	return ""
}

// plain forgets what nobody will ever look at again, so that states that differ in nothing else are one.
func (m *model) plain(s modelState) modelState {
	for w := range uint8(modelWriters) {
		alive := w == s.p.self && s.p.pc != pDead
		used := false
		for i := range s.r {
			r := &s.r[i]
			reads := r.at == w && r.pc != rDone && r.pc != rDead
			used = used || reads
			if !reads && (!alive || s.gone[i]) {
				s.chans[w][i] = modelChannel{}
				if alive {
					s.read[i] = 0
				}
			}
			if reads && !alive {
				s.seen[i] = 0
				s.chans[w][i].tail, s.chans[w][i].returned, s.chans[w][i].back = 0, 0, [modelBlocks]uint8{}
			}
			if r.pc == rDead {
				r.at, r.last = s.p.self, 0
			}
		}
		if !alive && !used && m.mistake == "" {
			s.content[w] = [modelBlocks]uint8{}
		}
	}
	if s.p.pc == pDead {
		s.mask, s.read, s.gone = [modelBlocks]uint8{}, [modelReaders]uint8{}, [modelReaders]bool{}
		s.lost, s.given, s.seen = [modelReaders]uint8{}, [modelReaders]uint8{}, [modelReaders]uint8{}
	}
	return s
}

// check goes through all states, and returns how many there are, and one that is wrong.
func (m *model) check() (int, string) {
	return testutil.Explore(modelState{}, func(s modelState) []modelState {
		next := m.publish(s)
		for i := range modelReaders {
			next = append(next, m.receive(s, i)...)
		}
		for i := range next {
			next[i] = m.plain(next[i])
		}
		return next
	}, m.wrong)
}

// TestProtocol goes through every interleaving of the right protocol. POOLGEN_LONG=1 has more frames.
func TestProtocol(t *testing.T) {
	models := []model{
		{writers: 2, blocks: 2, slots: 1, frames: 1},
		{writers: 2, blocks: 2, slots: 1, frames: 2},
		{writers: 2, blocks: 2, slots: 1, frames: 2, policies: [...]Policy{Block, DropNewest}},
		{writers: 1, blocks: 2, slots: 2, frames: 3, policies: [...]Policy{Latest, DropOldest}},
	}
	if testing.Short() || runtime.GOARCH == "arm" {
		models = models[:1] // emulated; nothing depends on the target
	}
	if os.Getenv("POOLGEN_LONG") == "1" {
		for _, p := range [][modelReaders]Policy{{}, {Latest, DropNewest}, {Block, DropOldest}} {
			models = append(models, model{writers: 2, blocks: 2, slots: 1, frames: 3, policies: p}, model{writers: 1, blocks: 3, slots: 2, frames: 4, policies: p})
		}
	}
	for _, m := range models {
		n, wrong := m.check()
		if wrong != "" {
			t.Errorf("%+v: after %d states: %s", m, n, wrong)
		}
		t.Logf("%+v: %d states", m, n)
	}
}

// TestProtocolMistakes puts mistakes into the protocol: the check finds each.
func TestProtocolMistakes(t *testing.T) {
	right := model{writers: 2, blocks: 2, slots: 1, frames: 2}
	wide := model{writers: 1, blocks: 3, slots: 2, frames: 4} // with one slot the newest is the oldest
	for _, c := range []struct {
		model
		mistake, fault string
	}{
		{right, "the oldest is dropped without a compare-and-swap", "counted as lost"},
		{right, "the word is full before the description", "has frame"},
		{wide, "words without a lap", "has frame"},
		{right, "a frame is taken without a compare-and-swap", "counted as lost"},
		{right, "the slot is emptied before it is read", "has frame"},
		{right, "the count of returns goes first", "lost for good"},
		{model{writers: 1, blocks: 2, slots: 2, frames: 3, policies: [...]Policy{Latest, Latest}}, "the newest is replaced in sight", "was given frames"},
		{right, "the next publisher takes the arena of the dead", "which holds frame"},
	} {
		if c.mistake == "the next publisher takes the arena of the dead" && runtime.GOARCH == "arm" {
			continue // a hundred thousand states, emulated
		}
		c.model.mistake = c.mistake
		n, wrong := c.check()
		if !strings.Contains(wrong, c.fault) {
			t.Errorf("%s: in %d states is found %q, not that a subscriber or block %s", c.mistake, n, wrong, c.fault)
		} else {
			t.Logf("%s: found after %d states: %.120s", c.mistake, n, wrong)
		}
	}
}
