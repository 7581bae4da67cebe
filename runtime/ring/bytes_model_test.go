package ring_test

import (
	"fmt"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
)

// A check of the data of a byte ring: its two counters and its bytes, with the memory order of a weak machine as in the check of frame rings, and
// another process that takes a side over when its process is killed. Who sleeps is another check's.

const (
	bmSize  = 2
	bmTotal = 5
	bmTail  = bmSize // addresses: the bytes come first
	bmHead  = bmSize + 1
)

// bmState has both sides' own memory and the ring. The producer's stores wait in a buffer.
type bmState struct {
	mem              [bmSize + 2]uint8 // counters go modulo twice the size
	buffer           [4]fmStore
	stored           uint8
	pos, seen, self  [2]uint8 // producer, consumer
	dead             [2]bool
	wrote, read      uint8 // frames in all: what the check knows
	loading, pending bool  // the consumer is at a byte; it has not come yet
	got              uint8
}

type bytesModel struct{ mistake string }

func bmDistance(a, b uint8) uint8 { return (b + 2*bmSize - a) % (2 * bmSize) }

func (m bytesModel) steps(s bmState) (next []bmState) {
	add := func(change func(*bmState)) {
		n := s
		change(&n)
		next = append(next, n)
	}
	for i := range s.stored {
		st := s.buffer[i]
		if st.release && i > 0 {
			continue
		}
		same := false
		for _, before := range s.buffer[:i] {
			same = same || before.at == st.at
		}
		if same {
			continue
		}
		add(func(n *bmState) {
			n.mem[st.at] = st.value
			copy(n.buffer[i:], s.buffer[i+1:])
			n.buffer[len(n.buffer)-1] = fmStore{}
			n.stored--
		})
	}
	put := func(n *bmState, st fmStore) { n.buffer[n.stored] = st; n.stored++ }

	// The producer: a byte, then the counter; each of the byte's steps is one.
	switch {
	case s.dead[0]:
		if s.self[0] == 0 && s.stored == 0 {
			add(func(n *bmState) {
				n.dead[0], n.self[0] = false, 1
				n.pos[0], n.seen[0] = s.mem[bmTail], s.mem[bmHead]
				n.wrote = s.read + bmDistance(s.mem[bmHead], s.mem[bmTail]) // what the check is told of what was published
				if s.loading || s.pending {
					n.wrote = s.read + bmDistance(s.mem[bmHead], s.mem[bmTail])
				}
			})
		}
	case int(s.stored)+2 > len(s.buffer):
	default:
		if s.wrote < bmTotal {
			room := bmSize - bmDistance(s.seen[0], s.pos[0])
			if m.mistake == "the producer does not look for room" {
				room = 1
			}
			if room == 0 && s.mem[bmHead] != s.seen[0] {
				add(func(n *bmState) { n.seen[0] = s.mem[bmHead] })
			}
			if room > 0 {
				add(func(n *bmState) {
					b, c := fmStore{at: s.pos[0] % bmSize, value: s.wrote + 1}, fmStore{bmTail, (s.pos[0] + 1) % (2 * bmSize), true}
					switch m.mistake {
					case "tail is a plain store":
						c.release = false
					case "tail moves before the byte":
						b, c = c, b
					}
					put(n, b)
					put(n, c)
					n.pos[0] = (s.pos[0] + 1) % (2 * bmSize)
					n.wrote++
				})
				// Killed between the two: the byte is there, and is nobody's.
				if s.self[0] == 0 {
					add(func(n *bmState) {
						put(n, fmStore{at: s.pos[0] % bmSize, value: 99})
						n.dead[0] = true
					})
				}
			}
		}
		if s.self[0] == 0 {
			add(func(n *bmState) { n.dead[0] = true })
		}
	}

	// The consumer: the counter, the byte, its own counter.
	switch {
	case s.dead[1]:
		if s.self[1] == 0 {
			add(func(n *bmState) {
				n.dead[1], n.self[1] = false, 1
				n.pos[1], n.seen[1] = s.mem[bmHead], s.mem[bmTail]
			})
		}
		return next
	case s.pending: // a load comes at any time before the next release store
		add(func(n *bmState) { n.got, n.pending = s.mem[s.pos[1]%bmSize], false })
	}
	switch {
	case !s.loading && bmDistance(s.pos[1], s.seen[1]) > 0:
		add(func(n *bmState) { n.loading, n.pending = true, true })
	case !s.loading && s.mem[bmTail] != s.seen[1]:
		add(func(n *bmState) { n.seen[1] = s.mem[bmTail] })
	case s.loading && !s.pending:
		add(func(n *bmState) {
			n.pos[1] = (s.pos[1] + 1) % (2 * bmSize)
			n.mem[bmHead] = n.pos[1]
			n.loading, n.got = false, 0
			n.read++
		})
	case s.loading && s.pending && m.mistake == "head moves before the byte is read" && s.mem[bmHead] == s.pos[1]:
		add(func(n *bmState) { n.mem[bmHead] = (s.pos[1] + 1) % (2 * bmSize) })
	}
	if s.self[1] == 0 && m.mistake != "head moves before the byte is read" {
		add(func(n *bmState) { n.dead[1], n.loading, n.pending, n.got = true, false, false, 0 })
	}
	return next
}

func (m bytesModel) wrong(s bmState, final bool) string {
	if s.loading && !s.pending && s.got != s.read+1 {
		return fmt.Sprintf("byte %d is read as %d", s.read+1, s.got)
	}
	if final && !s.dead[0] && !s.dead[1] && s.read != bmTotal {
		return fmt.Sprintf("at the end %d are read", s.read)
	}
	return ""
}

// TestBytesProtocol goes through every interleaving, and then through those of mistakes, each of which it finds.
func TestBytesProtocol(t *testing.T) {
	for _, mistake := range []string{
		"", "the producer does not look for room", "tail is a plain store", "tail moves before the byte", "head moves before the byte is read",
	} {
		m := bytesModel{mistake}
		n, wrong := testutil.Explore(bmState{}, m.steps, m.wrong)
		if (wrong != "") != (mistake != "") {
			t.Errorf("%q: in %d states is found %q", mistake, n, wrong)
		}
		t.Logf("%q: %d states: %.100s", mistake, n, wrong)
	}
}
