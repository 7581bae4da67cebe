package ring_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
)

// An explicit-state check of the frame ring: a writer, the one that takes over when it is killed, and readers, over as many places as frames; every
// interleaving, a kill of the writer before each of its steps, and the memory order of a weak machine. What the writer stores goes into
// a buffer. From there a plain store comes to memory at any time; a release store (an atomic one in Go, STLR on arm64) comes after all that were
// before it, but what is stored later may overtake it; a load that follows it (LDAR) waits for it. A reader's plain loads happen in any
// order after the acquire loads before them; a release store, its fence, comes after them. What a killed writer had stored still comes to memory.

const (
	fmFrames  = 4 // at most, frames and places
	fmReaders = 2 // at most
	fmOldest  = 0 // addresses
	fmNext    = 1
	fmEntry   = 2
	fmPayload = fmEntry + fmFrames
	fmSecond  = fmPayload + fmFrames // the other half of a payload
	fmWords   = fmSecond + fmFrames
)

// Steps of the writer.
const (
	fwIdle = iota
	fwFence
	fwPayload
	fwSecond
	fwEntry
	fwNext
	fwDead
	fwDone
)

// Steps of a reader.
const (
	frOldest = iota
	frNext
	frLoads
	frAgain
	frJudge
)

type fmStore struct {
	at, value uint8
	release   bool
}

type fmReader struct {
	pc, pos, oldest uint8
	got             [3]uint8 // entry, payload, its other half; fmPending: not loaded yet
	again           uint8
}

const fmPending = 255

type fmState struct {
	mem    [fmWords]uint8
	buffer [7]fmStore // what the writer stored, oldest first
	stored uint8

	pc, next, oldest, self uint8 // of the writer
	content                [2 * fmFrames]uint8
	r                      [fmReaders]fmReader
}

type frameModel struct {
	places, frames, readers, writers uint8
	mistake                          string
}

// value is what writer self makes of frame n: never 0.
func fmValue(n, self uint8) uint8 { return (n+1)<<1 | self }

func (m *frameModel) steps(s fmState) (next []fmState) {
	// Something comes to memory.
	for i := range s.stored {
		st := s.buffer[i]
		free := true
		for _, before := range s.buffer[:i] {
			free = free && !st.release && before.at != st.at
		}
		if !free {
			continue
		}
		n := s
		n.mem[st.at] = st.value
		copy(n.buffer[i:], s.buffer[i+1:])
		n.buffer[len(n.buffer)-1] = fmStore{}
		n.stored--
		next = append(next, n)
	}
	next = append(next, m.write(s)...)
	for i := range m.readers {
		next = append(next, m.read(s, i)...)
	}
	return next
}

func (m *frameModel) write(s fmState) (next []fmState) {
	to := func(pc uint8, change func(*fmState)) {
		n := s
		n.pc = pc
		if change != nil {
			change(&n)
		}
		next = append(next, n)
	}
	put := func(n *fmState, at, value uint8, release bool) {
		n.buffer[n.stored] = fmStore{at, value, release}
		n.stored++
	}
	if int(s.stored) == len(s.buffer) {
		return nil // it waits for its buffer
	}
	at := s.next % m.places
	v := fmValue(s.next, s.self)
	oldest := func(n *fmState) {
		if o := s.next + 1 - min(m.places, s.next+1); o != s.oldest {
			n.oldest = o
			put(n, fmOldest, o, true)
		}
	}
	switch s.pc {
	case fwIdle:
		if s.next == m.frames {
			if s.stored == 0 {
				to(fwDone, nil)
			}
			return next
		}
		to(fwFence, func(n *fmState) {
			if m.mistake != "oldest moves after the payload" {
				oldest(n)
			}
		})
	case fwFence:
		for _, st := range s.buffer[:s.stored] {
			if st.release && m.mistake != "no load follows the store of oldest" {
				return nil // only a release store can be waited for, and it comes by itself
			}
		}
		to(fwPayload, nil)
	case fwPayload:
		to(fwSecond, func(n *fmState) { put(n, fmPayload+at, v, false) })
	case fwSecond:
		to(fwEntry, func(n *fmState) {
			put(n, fmSecond+at, v, false)
			if m.mistake == "oldest moves after the payload" {
				oldest(n)
			}
		})
	case fwEntry:
		to(fwNext, func(n *fmState) {
			if m.mistake == "next moves before the entry" {
				put(n, fmNext, s.next+1, true)
				n.content[s.next] = v
				return
			}
			put(n, fmEntry+at, s.next+1, false)
		})
	case fwNext:
		to(fwIdle, func(n *fmState) {
			if m.mistake == "next moves before the entry" {
				put(n, fmEntry+at, s.next+1, false)
			} else {
				put(n, fmNext, s.next+1, m.mistake != "next is a plain store")
			}
			n.content[s.next] = v
			n.next++
		})
	case fwDead:
		if s.self+1 < m.writers && s.stored == 0 { // the lock, and the kernel, order what the dead one did
			to(fwIdle, func(n *fmState) {
				n.self++
				n.next, n.oldest = s.mem[fmNext], s.mem[fmOldest]
				switch m.mistake {
				case "who takes over goes by next alone":
					n.oldest = n.next - min(n.next, m.places)
					n.mem[fmOldest] = n.oldest
				case "who takes over repeats the last number":
					n.next -= min(n.next, 1)
				}
			})
		}
		return next
	default:
		return nil
	}
	if s.self+1 < m.writers {
		to(fwDead, func(n *fmState) { n.next, n.oldest = 0, 0 })
	}
	return next
}

func (m *frameModel) read(s fmState, i uint8) (next []fmState) {
	to := func(pc uint8, change func(*fmReader)) {
		n := s
		n.r[i].pc = pc
		change(&n.r[i])
		next = append(next, n)
	}
	r := s.r[i]
	at := r.pos % m.places
	none := [3]uint8{fmPending, fmPending, fmPending}
	load := func(pc uint8) {
		for j, from := range [...]uint8{fmEntry, fmPayload, fmSecond} {
			if r.got[j] == fmPending {
				to(pc, func(r *fmReader) { r.got[j] = s.mem[from+at] })
			}
		}
	}
	switch r.pc {
	case frOldest:
		if o := s.mem[fmOldest]; s.mem[fmNext] > r.pos || o > r.pos { // otherwise it goes round without a change
			to(frNext, func(r *fmReader) { r.oldest = o })
		}
	case frNext:
		n := s.mem[fmNext]
		to(frOldest, func(r *fmReader) {
			r.pos = max(r.pos, r.oldest, n-min(n, m.places))
			r.oldest = 0
			if r.pos < n {
				r.pc, r.got = frLoads, none
			}
		})
	case frLoads:
		load(frLoads)
		whole := len(next) == 0
		if whole || m.mistake == "a reader looks again without a fence" {
			to(frAgain, func(r *fmReader) {
				r.again = s.mem[fmOldest]
				if m.mistake == "a reader does not look again" {
					r.again = 0
				}
			})
		}
	case frAgain:
		load(frAgain)
		if len(next) == 0 {
			to(frOldest, func(r *fmReader) {
				if r.again > r.pos {
					r.pos = r.again
				} else {
					r.pos++
				}
				r.got, r.again = [3]uint8{}, 0
			})
		}
	}
	return next
}

func (m *frameModel) wrong(s fmState, final bool) string {
	for i, r := range s.r[:m.readers] {
		if r.pc == frAgain && r.again <= r.pos && r.got[0] != fmPending && r.got[1] != fmPending && r.got[2] != fmPending {
			if r.got[0] != r.pos+1 {
				return fmt.Sprintf("reader %d finds the entry of frame %d at frame %d", i, int(r.got[0])-1, r.pos)
			}
			if v := s.content[r.pos]; r.got[1] != v || r.got[2] != v {
				return fmt.Sprintf("reader %d has frame %d as %d and %d, and it was published as %d", i, r.pos, r.got[1], r.got[2], v)
			}
		}
		if final && (s.pc == fwDone || s.pc == fwDead) && r.pos != s.mem[fmNext] {
			return fmt.Sprintf("reader %d ends at frame %d of %d", i, r.pos, s.mem[fmNext])
		}
	}
	if final && s.pc != fwDone && s.pc != fwDead {
		return fmt.Sprintf("the writer stands still at step %d", s.pc)
	}
	return ""
}

func (m *frameModel) check() (int, string) {
	return testutil.Explore(fmState{}, m.steps, m.wrong)
}

// TestFrameProtocol goes through every interleaving and order of memory. POOLGEN_LONG=1 has more frames.
func TestFrameProtocol(t *testing.T) {
	models := []frameModel{
		{places: 2, frames: 3, readers: 1, writers: 2},
		{places: 2, frames: 4, readers: 1, writers: 2},
		{places: 2, frames: 3, readers: 2, writers: 2},
	}
	if testing.Short() || runtime.GOARCH == "arm" {
		models = models[:1] // emulated; nothing depends on the target
	}
	if os.Getenv("POOLGEN_LONG") == "1" {
		models = append(models, frameModel{places: 2, frames: 4, readers: 2, writers: 2}, frameModel{places: 3, frames: 4, readers: 1, writers: 2})
	}
	for _, m := range models {
		n, wrong := m.check()
		if wrong != "" {
			t.Errorf("%+v: after %d states: %s", m, n, wrong)
		}
		t.Logf("%+v: %d states", m, n)
	}
}

// TestFrameProtocolMistakes puts mistakes into it: the check finds each.
func TestFrameProtocolMistakes(t *testing.T) {
	for mistake, fault := range map[string]string{
		"oldest moves after the payload":         "reader",
		"no load follows the store of oldest":    "reader",
		"next moves before the entry":            "finds the entry",
		"next is a plain store":                  "reader",
		"a reader does not look again":           "reader",
		"a reader looks again without a fence":   "reader",
		"who takes over goes by next alone":      "reader",
		"who takes over repeats the last number": "published as",
	} {
		m := frameModel{places: 2, frames: 4, readers: 1, writers: 2, mistake: mistake}
		n, wrong := m.check()
		if !strings.Contains(wrong, fault) {
			t.Errorf("%s: in %d states is found %q, not %q", mistake, n, wrong, fault)
		} else {
			t.Logf("%s: found after %d states: %.100s", mistake, n, wrong)
		}
	}
}
