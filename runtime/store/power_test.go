package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/pool"
)

var (
	errCut   = errors.New("no power")
	errFlaky = errors.New("this sync failed")
	errTest  = errors.New("as the test wants it")
)

// rounds is how often to do something at random: more often when there is time.
func rounds(short, long int) int {
	switch {
	case os.Getenv("POOLGEN_LONG") != "":
		return long
	case testing.Short():
		return short / 3
	}
	return short
}

func contextThatEnds() (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errTest)
	return ctx, cancel
}

// memory is a folder that may lose power at any operation. What was not synced by then has happened or not, each write and each change of a
// name by itself, and writes sector by sector.
type memory struct {
	mu    sync.Mutex
	test  *rand.Rand // the test's goroutine's
	rng   *rand.Rand
	names map[string]*inode // as programs see it
	last  map[string]*inode // what the last Sync left
	todo  []func(map[string]*inode)
	left  int // operations until the power goes; negative: never
	dead  bool
	flaky bool    // a sync may fail, and forget what it was for
	after *memory // what a SIGKILL left
	shelf *shelf  // a bucket, which has power of its own
}

type inode struct {
	data   []byte
	synced []byte
	writes []change
	sure   bool // all writes reach the disk
}

// change is a write, or a truncation if data is nil.
type change struct {
	at   int64
	data []byte
}

func newMemory(rng *rand.Rand) *memory {
	return &memory{test: rng, rng: rand.New(rand.NewPCG(rng.Uint64(), 1)), names: map[string]*inode{}, last: map[string]*inode{}, left: -1}
}

// op is called with mu held before each operation that changes something.
func (m *memory) op() error {
	if m.left > 0 {
		m.left--
	}
	if m.left == 0 {
		m.dead = true
	}
	if m.dead {
		return errCut
	}
	return nil
}

// reach fails when the power is gone, and sometimes without: a bucket asks it before and after all that it does.
func (m *memory) reach(string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rng.IntN(8) == 0 {
		return errFlaky
	}
	return m.op()
}

// restart makes of it what is there when the power is back.
func (m *memory) restart() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := newMemory(m.test)
	names := maps.Clone(m.last)
	for _, f := range m.todo {
		if m.rng.IntN(2) == 0 {
			f(names)
		}
	}
	for name, i := range names {
		data := m.survives(i)
		j := &inode{data: data, synced: append([]byte(nil), data...)}
		n.names[name], n.last[name] = j, j
	}
	return n
}

// kill makes of it what there is after a SIGKILL: everything, but what was not synced may be lost yet.
func (m *memory) kill() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
	n := newMemory(m.test)
	n.names, n.last, n.todo = m.names, m.last, m.todo
	return n
}

// survives is what is on disk of a file, of whose last writes some are and some are not.
func (m *memory) survives(i *inode) []byte {
	data := append([]byte(nil), i.synced...)
	for _, c := range i.writes {
		switch {
		case !i.sure && m.rng.IntN(2) == 0:
		case c.data == nil:
			data = resize(data, c.at)
		default:
			if end := c.at + int64(len(c.data)); end > int64(len(data)) {
				old := len(data)
				data = resize(data, end)
				if m.rng.IntN(2) == 0 { // blocks that were never written show what was there before
					for k := old; k < len(data); k++ {
						data[k] = byte(m.rng.Uint32())
					}
				}
			}
			sector, all := 32<<m.rng.IntN(4), i.sure || m.rng.IntN(2) == 0
			for k := 0; k < len(c.data); k += sector {
				if all || m.rng.IntN(4) > 0 {
					copy(data[c.at+int64(k):], c.data[k:min(k+sector, len(c.data))])
				}
			}
		}
	}
	return data
}

func resize(b []byte, n int64) []byte {
	if n <= int64(len(b)) {
		return b[:n]
	}
	return append(b, make([]byte, n-int64(len(b)))...)
}

func (m *memory) Names() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for n := range m.names {
		names = append(names, n)
	}
	return names, nil
}

func (m *memory) change(f func(map[string]*inode)) {
	f(m.names)
	m.todo = append(m.todo, f)
}

func (m *memory) Create(name string) (file, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op(); err != nil {
		return nil, err
	}
	if m.names[name] != nil {
		return nil, fs.ErrExist
	}
	i := &inode{}
	m.change(func(names map[string]*inode) { names[name] = i })
	return &memoryFile{m, i}, nil
}

func (m *memory) Open(name string) (file, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return nil, errCut
	}
	i := m.names[name]
	if i == nil {
		return nil, fs.ErrNotExist
	}
	return &memoryFile{m, i}, nil
}

func (m *memory) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op(); err != nil {
		return err
	}
	i := m.names[from]
	if i == nil {
		return fs.ErrNotExist
	}
	m.change(func(names map[string]*inode) {
		delete(names, from)
		names[to] = i
	})
	return nil
}

func (m *memory) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op(); err != nil {
		return err
	}
	if m.names[name] == nil {
		return fs.ErrNotExist
	}
	m.change(func(names map[string]*inode) { delete(names, name) })
	return nil
}

func (m *memory) Sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op(); err != nil {
		return err
	}
	m.last, m.todo = maps.Clone(m.names), nil
	return nil
}

func (m *memory) Close() error { return nil }

type memoryFile struct {
	m *memory
	i *inode
}

func (f *memoryFile) ReadAt(b []byte, at int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.m.dead {
		return 0, errCut
	}
	if at >= int64(len(f.i.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.i.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memoryFile) WriteAt(b []byte, at int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	was := f.m.dead
	err := f.m.op()
	if was {
		return 0, err
	}
	// The write that the power goes at may be there in part.
	if end := at + int64(len(b)); end > int64(len(f.i.data)) {
		f.i.data = resize(f.i.data, end)
	}
	copy(f.i.data[at:], b)
	f.i.writes = append(f.i.writes, change{at, append([]byte{}, b...)})
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

func (f *memoryFile) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return int64(len(f.i.data)), nil
}

func (f *memoryFile) Truncate(n int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.m.op(); err != nil {
		return err
	}
	f.i.data = resize(f.i.data, n)
	f.i.writes = append(f.i.writes, change{n, nil})
	return nil
}

func (f *memoryFile) Sync() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.m.op(); err != nil {
		return err
	}
	if f.m.flaky && f.m.rng.IntN(8) == 0 { // the next one will not try again: what was not written is in the cache only
		f.i.synced, f.i.writes = f.m.survives(f.i), nil
		return errFlaky
	}
	f.i.synced, f.i.writes = f.m.survives(&inode{synced: f.i.synced, writes: f.i.writes, sure: true}), nil
	return nil
}

func (f *memoryFile) Close() error { return nil }

// Power cuts at random operations: what was acknowledged is there, what is there is whole, and no ID comes twice.
func TestPowerCuts(t *testing.T) {
	p := newPool(t, 256, 128)
	cuts := atomic.Int64{}
	for seed := range rounds(150, 20000) {
		rng := rand.New(rand.NewPCG(uint64(seed), 7))
		m := newMemory(rng)
		put := map[ID]int64{} // all frames that ever were put, by their times
		sure := map[ID]bool{} // those of them that are acknowledged
		clock := int64(0)
		var newest ID
		var shelf *shelf
		if seed%3 == 0 {
			shelf = newShelf()
		}
		for range 5 {
			m.left = 2 + rng.IntN(1<<rng.IntN(9))
			m.flaky = seed%2 == 1
			if m.shelf = shelf; shelf != nil {
				shelf.set(m.reach)
			}
			newest = m.session(t, p, put, sure, &clock, newest)
			cuts.Add(1)
			if m.after != nil {
				m = m.after
			} else {
				m = m.restart()
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		m.flaky = false
		if m.shelf = shelf; shelf != nil {
			shelf.set(nil)
		}
		m.session(t, p, put, sure, &clock, newest)
		if m.after != nil {
			m = m.after
		}
		if shelf != nil && !t.Failed() { // nothing is left in the bucket that nobody knows of
			s, err := Open(Options{fs: m, Bucket: shelf, Pool: p, Hot: 4096, Segment: 4 << 10})
			if err != nil {
				t.Fatal(err)
			}
			settle(t, s)
			shelf.kept(t, s)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d cuts", cuts.Load())
}

// session checks what is there and adds to it, until the power goes.
func (m *memory) session(t *testing.T, p *pool.Pool, put map[ID]int64, sure map[ID]bool, clock *int64, newest ID) ID {
	o := Options{fs: m, Pool: p, Hot: 4096, Segment: 4 << 10, Warm: 9 << 10, Flush: time.Nanosecond, Full: FullDrop}
	if m.shelf != nil {
		o.Bucket = m.shelf
	}
	s, err := Open(o)
	if err != nil {
		if !errors.Is(err, errCut) && !errors.Is(err, errFlaky) {
			t.Errorf("opening: %v", err)
		}
		return newest
	}
	defer func() {
		m.mu.Lock()
		dead := m.dead
		m.mu.Unlock()
		if !dead && m.test.IntN(2) == 0 {
			m.after = m.kill()
		}
		if err := s.Close(); err != nil && !errors.Is(err, errCut) && !errors.Is(err, errFlaky) {
			t.Errorf("closing: %v", err)
		}
	}()
	if r := s.Recovery(); r.Cut < 0 || r.Damaged < 0 || r.Unreadable != nil || r.DamagedPins != nil {
		t.Errorf("recovery is %+v", r)
	}
	var got int
	seen := map[ID]bool{}
	for f, err := range s.Range(context.Background(), 0, 1<<62) {
		if errors.Is(err, errCut) || errors.Is(err, errFlaky) && m.shelf != nil {
			return newest
		} else if err != nil {
			t.Errorf("after %d frames: %v", got, err)
			return newest
		}
		at, ok := put[f.ID]
		if !ok || at != f.Time {
			t.Errorf("frame %d with time %d was put at %d (%v)", f.ID, f.Time, at, ok)
		}
		check(t, f, int(at%256), at)
		f.Release()
		seen[f.ID] = true
		got++
	}
	for id := range sure {
		if !seen[id] {
			t.Errorf("frame %d was acknowledged and is not there; %d others are: %+v", id, got, s.Recovery())
		}
	}
	for id := range put { // a frame that is not there now will never be, unless syncs lie too; and one that is there is on disk
		if seen[id] {
			sure[id] = true
		} else if !m.flaky {
			delete(put, id)
		}
	}
	dead := false
	for range 200 {
		*clock++
		b, err := p.Get()
		if err != nil {
			t.Error(err)
			return newest
		}
		b.SetLen(int(*clock % 256))
		fill(b.Bytes(), *clock)
		id, err := s.Put(b, *clock)
		b.Release()
		if errors.Is(err, ErrFull) {
			if dead {
				return newest
			}
		} else if err != nil {
			t.Errorf("putting: %v", err)
		} else {
			if id <= newest {
				t.Errorf("ID %d comes after %d", id, newest)
			}
			newest = id
			put[id] = *clock
		}
		if m.test.IntN(8) == 0 {
			if err := s.Sync(context.Background()); err != nil {
				if !errors.Is(err, errCut) && !errors.Is(err, errFlaky) {
					t.Errorf("syncing: %v", err)
				}
				dead = errors.Is(err, errCut)
			}
			if st := s.Stats(); st.Dropped > 0 {
				dead = true
			}
		}
		m.mu.Lock()
		dead = dead || m.dead
		m.mu.Unlock()
		if dead {
			break
		}
		for at, durable := newest, s.Durable(); s.Stats().Dropped == 0 && put[at] != 0 && !sure[at]; at-- {
			if at < durable {
				sure[at] = true
			}
		}
	}
	return newest
}

// faulty is a folder that fails, or waits, as it is told.
type faulty struct {
	folder
	reads atomic.Int64
	mu    sync.Mutex
	held  chan struct{}
	fail  func(op, name string) error // for each operation that changes something
}

func (f *faulty) hold() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = make(chan struct{})
}

func (f *faulty) free() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.held)
	f.held = nil
}

func (f *faulty) set(fail func(op, name string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

func (f *faulty) wait() {
	f.mu.Lock()
	held := f.held
	f.mu.Unlock()
	if held != nil {
		<-held
	}
}

func (f *faulty) op(op, name string) error {
	f.wait()
	f.mu.Lock()
	fail := f.fail
	f.mu.Unlock()
	if fail == nil {
		return nil
	}
	return fail(op, name)
}

func (f *faulty) Create(name string) (file, error) {
	if err := f.op("create", name); err != nil {
		return nil, err
	}
	g, err := f.folder.Create(name)
	return &faultyFile{g, f, name}, err
}

func (f *faulty) Open(name string) (file, error) {
	g, err := f.folder.Open(name)
	return &faultyFile{g, f, name}, err
}

func (f *faulty) Rename(from, to string) error {
	if err := f.op("rename", from); err != nil {
		return err
	}
	return f.folder.Rename(from, to)
}

func (f *faulty) Remove(name string) error {
	if err := f.op("remove", name); err != nil {
		return err
	}
	return f.folder.Remove(name)
}

func (f *faulty) Sync() error {
	if err := f.op("sync", ""); err != nil {
		return err
	}
	return f.folder.Sync()
}

type faultyFile struct {
	file
	f    *faulty
	name string
}

func (g *faultyFile) ReadAt(b []byte, at int64) (int, error) {
	g.f.reads.Add(1)
	g.f.wait()
	if err := g.f.op("read", g.name); err != nil {
		return 0, err
	}
	return g.file.ReadAt(b, at)
}

func (g *faultyFile) WriteAt(b []byte, at int64) (int, error) {
	if err := g.f.op("write", g.name); err != nil {
		n, _ := g.file.WriteAt(b[:len(b)/2], at)
		return n, err
	}
	return g.file.WriteAt(b, at)
}

func (g *faultyFile) Truncate(n int64) error {
	if err := g.f.op("truncate", g.name); err != nil {
		return err
	}
	return g.file.Truncate(n)
}

func (g *faultyFile) Sync() error {
	if err := g.f.op("fsync", g.name); err != nil {
		return err
	}
	return g.file.Sync()
}
