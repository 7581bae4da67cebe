package ipc

import (
	"fmt"
	"os"
	"runtime"
	"testing"
)

// An explicit-state check of the protocol in doc.go: a publisher and two subscribers, any of which may be killed before each of its steps,
// three blocks, and every interleaving. One step is one access to shared memory. What a killed process had in its own memory is gone; the
// publisher's own lists are its own memory, and what a subscriber's process had of a frame goes with it.

const (
	modelBlocks  = 3
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
	pNext  // the next subscriber
	pDrop  // its slot is full
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
}

type modelReader struct {
	pc, pos, block, seq, last uint8
}

// modelState is all there is. It is comparable, so that states can be looked up.
type modelState struct {
	// Shared memory, each subscriber's its own.
	slots    [modelReaders][modelSlots]modelSlot
	tail     [modelReaders]uint8
	back     [modelReaders][modelBlocks]uint8
	returned [modelReaders]uint8
	content  [modelBlocks]uint8 // frame number + 1: the arena, which subscribers only read

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
	slots, frames uint8
	mistake       string
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
	if i < modelReaders {
		at, lap = s.tail[i]%m.slots, m.lap(s.tail[i])
	}
	slot := func(n *modelState) *modelSlot { return &n.slots[i][at] }
	switch p.pc {
	case pIdle:
		for j := range uint8(modelReaders) { // a subscriber's socket ended
			if s.r[j].pc == rDead && !s.gone[j] {
				to(pIdle, func(n *modelState) {
					n.gone[j] = true
					for b := range n.mask {
						n.mask[b] &^= 1 << j
					}
				})
				return next
			}
			if s.read[j] != s.returned[j] && !s.gone[j] { // it gave one back
				to(pIdle, func(n *modelState) {
					n.mask[n.back[j][n.read[j]%modelBlocks]] &^= 1 << j
					n.read[j]++
				})
				return next
			}
		}
		if p.frames == m.frames {
			to(pDone, nil)
			return next
		}
		for b := range uint8(modelBlocks) {
			if s.mask[b] == 0 {
				to(pFill, func(n *modelState) { n.mask[b] = modelOwn; n.p.block = b })
			}
		}
	case pFill:
		to(pNext, func(n *modelState) {
			n.p.frames++
			n.p.reader = 0
			n.content[p.block] = n.p.frames
		})
	case pNext:
		switch {
		case i == modelReaders:
			to(pIdle, func(n *modelState) { n.mask[p.block] &^= modelOwn })
		case s.gone[i]:
			to(pNext, func(n *modelState) { n.p.reader++ })
		case slot(&s).state == slotEmpty:
			to(pWrite, nil)
		case slot(&s).state == slotFull:
			to(pDrop, nil)
		default: // just being taken: this frame is the one that is lost
			to(pNext, func(n *modelState) {
				n.lost[i] |= 1 << (n.p.frames - 1)
				n.given[i] |= 1 << (n.p.frames - 1)
				n.p.reader++
			})
		}
	case pDrop:
		if slot(&s).state == slotFull || m.mistake == "the oldest is dropped without a compare-and-swap" {
			to(pWrite, func(n *modelState) {
				w := slot(n)
				w.state = slotEmpty
				n.lost[i] |= 1 << w.seq
				n.mask[w.block] &^= 1 << i
			})
		} else {
			to(pNext, nil)
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
		to(pNext, func(n *modelState) { n.tail[i]++; n.p.reader++ })
	default:
		return nil
	}
	to(pDead, func(n *modelState) { n.p = modelPublisher{pc: pDead} })
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
	w := s.slots[i][at]
	switch r.pc {
	case rLook:
		switch {
		case w.lap == lap && w.state == slotFull:
			to(rTake, nil)
		case w.lap > lap || w.lap == lap && m.mistake != "words without a lap":
			to(rLook, func(n *modelState) { n.r[i].pos++ }) // it was dropped
		case s.p.pc == pDone || s.p.pc == pDead:
			to(rDone, nil)
		}
	case rTake:
		if w.lap == lap && w.state == slotFull || m.mistake == "a frame is taken without a compare-and-swap" {
			to(rRead, func(n *modelState) { n.slots[i][at].state = slotTaken })
		} else {
			to(rLook, nil)
		}
	case rRead:
		if m.mistake == "the slot is emptied before it is read" {
			to(rEmpty, func(n *modelState) { n.slots[i][at].state = slotEmpty })
			break
		}
		to(rEmpty, func(n *modelState) { n.r[i].block, n.r[i].seq = w.block, w.seq })
	case rEmpty:
		to(rUse, func(n *modelState) {
			if m.mistake == "the slot is emptied before it is read" {
				n.r[i].block, n.r[i].seq = w.block, w.seq
			}
			n.slots[i][at].state = slotEmpty
			n.r[i].pos++
		})
	case rUse:
		to(rBack, func(n *modelState) {
			if m.mistake == "the count of returns goes first" {
				n.returned[i]++
			}
			n.seen[i] |= 1 << r.seq
			n.r[i].last = r.seq + 1
		})
	case rBack:
		to(rReturned, func(n *modelState) {
			at := n.returned[i]
			if m.mistake == "the count of returns goes first" {
				at--
			}
			n.back[i][at%modelBlocks] = r.block
		})
	case rReturned:
		to(rLook, func(n *modelState) {
			if m.mistake != "the count of returns goes first" {
				n.returned[i]++
			}
			n.r[i].block, n.r[i].seq = 0, 0
		})
	default:
		return nil
	}
	if len(next) > 0 {
		to(rDead, func(n *modelState) { n.r[i] = modelReader{pc: rDead, last: r.last} })
	}
	return next
}

// wrong says what of the protocol's promises a state breaks; "" is none.
func (m *model) wrong(s modelState, final bool) string {
	for i, r := range s.r {
		if r.pc == rUse && (s.content[r.block] != r.seq+1 || r.seq < r.last) {
			return fmt.Sprintf("subscriber %d has frame %d after frame %d in block %d, which holds frame %d", i, r.seq, int(r.last)-1, r.block, int(s.content[r.block])-1)
		}
		if s.seen[i]&s.lost[i] != 0 {
			return fmt.Sprintf("subscriber %d has seen frames %b, of which %b are counted as lost", i, s.seen[i], s.lost[i])
		}
		if d := s.returned[i] - s.read[i]; d > modelBlocks {
			return fmt.Sprintf("subscriber %d has returned %d blocks", i, d)
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
		if r.pc == rDone && s.p.pc == pDone && s.given[i] != s.seen[i]|s.lost[i] {
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
		for ; s.read[i] != s.returned[i]; s.read[i]++ {
			s.mask[s.back[i][s.read[i]%modelBlocks]] &^= 1 << i
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

// check goes through all states, and returns how many there are, and one that is wrong.
func (m *model) check() (int, string) {
	first := modelState{}
	seen := map[modelState]struct{}{first: {}}
	queue := []modelState{first}
	for len(queue) > 0 {
		s := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		next := m.publish(s)
		for i := range modelReaders {
			next = append(next, m.receive(s, i)...)
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

// TestProtocol goes through every interleaving of the right protocol. POOLGEN_LONG=1 has more frames.
func TestProtocol(t *testing.T) {
	models := []model{{slots: 1, frames: 2}, {slots: 2, frames: 3}}
	if testing.Short() || runtime.GOARCH == "arm" {
		models = models[:1] // emulated; nothing depends on the target
	}
	if os.Getenv("POOLGEN_LONG") == "1" {
		models = append(models, model{slots: 1, frames: 3}, model{slots: 2, frames: 4})
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
		"the oldest is dropped without a compare-and-swap",
		"the word is full before the description",
		"words without a lap",
		"a frame is taken without a compare-and-swap",
		"the slot is emptied before it is read",
		"the count of returns goes first",
	} {
		m := model{slots: 1, frames: 3, mistake: mistake}
		if mistake == "words without a lap" {
			m.slots, m.frames = 2, 4 // with one slot the newest is the oldest
		}
		n, wrong := m.check()
		if wrong == "" {
			t.Errorf("%s: not found in %d states", mistake, n)
		} else {
			t.Logf("%s: found after %d states: %.120s", mistake, n, wrong)
		}
	}
}
