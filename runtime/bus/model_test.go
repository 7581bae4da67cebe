package bus_test

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/pool"
)

// The model does with slices what the bus does with queues, batches and counts.

type modelEvent struct {
	id, order, sequence int
	topic               string
	size                int64
	lagged              uint64
}

type modelSub struct {
	o                                     bus.SubOptions
	s                                     *bus.Sub[pool.Buf]
	topic                                 string // "" for both
	queue, batch                          []modelEvent
	seen                                  int
	gap, tail                             uint64
	offered, delivered, lagged, discarded uint64
	bytes                                 uint64 // of what was delivered
	closed                                bool
}

type modelTopic struct {
	topic     *bus.Topic[pool.Buf]
	o         bus.Options
	name      string
	published int
	history   []modelEvent
}

type model struct {
	t      *testing.T
	bus    bus.Bus
	topics []*modelTopic
	subs   []*modelSub
	pools  []*pool.Pool
	order  int
	ended  bool             // then closed topics have forgotten their subscribers
	kept   map[int]pool.Buf // retained by subscribers
}

func bytesOf(events []modelEvent) (n int64) {
	for _, e := range events {
		n += e.size
	}
	return n
}

func (m *modelSub) limit() (events int, bytes int64) {
	events, bytes = m.o.Events, m.o.Bytes
	switch {
	case m.o.Policy == bus.Latest:
		events = 1
	case events == 0 && bytes == 0:
		events = 64
	case events == 0:
		events = 1 << 24
	}
	if bytes == 0 {
		bytes = 1 << 62
	}
	return events, bytes
}

func (m *modelSub) fits(size int64) bool {
	events, bytes := m.limit()
	return len(m.queue) < events && bytesOf(m.queue)+size <= bytes
}

func (m *modelSub) push(e modelEvent) {
	m.offered++
	_, bytes := m.limit()
	if !m.fits(e.size) && (m.o.Policy == bus.DropNewest || e.size > bytes) {
		m.lagged++
		m.tail++
		return
	}
	for !m.fits(e.size) {
		m.gap += 1 + m.queue[0].lagged
		m.lagged++
		m.queue = m.queue[1:]
	}
	e.lagged, m.tail = m.tail, 0
	m.queue = append(m.queue, e)
}

func (m *modelSub) next() (modelEvent, bool) {
	if m.seen == len(m.batch) {
		most, bytes := m.o.Batch, int64(1)<<62
		if most == 0 {
			most, bytes = 64, 16<<10
		}
		n := 0
		for n < len(m.queue) && n < most && (n == 0 || bytesOf(m.queue[:n]) < bytes) {
			n++
		}
		m.batch, m.queue, m.seen = m.queue[:n:n], m.queue[n:], 0
		if n == 0 {
			return modelEvent{}, false
		}
		m.batch[0].lagged += m.gap
		m.gap = 0
		m.delivered += uint64(n)
		m.bytes += uint64(bytesOf(m.batch))
	}
	m.seen++
	return m.batch[m.seen-1], true
}

// modelPools are for all models of a test, because 32 bits have no room for a pool of each.
func modelPools(t *testing.T) []*pool.Pool {
	var pools []*pool.Pool
	for _, size := range []int{100, 5000, 20000} {
		pools = append(pools, newPool(t, size, 512))
	}
	return pools
}

func newModel(t *testing.T, pools []*pool.Pool, random *rand.Rand) *model {
	m := &model{t: t, pools: pools, kept: make(map[int]pool.Buf)}
	for _, name := range []string{"a.x", "a.y"} {
		mt := &modelTopic{name: name, o: bus.Options{History: random.IntN(6), HistoryBytes: int64(random.IntN(3)) * 9000}}
		var err error
		if mt.topic, err = bus.Open[pool.Buf](&m.bus, name, mt.o); err != nil {
			t.Fatal(err)
		}
		m.topics = append(m.topics, mt)
	}
	return m
}

func (m *model) publish(mt *modelTopic, p *pool.Pool, withContext bool) {
	b, err := p.Get()
	if err != nil {
		m.t.Fatal(err)
	}
	defer b.Release()
	size := int64(b.Cap())
	if withContext {
		for _, s := range m.subs {
			_, bytes := s.limit()
			if !s.closed && (s.topic == "" || s.topic == mt.name) && s.o.Policy == bus.Block && !s.fits(size) && size <= bytes {
				return // it would wait
			}
		}
		err = mt.topic.PublishContext(context.Background(), b)
	} else {
		err = mt.topic.Publish(b)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	b.SetUser(uint32(m.order))
	e := modelEvent{id: m.order, order: m.order, sequence: mt.published, topic: mt.name, size: size}
	m.order++
	mt.published++
	for _, s := range m.subs {
		if !s.closed && (s.topic == "" || s.topic == mt.name) {
			s.push(e)
		}
	}
	if o := mt.o; (o.History > 0 || o.HistoryBytes > 0) && (o.HistoryBytes == 0 || size <= o.HistoryBytes) {
		mt.history = append(mt.history, e)
		for o.History > 0 && len(mt.history) > o.History || o.HistoryBytes > 0 && bytesOf(mt.history) > o.HistoryBytes {
			mt.history = mt.history[1:]
		}
	}
}

func (m *model) subscribe(which int, o bus.SubOptions) {
	s := &modelSub{o: o}
	var last []modelEvent
	var err error
	if which < len(m.topics) {
		mt := m.topics[which]
		s.topic = mt.name
		s.s, err = mt.topic.Subscribe(o)
		last = mt.history
	} else {
		s.s, err = bus.Match[pool.Buf](&m.bus, "a.*", o)
		x, y := m.topics[0].history, m.topics[1].history
		for len(x)+len(y) > 0 {
			if len(y) == 0 || len(x) > 0 && x[0].order < y[0].order {
				last, x = append(last, x[0]), x[1:]
			} else {
				last, y = append(last, y[0]), y[1:]
			}
		}
	}
	if err != nil {
		m.t.Fatal(err)
	}
	for _, e := range last[max(0, len(last)-o.Last):] {
		s.push(e)
	}
	m.subs = append(m.subs, s)
}

func (m *model) receive(s *modelSub, keep bool) {
	want, some := s.next()
	if s.closed {
		some = false
	}
	ev, ok := s.s.TryNext()
	if ok != some {
		m.t.Fatalf("an event: %t, want %t (%+v)", ok, some, want)
	}
	if !ok {
		return
	}
	got := modelEvent{id: int(ev.Value.User()), order: want.order, sequence: int(ev.Sequence), topic: ev.Topic, size: int64(ev.Value.Cap()), lagged: ev.Lagged}
	if got != want {
		m.t.Fatalf("got %+v, want %+v", got, want)
	}
	if _, has := m.kept[got.id]; keep && !has {
		m.kept[got.id] = ev.Value.Retain()
	}
}

func (m *model) close(s *modelSub) {
	s.s.Close()
	if s.closed {
		return
	}
	s.closed = true
	unseen := uint64(len(s.batch) - s.seen)
	s.delivered -= unseen
	s.bytes -= uint64(bytesOf(s.batch[s.seen:]))
	s.discarded += unseen + uint64(len(s.queue))
	s.queue, s.batch, s.seen = nil, nil, 0
}

// check compares what all hold and have counted, and that no other buffer is out.
func (m *model) check() {
	live := make(map[int]bool)
	add := func(events []modelEvent) {
		for _, e := range events {
			live[e.id] = true
		}
	}
	for _, mt := range m.topics {
		add(mt.history)
		if st := mt.topic.Stats(); st.Published != uint64(mt.published) || st.History != len(mt.history) {
			m.t.Fatalf("%+v, want %d in the history", st, len(mt.history))
		}
	}
	there, listed, bytes := map[uint64]bus.SubStats{}, m.bus.Subscribers(), uint64(0)
	for _, s := range m.subs {
		add(s.queue)
		add(s.batch)
		bytes += s.bytes
		source := cmp.Or(s.topic, "a.*")
		want := bus.SubStats{
			ID: s.s.Stats().ID, Topic: source, Name: s.s.Stats().Name, Policy: s.o.Policy, Offered: s.offered, Delivered: s.delivered, Lagged: s.lagged, Discarded: s.discarded,
			Waiting: len(s.queue), BytesWaiting: bytesOf(s.queue), BytesHeld: bytesOf(s.queue) + bytesOf(s.batch),
		}
		if got := s.s.Stats(); got != want {
			m.t.Fatalf("got  %+v\nwant %+v", got, want)
		} else if _, taken := there[got.ID]; taken {
			m.t.Fatalf("two subscribers have the ID %d", got.ID)
		} else if !s.closed {
			there[got.ID] = got
		}
	}
	for i, st := range listed {
		if st != there[st.ID] || i > 0 && st.ID <= listed[i-1].ID {
			m.t.Fatalf("listed as %+v, is %+v", st, there[st.ID])
		}
	}
	if len(listed) != len(there) && !m.ended {
		m.t.Fatalf("%d subscribers are listed, %d are there", len(listed), len(there))
	}
	for _, mt := range m.topics {
		bytes -= mt.topic.Stats().BytesDelivered
	}
	if bytes != 0 {
		m.t.Fatalf("the topics' delivered bytes are %d off", int64(bytes))
	}
	held := len(live)
	for id := range m.kept {
		live[id] = true
	}
	out, bus := 0, 0
	for _, p := range m.pools {
		out += p.Stats().Outstanding
	}
	for _, mt := range m.topics {
		bus += mt.topic.Stats().Held
	}
	if out != len(live) || bus != held {
		m.t.Fatalf("%d buffers are out, want %d; the topics hold %d, want %d", out, len(live), bus, held)
	}
}

func (m *model) run(random *rand.Rand, steps int) {
	for range steps {
		switch k := random.IntN(20); {
		case k < 8:
			m.publish(m.topics[random.IntN(2)], m.pools[random.IntN(3)], random.IntN(2) == 0)
		case k < 17 && len(m.subs) > 0:
			m.receive(m.subs[random.IntN(len(m.subs))], random.IntN(10) == 0)
		case k == 17 && len(m.subs) < 10:
			m.subscribe(random.IntN(3), bus.SubOptions{
				Policy: bus.Policy(random.IntN(4)), Events: random.IntN(6), Bytes: int64(random.IntN(4)) * 6000,
				Last: random.IntN(5), Batch: random.IntN(4),
			})
		case k == 18 && len(m.subs) > 0 && random.IntN(5) == 0:
			m.close(m.subs[random.IntN(len(m.subs))])
		case k == 19:
			for id, b := range m.kept {
				b.Release()
				delete(m.kept, id)
				break
			}
		}
		m.check()
	}
	// The end: what waits is still got, then nothing.
	m.bus.Close()
	m.ended = true
	for _, mt := range m.topics {
		mt.history = nil
	}
	m.check()
	for _, s := range m.subs {
		for !s.closed && len(s.queue)+len(s.batch)-s.seen > 0 {
			m.receive(s, false)
		}
		s.next()
		if _, err := s.s.Next(context.Background()); !errors.Is(err, bus.ErrClosed) {
			m.t.Fatalf("Next at the end: %v", err)
		}
	}
	m.check()
	for id, b := range m.kept {
		b.Release()
		delete(m.kept, id)
	}
	m.check()
	if err := m.bus.Drain(context.Background()); err != nil {
		m.t.Fatal(err)
	}
}

// Whatever is done in whatever order, the bus does as the model does.
func TestModel(t *testing.T) {
	runs := 300
	if testing.Short() {
		runs = 60
	}
	pools := modelPools(t)
	for seed := range uint64(runs) {
		random := rand.New(rand.NewPCG(seed, 1))
		newModel(t, pools, random).run(random, 200)
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

// tape is a source of numbers that a fuzzer can steer: each byte decides one thing.
type tape struct {
	bytes []byte
	rest  *rand.PCG
}

func (t *tape) Uint64() uint64 {
	if len(t.bytes) == 0 {
		return t.rest.Uint64()
	}
	b := t.bytes[0]
	t.bytes = t.bytes[1:]
	return uint64(b)<<56 | 1<<55 // not exactly on an edge between two outcomes
}

func FuzzModel(f *testing.F) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 2))
		b := make([]byte, 300)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		random := rand.New(&tape{b, rand.NewPCG(1, 1)})
		newModel(t, modelPools(t), random).run(random, 10+len(b)/3)
	})
}
