package ipc

import (
	"fmt"
	"os"
	"runtime"
	"testing"
)

// An explicit-state check of the protocol in doc.go: a publisher that may be killed before each of its steps and be followed by a
// successor, twice; two readers that may be killed before each of theirs; two blocks; every interleaving. One step is one access to shared
// memory. What a killed process had in its own memory is gone.

const (
	blocks  = 2
	readers = 2
	own     = 1 << 0 // the publisher's bit in a holder word; reader i has 1<<(i+1)
)

func bitOf(i int) uint8 { return 1 << (i + 1) }

// States of a slot.
const (
	empty = iota
	full
	taken   // the reader has it
	dropped // the publisher took it back
)

// Values of a row's word: what the reader does with the block, and with which life of it, the number of the frame plus 1.
const (
	held    = 1
	closing = 2
)

func rowWord(seq, state uint8) uint8 { return (seq+1)<<2 | state }

// slot is one word of a reader's ring, with the frame's number, which is written while the slot is empty.
type slot struct {
	lap, state, block uint8
	seq               uint8
}

// Steps of the publisher.
const (
	pRecover = iota // begins: it may have a dead predecessor
	pRecoverSlot
	pRecoverSlotClear
	pRecoverSlotEmpty
	pRecoverTail
	pRecoverSeen
	pRecoverRow
	pRecoverOrphan
	pRecoverOwn
	pIdle
	pBury      // clears a dead reader's bits
	pBuryRow   //
	pBurySlot  //
	pBuryDone  //
	pGenerate  // the block is claimed
	pNext      // the next reader
	pDrop      // its ring is full
	pDropClear //
	pDropCount //
	pHold      // its bit
	pMeta      // the frame's number
	pFull      // the slot
	pTail      //
	pRelease   // the publisher's own bit
	pDone
	pDead
)

// Steps of a reader.
const (
	rLook = iota
	rTake
	rRow
	rEmpty
	rUse
	rClosing // the row says that the last reference is gone
	rClear   // the bit
	rUnrow   // the row
	rDone
	rDead
)

type publisher struct {
	pc, lives, frames  uint8
	block, reader, pos uint8
	known              bool
	victim             uint8
}

type reader struct {
	pc, pos, block, seq, last uint8
}

const slotsMax = 2

// state is all there is. It is comparable, so that states can be looked up.
type state struct {
	// Shared memory.
	holders [blocks]uint8
	content [blocks]uint8 // number of the frame in the block
	row     [readers][blocks]uint8
	slots   [readers][slotsMax]slot
	tail    [readers]uint8
	gone    [readers]bool  // the reader is buried
	lost    [readers]uint8 // bits of frames that the publisher counts as dropped for the reader

	// Each process's own memory.
	p publisher
	r [readers]reader

	// What the check knows: bits of frames.
	given [readers]uint8 // whose slot became full
	seen  [readers]uint8
}

// model is one protocol: the right one, or one with a mistake.
type model struct {
	slots   uint8 // of a ring
	frames  uint8 // a life of a publisher publishes so many
	lives   uint8
	mistake string
}

func (m *model) lap(pos uint8) uint8 { return pos/m.slots + 1 }

// publish returns the states after one step of the publisher.
func (m *model) publish(s state) (next []state) {
	to := func(pc uint8, change func(*state)) {
		n := s
		n.p.pc = pc
		if change != nil {
			change(&n)
		}
		next = append(next, n)
	}
	p := s.p
	i := p.reader
	ring := func(n *state) *slot { return &n.slots[i][p.pos] }
	switch p.pc {
	case pRecover:
		to(pRecoverSlot, func(n *state) { n.p.reader, n.p.pos = 0, 0 })

	// Slots that a dead publisher took back, and had not let go of.
	case pRecoverSlot:
		switch {
		case i == readers:
			to(pRecoverSeen, func(n *state) { n.p.block, n.p.reader, n.p.pos, n.p.known = 0, 0, 0, false })
		case p.pos == m.slots:
			to(pRecoverTail, nil)
		case ring(&s).state == dropped && m.mistake != "dropped slots are not recovered":
			to(pRecoverSlotClear, nil)
		default:
			to(pRecoverSlot, func(n *state) { n.p.pos++ })
		}
	case pRecoverSlotClear:
		to(pRecoverSlotEmpty, func(n *state) { n.holders[ring(n).block] &^= bitOf(int(i)) })
	case pRecoverSlotEmpty:
		to(pRecoverSlot, func(n *state) {
			n.lost[i] |= 1 << ring(n).seq
			ring(n).state = empty
			n.p.pos++
		})
	case pRecoverTail:
		to(pRecoverSlot, func(n *state) {
			t := n.tail[i]
			if n.slots[i][t%m.slots].lap == m.lap(t) {
				n.tail[i]++
			}
			n.p.reader, n.p.pos = i+1, 0
		})

	// Bits that no live reader knows of: first its ring, then its row.
	case pRecoverSeen:
		switch {
		case p.block == blocks:
			to(pRecoverOwn, func(n *state) { n.p.block = 0 })
		case i == readers:
			to(pRecoverSeen, func(n *state) { n.p.block, n.p.reader, n.p.pos, n.p.known = p.block+1, 0, 0, false })
		case s.gone[i] || s.holders[p.block]&bitOf(int(i)) == 0:
			to(pRecoverSeen, func(n *state) { n.p.reader, n.p.pos, n.p.known = i+1, 0, false })
		case p.pos < m.slots:
			to(pRecoverSeen, func(n *state) {
				if w := *ring(n); w.block == p.block && (w.state == full || w.state == taken) {
					n.p.known = true
				}
				n.p.pos++
			})
		default:
			to(pRecoverRow, nil)
		}
	case pRecoverRow:
		w := s.row[i][p.block]
		known := p.known || w != 0 && w>>2 == s.content[p.block]+1 || m.mistake == "bits nobody knows of stay"
		if m.mistake == "rows do not say which life of the block" {
			known = p.known || w != 0
		}
		if known {
			to(pRecoverSeen, func(n *state) { n.p.reader, n.p.pos, n.p.known = i+1, 0, false })
		} else {
			to(pRecoverOrphan, nil)
		}
	case pRecoverOrphan:
		to(pRecoverSeen, func(n *state) {
			n.holders[p.block] &^= bitOf(int(i))
			n.p.reader, n.p.pos, n.p.known = i+1, 0, false
		})
	case pRecoverOwn:
		if p.block == blocks {
			to(pIdle, func(n *state) { n.p.block = 0 })
		} else {
			to(pRecoverOwn, func(n *state) { n.holders[p.block] &^= own; n.p.block++ })
		}

	case pIdle:
		for j := range uint8(readers) {
			if s.r[j].pc == rDead && !s.gone[j] {
				to(pBury, func(n *state) { n.p.victim, n.p.block = j, 0 })
				return next
			}
		}
		if p.frames == m.frames {
			to(pDone, nil)
			return next
		}
		for b := range uint8(blocks) {
			free := s.holders[b] == 0
			if m.mistake == "a block is free without the publisher's bit" {
				free = s.holders[b]&own == 0
			}
			if free {
				to(pGenerate, func(n *state) { n.holders[b] |= own; n.p.block = b })
			}
		}
	case pBury:
		if p.block == blocks {
			to(pBuryRow, func(n *state) { n.p.block = 0 })
		} else {
			to(pBury, func(n *state) { n.holders[p.block] &^= bitOf(int(p.victim)); n.p.block++ })
		}
	case pBuryRow:
		to(pBurySlot, func(n *state) { n.row[p.victim] = [blocks]uint8{} })
	case pBurySlot:
		to(pBuryDone, func(n *state) { n.slots[p.victim] = [slotsMax]slot{} })
	case pBuryDone:
		to(pIdle, func(n *state) { n.gone[p.victim] = true; n.p.block = 0 })

	case pGenerate: // fills the block; nobody else may have it
		to(pNext, func(n *state) {
			n.p.frames++
			n.content[p.block] = m.number(n.p)
			n.p.reader = 0
		})
	case pNext:
		switch {
		case i == readers:
			to(pRelease, nil)
		case s.gone[i]:
			to(pNext, func(n *state) { n.p.reader++ })
		default:
			at := s.tail[i] % m.slots
			w := s.slots[i][at]
			switch {
			case w.state == empty:
				to(pHold, func(n *state) { n.p.pos = at })
			case w.state == full:
				to(pDrop, func(n *state) { n.p.pos = at })
			default: // the reader is about to empty it: this frame is the one that is dropped
				to(pNext, func(n *state) {
					n.lost[i] |= 1 << s.content[p.block]
					n.given[i] |= 1 << s.content[p.block]
					n.p.reader++
				})
			}
		}
	case pDrop:
		if ring(&s).state == full {
			to(pDropClear, func(n *state) { ring(n).state = dropped })
		} else {
			to(pNext, nil)
		}
	case pDropClear:
		to(pDropCount, func(n *state) { n.holders[ring(n).block] &^= bitOf(int(i)) })
	case pDropCount:
		to(pHold, func(n *state) { n.lost[i] |= 1 << ring(n).seq; ring(n).state = empty })
	case pHold:
		if m.mistake == "the slot is full before the bit is set" {
			to(pMeta, nil)
			break
		}
		to(pMeta, func(n *state) { n.holders[p.block] |= bitOf(int(i)) })
	case pMeta:
		to(pFull, func(n *state) { ring(n).seq = n.content[p.block] })
	case pFull:
		to(pTail, func(n *state) {
			w := ring(n)
			w.lap, w.state, w.block = m.lap(n.tail[i]), full, p.block
			n.given[i] |= 1 << w.seq
		})
	case pTail:
		to(pNext, func(n *state) {
			if m.mistake == "the slot is full before the bit is set" {
				n.holders[p.block] |= bitOf(int(i))
			}
			n.tail[i]++
			n.p.reader++
		})
	case pRelease:
		to(pIdle, func(n *state) { n.holders[p.block] &^= own })
	case pDead:
		if p.lives < m.lives {
			to(pRecover, func(n *state) { n.p = publisher{pc: pRecover, lives: p.lives + 1} })
		}
		return next
	case pDone:
		return next
	}
	to(pDead, func(n *state) { n.p = publisher{pc: pDead, lives: p.lives} })
	return next
}

// number of a frame: those of a later life go on.
func (m *model) number(p publisher) uint8 { return (p.lives-1)*m.frames + p.frames - 1 }

// read returns the states after one step of reader i.
func (m *model) read(s state, i int) (next []state) {
	to := func(pc uint8, change func(*state)) {
		n := s
		n.r[i].pc = pc
		if change != nil {
			change(&n)
		}
		next = append(next, n)
	}
	r := s.r[i]
	at := r.pos % m.slots
	w := s.slots[i][at]
	switch r.pc {
	case rLook:
		switch {
		case w.lap == m.lap(r.pos) && w.state == full:
			to(rTake, func(n *state) { n.r[i].block = w.block })
		case w.lap == m.lap(r.pos) && w.state != taken || w.lap > m.lap(r.pos):
			to(rLook, func(n *state) { n.r[i].pos++ }) // it was dropped
		case s.p.pc == pDone || s.p.pc == pDead && s.p.lives == m.lives:
			to(rDone, nil)
		}
	case rTake:
		if w.lap == m.lap(r.pos) && w.state == full && w.block == r.block {
			to(rRow, func(n *state) { n.slots[i][at].state = taken; n.r[i].seq = w.seq })
			if m.mistake == "the reader takes without a compare-and-swap" {
				next[0].r[i].seq = w.seq
			}
		} else if m.mistake == "the reader takes without a compare-and-swap" {
			to(rRow, func(n *state) { n.slots[i][at].state = taken; n.r[i].seq = w.seq })
		} else {
			to(rLook, nil)
		}
	case rRow:
		if m.mistake == "the slot is emptied before the row is set" {
			to(rEmpty, func(n *state) { n.slots[i][at].state = empty; n.r[i].pos++ })
			break
		}
		to(rEmpty, func(n *state) { n.row[i][r.block] = rowWord(r.seq, held) })
	case rEmpty:
		if m.mistake == "the slot is emptied before the row is set" {
			to(rUse, func(n *state) { n.row[i][r.block] = rowWord(r.seq, held) })
			break
		}
		to(rUse, func(n *state) { n.slots[i][at].state = empty; n.r[i].pos++ })
	case rUse:
		to(rClosing, func(n *state) { n.seen[i] |= 1 << r.seq; n.r[i].last = r.seq + 1 })
	case rClosing:
		to(rClear, func(n *state) {
			n.row[i][r.block] = rowWord(r.seq, closing)
			if m.mistake == "the row is empty before the bit is cleared" {
				n.row[i][r.block] = 0
			}
		})
	case rClear:
		to(rUnrow, func(n *state) { n.holders[r.block] &^= bitOf(i) })
	case rUnrow:
		to(rLook, func(n *state) { n.row[i][r.block], n.r[i].block, n.r[i].seq = 0, 0, 0 })
	default:
		return nil
	}
	if len(next) > 0 {
		to(rDead, func(n *state) { n.r[i] = reader{pc: rDead, last: r.last} })
	}
	return next
}

// wrong says what of the protocol's promises a state breaks; "" is none.
func (m *model) wrong(s state, final bool) string {
	for i := range readers {
		if r := s.r[i]; r.pc == rUse || r.pc == rEmpty {
			if s.content[r.block] != r.seq {
				return fmt.Sprintf("reader %d has frame %d in block %d, which holds frame %d", i, r.seq, r.block, s.content[r.block])
			}
			if s.holders[r.block]&bitOf(i) == 0 {
				return fmt.Sprintf("reader %d has block %d without its bit", i, r.block)
			}
			if r.seq < r.last {
				return fmt.Sprintf("reader %d sees frame %d after frame %d", i, r.seq, r.last-1)
			}
		}
		if s.seen[i]&s.lost[i] != 0 {
			return fmt.Sprintf("reader %d has seen frames %b, of which %b are counted as lost", i, s.seen[i], s.lost[i])
		}
	}
	if s.p.pc == pGenerate && s.holders[s.p.block] != own {
		return fmt.Sprintf("the publisher fills block %d, which others hold: %b", s.p.block, s.holders[s.p.block])
	}
	if !final {
		return ""
	}
	if s.p.pc == pDone {
		for i := range readers {
			for _, w := range s.slots[i] {
				if w.state == dropped {
					return fmt.Sprintf("a slot of reader %d is lost for good", i)
				}
			}
		}
		for b, h := range s.holders {
			for i := range readers {
				if s.r[i].pc == rDead && !s.gone[i] {
					h &^= bitOf(i) // nobody was left to bury it, which the next publisher does
				}
			}
			if h != 0 {
				return fmt.Sprintf("block %d is lost for good: %b", b, h)
			}
		}
	}
	for i := range readers {
		lost := s.lost[i]
		for _, w := range s.slots[i] {
			if w.state == dropped { // the last publisher died over it; the next one counts it
				lost |= 1 << w.seq
			}
		}
		if s.r[i].pc == rDone && s.given[i] != s.seen[i]|lost {
			return fmt.Sprintf("reader %d was given frames %b, saw %b and %b are counted as lost", i, s.given[i], s.seen[i], lost)
		}
	}
	if s.p.pc != pDone && s.p.pc != pDead {
		return fmt.Sprintf("the publisher waits at step %d for ever", s.p.pc)
	}
	return ""
}

// check goes through all states, and returns how many there are, and the way to one that is wrong.
func (m *model) check() (int, string) {
	first := state{p: publisher{pc: pRecover, lives: 1}}
	seen := map[state]struct{}{first: {}}
	queue := []state{first}
	for len(queue) > 0 {
		s := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		next := m.publish(s)
		for i := range readers {
			next = append(next, m.read(s, i)...)
		}
		if w := m.wrong(s, len(next) == 0); w != "" {
			return len(seen), fmt.Sprintf("%s in %+v", w, s)
		}
		for _, n := range next {
			if _, ok := seen[n]; !ok {
				seen[n] = struct{}{}
				queue = append(queue, n)
			}
		}
	}
	return len(seen), ""
}

// TestProtocol goes through every interleaving of the right protocol. POOLGEN_LONG=1 has the publisher publish two frames in each of its lives,
// which is some ten million states and a gigabyte of memory.
func TestProtocol(t *testing.T) {
	models := []model{
		{slots: 1, frames: 1, lives: 2},
		{slots: 1, frames: 3, lives: 1},
		{slots: 2, frames: 2, lives: 1},
	}
	if testing.Short() || runtime.GOARCH == "arm" {
		models = models[:1] // emulated; nothing depends on the target
	}
	if os.Getenv("POOLGEN_LONG") == "1" {
		models = append(models, model{slots: 1, frames: 2, lives: 2}, model{slots: 1, frames: 1, lives: 3}, model{slots: 2, frames: 3, lives: 1})
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
	for _, mistake := range []string{
		"dropped slots are not recovered",
		"bits nobody knows of stay",
		"a block is free without the publisher's bit",
		"the slot is full before the bit is set",
		"the slot is emptied before the row is set",
		"the reader takes without a compare-and-swap",
		"the row is empty before the bit is cleared",
		"rows do not say which life of the block",
	} {
		m := model{slots: 1, frames: 2, lives: 2, mistake: mistake}
		n, wrong := m.check()
		if wrong == "" {
			t.Errorf("%s: not found in %d states", mistake, n)
		} else {
			t.Logf("%s: found after %d states: %.100s", mistake, n, wrong)
		}
	}
}
