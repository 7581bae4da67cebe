package top

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
)

// lap is how many lives a block's generation counts before it begins again at 1.
const lap = 1<<32 - 1

// follow brings ages and rates up to date after a look.
func (m *memory) follow() {
	switch l := m.look.(type) {
	case *arenaLook:
		if m.age.id != l.id {
			m.rates = rates{}
		}
		m.age.update(l)
		acquired, released, _, _ := l.lives()
		m.rates.update(l.from, math.MaxUint64, acquired, released)
	case *channelLook:
		m.rates.update(l.at, math.MaxUint32, uint64(l.tail-l.dropped), uint64(l.returned), uint64(l.lost))
	}
}

// arena is what was seen of a pool, or nil. A pool that was closed when nothing was in use is over: its program keeps the headers mapped, for
// handles that are still around.
func (m *memory) arena() *arenaLook {
	l, ok := m.look.(*arenaLook)
	if !ok {
		return nil
	}
	if acquired, released, _, _ := l.lives(); m.use.fd < 0 && l.attention&attentionClosed != 0 && acquired == released {
		return nil
	}
	return l
}

// lives sums over the blocks as pool.Stats does. joined counts external blocks among acquired, held those of them in use.
func (l *arenaLook) lives() (acquired, released, joined uint64, held uint32) {
	released = uint64(l.wraps) * lap
	opened := len(l.blocks) - int(l.external)
	out := uint64(0)
	for i := range l.blocks {
		b := &l.blocks[i]
		ended := uint64(b.generation - 1)
		released += ended
		if b.out {
			out++
		}
		if i >= opened {
			joined += ended
			if b.out {
				joined++
				held++
			}
		}
	}
	return released + out, released, joined, held
}

// assemble makes the sample of what was seen.
func (w *Watcher) assemble(now time.Time) *Sample {
	s := &Sample{Version: Version, Time: now, Processes: []Process{}, Pools: []Pool{}, Subscribers: []Subscriber{}, Held: []Held{}, Notes: w.notes, Hidden: w.hidden()}
	w.notes = nil
	slices.Sort(s.Notes)
	if s.Notes == nil {
		s.Notes = []string{}
	}
	if !w.first.IsZero() {
		s.Interval, s.Watched = now.Sub(w.last).Seconds(), now.Sub(w.first).Seconds()
	}
	for _, p := range w.all {
		p.shown = false
	}
	arenas := map[uint64]*memory{}
	for _, m := range w.seen {
		if l := m.arena(); l != nil {
			arenas[l.id] = m
		}
	}
	queued := map[*memory]map[uint32][]int{}
	for file, m := range w.seen {
		if l, ok := m.look.(*channelLook); ok {
			sub := w.subscriber(file, m, l, arenas[l.arena])
			s.Subscribers = append(s.Subscribers, sub)
			w.queue(queued, arenas[l.arena], l, sub.PID)
		}
	}
	for file, m := range w.seen {
		if l := m.arena(); l != nil {
			s.Pools = append(s.Pools, w.pool(file, m, l))
			s.Held = append(s.Held, w.held(m, l, queued[m])...)
		}
	}
	s.Allocators = w.allocators()
	for _, pid := range slices.Sorted(maps.Keys(w.all)) {
		if p := w.all[pid]; p.shown {
			s.Processes = append(s.Processes, Process{pid, p.name, p.uid})
		}
	}
	slices.SortFunc(s.Pools, func(a, b Pool) int {
		return cmp.Or(cmp.Compare(a.maker(), b.maker()), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(s.Subscribers, func(a, b Subscriber) int {
		return cmp.Or(cmp.Compare(a.Publisher, b.Publisher), cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.PID, b.PID), cmp.Compare(a.Returned, b.Returned))
	})
	slices.SortFunc(s.Held, func(a, b Held) int {
		return cmp.Or(-cmp.Compare(a.Age, b.Age), cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Block, b.Block))
	})
	return s
}

func (p *Pool) maker() int { return maker(p.Parts) }

// pool describes an arena.
func (w *Watcher) pool(file sys.File, m *memory, l *arenaLook) Pool {
	acquired, released, joined, held := l.lives()
	p := Pool{
		ID: identity(l.id), Name: m.name,
		Capacity: l.capacity, Stride: l.stride, Max: l.fixed, HighWater: l.opened, Prealloc: l.prealloc,
		External: held, Pending: l.pending, Waiters: l.attention & attentionWaiters, Closed: l.attention&attentionClosed != 0, Debug: l.debug,
		Acquired: acquired, Released: released, InUse: uint32(acquired - released), Joined: joined,
		Misses: l.misses, Refusals: l.refusals, Stale: l.stale, Saturated: l.saturations, Budget: l.budget,
		Gets: m.rates.per[0], Releases: m.rates.per[1],
	}
	p.Grown = uint64(max(l.opened, l.prealloc) - l.prealloc)
	p.Hits = acquired - min(acquired, joined+p.Grown)
	p.BytesInUse = uint64(p.InUse-held) * uint64(l.stride)
	p.BytesCommitted = l.payloadOffset + uint64(l.stride)*uint64(max(l.opened, l.prealloc))
	busy := uint32(0)
	for i := range l.blocks {
		b := &l.blocks[i]
		if b.damaged {
			p.Damaged++
		}
		if b.kept() && l.index(i) < l.fixed {
			busy++
		}
		if b.out {
			p.Oldest = max(p.Oldest, m.age.of(i, l).Seconds())
		}
	}
	p.Free = l.fixed - busy
	p.Parts = w.parts(file)
	return p
}

func identity(id uint64) string { return fmt.Sprintf("%016x", id) }

// held lists the blocks of an arena that have been in use for long.
func (w *Watcher) held(m *memory, l *arenaLook, queued map[uint32][]int) []Held {
	if w.o.Leaks <= 0 {
		return nil
	}
	var list []Held
	for i := range l.blocks {
		b := &l.blocks[i]
		age := m.age.of(i, l)
		if !b.kept() || age < w.o.Leaks {
			continue
		}
		n := l.index(i)
		h := Held{
			PoolID: identity(l.id), Pool: m.name, Block: n, External: n >= l.fixed, References: b.references, Saturated: b.saturated,
			Generation: b.generation, Age: age.Seconds(), Queued: queued[n],
		}
		if h.Queued == nil {
			h.Queued = []int{}
		}
		slices.Sort(h.Queued)
		list = append(list, h)
	}
	return list
}

// queue notes the blocks that wait for a subscriber.
func (w *Watcher) queue(queued map[*memory]map[uint32][]int, arena *memory, l *channelLook, pid int) {
	if arena == nil {
		return
	}
	a := arena.look.(*arenaLook)
	for _, at := range l.offsets {
		if at < a.payloadOffset || (at-a.payloadOffset)/uint64(a.stride) >= uint64(a.fixed) {
			continue
		}
		if queued[arena] == nil {
			queued[arena] = map[uint32][]int{}
		}
		i := uint32((at - a.payloadOffset) / uint64(a.stride))
		queued[arena][i] = append(queued[arena][i], pid)
	}
}

// subscriber describes a channel. arena may be nil.
func (w *Watcher) subscriber(file sys.File, m *memory, l *channelLook, arena *memory) Subscriber {
	s := Subscriber{
		Policy: "unknown", Slots: l.slots, Waiting: l.full, Taking: l.taken, Returned: l.returned,
		Asleep: l.asleep, Blocks: l.waiting, Leaving: l.leaving, Ended: l.closed,
		GivenRate: m.rates.per[0], ReturnedRate: m.rates.per[1], LostRate: m.rates.per[2],
	}
	// The channel says who subscribes, if the publisher sees the numbers of processes that we see. Otherwise: the publisher keeps the
	// descriptor, the subscriber closes it. In one process both map it.
	users := w.users(file)
	told := slices.IndexFunc(users, func(p *process) bool { return p.pid == int(l.pid) && l.pid != 0 })
	for i, p := range users {
		p.shown = true
		u := p.uses[file]
		if s.Publisher == 0 && (i != told && u.fd >= 0 || u.fd >= 0 && u.maps > 1) {
			s.Publisher, s.PublisherAs = p.pid, p.name
			if u.maps < 2 {
				continue
			}
		}
		if i == told || s.PID == 0 && told < 0 {
			s.PID, s.Name = p.pid, p.name
		}
	}
	if l.arena == 0 {
		s.LostRate, s.GivenRate = nil, nil
		return s
	}
	s.PoolID = identity(l.arena)
	if arena != nil {
		s.Pool = arena.name
	}
	if s.PID == 0 {
		s.PID = int(l.pid)
	}
	if names := policies(); int(l.policy) < len(names) {
		s.Policy = names[l.policy]
	}
	given, lost := l.tail-l.dropped, l.lost
	holds := given - l.returned
	if int32(holds) < 0 {
		holds = 0 // it gave back more than it has: its publisher throws it out
	}
	s.Given, s.Lost, s.Holds = &given, &lost, &holds
	return s
}
