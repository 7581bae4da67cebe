package store

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/poolgen/poolgen/runtime/pool"
)

// model is what a store must do, done simply.
type model struct {
	t     *testing.T
	rng   *rand.Rand
	p     *pool.Pool
	o     Options
	s     *Store
	order []ID // as they were put
	time  map[ID]int64
	size  map[ID]int
	gone  map[ID]bool // not found once, so never again
	pins  map[string]Pin
	held  map[ID]bool // pinned ones that must be there
	clock int64
}

// Random operations on a store and on a model of it agree.
func TestModel(t *testing.T) {
	p := newPool(t, 256, 64)
	for seed := range rounds(15, 1000) {
		rng := rand.New(rand.NewPCG(uint64(seed), 11))
		m := &model{
			t: t, rng: rng, p: p, time: map[ID]int64{}, size: map[ID]int{}, gone: map[ID]bool{}, pins: map[string]Pin{}, held: map[ID]bool{},
			o: Options{
				fs: newMemory(rng), Pool: p, Hot: int64(4+rng.IntN(30)) * 256, HotFrames: 4 << rng.IntN(5), Segment: 4 << 10,
				Warm: int64(rng.IntN(20 << 10)), Flush: 1, Keep: Keep{Frames: 40 + rng.IntN(300)},
			},
		}
		if seed%2 == 1 {
			m.o.Bucket = newShelf()
		}
		m.s = must(Open(m.o))
		for range 600 {
			switch n := rng.IntN(100); {
			case n < 60:
				m.put()
			case n < 80:
				m.get()
			case n < 84:
				m.scan()
			case n < 90:
				m.pin()
			case n < 94:
				m.unpin()
			case n < 96:
				m.sync()
			case n < 98:
				m.s.SetHot(int64(4+rng.IntN(30)) * 256)
			default:
				m.reopen()
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		m.sync()
		settle(t, m.s)
		m.most()
		for i := range m.order {
			m.look(m.order[i])
		}
		if err := m.s.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func (m *model) sync() {
	if err := m.s.Sync(context.Background()); err != nil {
		m.t.Errorf("syncing: %v", err)
	}
}

func (m *model) reopen() {
	if err := m.s.Close(); err != nil {
		m.t.Errorf("closing: %v", err)
	}
	m.s = must(Open(m.o)) // open would hold it until the end of the test
	if r := m.s.Recovery(); r.Cut != 0 || r.Damaged != 0 || r.Unsealed != 0 {
		m.t.Errorf("recovery is %+v", r)
	}
}

func (m *model) put() {
	m.clock += int64(m.rng.IntN(3))
	if m.rng.IntN(50) == 0 {
		m.clock = max(0, m.clock-int64(m.rng.IntN(40))) // the clock jumps
	}
	n := m.rng.IntN(257)
	var id ID
	mustPutOrSync(m.t, m.s, func() (err error) { id, err = put(m.t, m.s, m.p, n, m.clock); return err })
	if k := len(m.order); k > 0 && id <= m.order[k-1] {
		m.t.Errorf("ID %d comes after %d", id, m.order[k-1])
	}
	m.order = append(m.order, id)
	m.time[id], m.size[id] = m.clock, n
	if m.covered(m.clock) {
		m.held[id] = true
	}
}

func (m *model) covered(at int64) bool {
	for _, p := range m.pins {
		if at >= p.From && at < p.To {
			return true
		}
	}
	return false
}

// must reports whether a frame has to be there: it is among the newest, or pinned since it was there.
func (m *model) must(id ID) bool {
	return m.held[id] || len(m.order) <= m.o.Keep.Frames || id >= m.order[len(m.order)-m.o.Keep.Frames]
}

// look gets a frame and checks it.
func (m *model) look(id ID) bool {
	f, err := m.s.Get(context.Background(), id)
	if errors.Is(err, ErrNotFound) {
		if m.must(id) {
			m.t.Errorf("frame %d is gone, of %d; it is pinned: %v", id, len(m.order), m.held[id])
		}
		m.gone[id] = true
		return false
	}
	if err != nil {
		m.t.Errorf("getting %d: %v", id, err)
		return false
	}
	if m.gone[id] && !m.must(id) {
		m.t.Errorf("frame %d is there again", id)
	}
	check(m.t, f, m.size[id], m.time[id])
	f.Release()
	return true
}

func (m *model) get() {
	if len(m.order) == 0 || m.rng.IntN(10) == 0 {
		id := ID(m.rng.Uint64())
		if _, ok := m.time[id]; !ok {
			if _, err := m.s.Get(context.Background(), id); !errors.Is(err, ErrNotFound) {
				m.t.Errorf("getting what never was: %v", err)
			}
		}
		return
	}
	m.look(m.order[m.rng.IntN(len(m.order))])
}

func (m *model) scan() {
	from := int64(m.rng.IntN(int(m.clock) + 2))
	to := from + int64(m.rng.IntN(100))
	if m.rng.IntN(4) == 0 {
		from, to = math.MinInt64, math.MaxInt64
	}
	seen := map[ID]bool{}
	last := ID(0)
	for f, err := range m.s.Range(context.Background(), from, to) {
		if err != nil {
			m.t.Errorf("range: %v", err)
			return
		}
		at, ok := m.time[f.ID]
		if !ok || f.ID <= last || at < from || at >= to || m.gone[f.ID] {
			m.t.Errorf("range from %d to %d: frame %d after %d, put at %d (%v)", from, to, f.ID, last, at, ok)
		}
		check(m.t, f, m.size[f.ID], at)
		f.Release()
		last = f.ID
		seen[f.ID] = true
	}
	for _, id := range m.order {
		if at := m.time[id]; at >= from && at < to && !seen[id] {
			if m.must(id) {
				m.t.Errorf("range from %d to %d leaves frame %d out, put at %d", from, to, id, at)
			}
			m.gone[id] = true
		}
	}
}

func (m *model) pin() {
	name := string(rune('a' + m.rng.IntN(3)))
	from := max(0, m.clock-int64(m.rng.IntN(100)))
	p := Pin{name, from, from + 1 + int64(m.rng.IntN(60))}
	if err := m.s.Pin(name, p.From, p.To); err != nil {
		m.t.Errorf("pinning: %v", err)
	}
	m.pins[name] = p
	m.repin()
	for _, id := range m.order {
		if at := m.time[id]; at >= p.From && at < p.To && !m.gone[id] && m.look(id) {
			m.held[id] = true
		}
	}
}

// repin lets go of frames that no pin has any more.
func (m *model) repin() {
	for id := range m.held {
		if !m.covered(m.time[id]) {
			delete(m.held, id)
		}
	}
}

func (m *model) unpin() {
	for name := range m.pins {
		if err := m.s.Unpin(name); err != nil {
			m.t.Errorf("unpinning: %v", err)
		}
		delete(m.pins, name)
		m.repin()
		return
	}
}

// most checks that retention takes frames, not only that it leaves some.
func (m *model) most() {
	m.s.SetHot(256)
	n := 0
	for f, err := range m.s.Range(context.Background(), math.MinInt64, math.MaxInt64) {
		if err != nil {
			m.t.Errorf("range: %v", err)
			return
		}
		if !m.covered(f.Time) {
			n++
		}
		f.Release()
	}
	// A segment that is pinned in part counts for nothing, and each session may leave one that is small; frames in one: at most 93.
	if most := m.o.Keep.Frames + 2*93 + 93*len(m.pins); n > most {
		m.t.Errorf("%d frames are there, of %d; Keep.Frames is %d", n, len(m.order), m.o.Keep.Frames)
	}
}
