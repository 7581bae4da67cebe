// Package clean uses buffers rightly in many ways: nothing is to be found.
package clean

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"sync"
	"testing"

	"github.com/poolgen/poolgen/runtime/pool"
	"wrapper"
)

type frame struct{ n int }

type queue struct {
	mu   sync.Mutex
	held []pool.Buf
	cur  pool.Buf
	ref  pool.Ref[frame]
	data []byte
}

func deferred(p *pool.Pool) error {
	b, err := p.Get()
	if err != nil {
		return fmt.Errorf("taking: %w", err)
	}
	defer b.Release()
	return use(b.Bytes())
}

func use([]byte) error { return nil }

func byHand(p *pool.Pool) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	if err := use(b.Bytes()); err != nil {
		b.Release()
		return err
	}
	b.Release()
	return nil
}

func onlyIf(p *pool.Pool) {
	if b, err := p.Get(); err == nil {
		b.Release()
	}
}

func sentinel(p *pool.Pool) error {
	b, err := p.Get()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	if err != nil {
		return err
	}
	b.Release()
	return nil
}

func fatal(p *pool.Pool) {
	b, err := p.Get()
	if err != nil {
		log.Fatal(err)
	}
	if b.Len() == 0 {
		panic("empty")
	}
	if b.Len() == 1 {
		os.Exit(1)
	}
	b.Release()
}

func returned(p *pool.Pool) (pool.Buf, error) { return p.Get() }

func named(p *pool.Pool) (b pool.Buf, err error) {
	b, err = p.Get()
	if err != nil {
		return
	}
	b.SetLen(1)
	return
}

func namedWithDefer(p *pool.Pool) (b pool.Buf, err error) {
	b, err = p.Get()
	if err != nil {
		return pool.Buf{}, err
	}
	defer func() {
		if err != nil {
			b.Release()
		}
	}()
	err = use(b.Bytes())
	return b, err
}

func success(p *pool.Pool) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	ok := false
	defer func() {
		if !ok {
			b.Release()
		}
	}()
	if err := use(b.Bytes()); err != nil {
		return err
	}
	ok = true
	keep(b)
	return nil
}

var kept []pool.Buf

func keep(b pool.Buf) { kept = append(kept, b) }

func flag(p *pool.Pool, want bool) error {
	var b pool.Buf
	var err error
	if want {
		if b, err = p.Get(); err != nil {
			return err
		}
	}
	fmt.Println("working")
	if want {
		b.Release()
	}
	return nil
}

func valid(p *pool.Pool, want bool) error {
	var b pool.Buf
	if want {
		var err error
		if b, err = p.Get(); err != nil {
			return err
		}
	}
	if b.Valid() {
		b.Release()
	}
	return nil
}

func validDeferred(p *pool.Pool, want bool) (err error) {
	var b pool.Buf
	defer func() {
		if b.Valid() {
			b.Release()
		}
	}()
	if want {
		b, err = p.Get()
	}
	return err
}

func (q *queue) push(p *pool.Pool) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	q.held = append(q.held, b)
	return nil
}

func (q *queue) drain() {
	for _, b := range q.held {
		_ = b.Len()
		b.Release()
	}
	q.held = q.held[:0]
}

func (q *queue) drainOne() {
	b := q.held[0]
	q.held = q.held[1:]
	b.Release()
}

func (q *queue) replace(b pool.Buf) {
	if q.cur.Valid() {
		q.cur.Release()
	}
	q.cur = b.Retain()
}

func (q *queue) swap(b pool.Buf) {
	old := q.cur
	q.cur = b
	old.Release()
}

func (q *queue) replaceField(p *pool.Typed[frame]) error {
	q.ref.Release()
	var err error
	q.ref, err = p.Get()
	if err != nil {
		return err
	}
	q.ref.Value().n = 1
	return nil
}

func (q *queue) lend(p *pool.Pool) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	defer b.Release()
	q.cur = b
	q.data = b.Bytes()
	err = q.work()
	q.cur, q.data = pool.Buf{}, nil
	return err
}

func (q *queue) lendDeferred(p *pool.Pool) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	q.cur = b
	defer func() {
		q.cur = pool.Buf{}
		b.Release()
	}()
	return q.work()
}

func (q *queue) work() error { return nil }

func send(p *pool.Pool, ch chan pool.Buf) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	ch <- b
	return nil
}

func sendSelect(ctx context.Context, p *pool.Pool, ch chan pool.Buf) error {
	b, err := p.Wait(ctx)
	if err != nil {
		return err
	}
	select {
	case ch <- b:
		return nil
	case <-ctx.Done():
		b.Release()
		return ctx.Err()
	}
}

func lendAndWait(p *pool.Pool, ch chan pool.Buf, done chan bool) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	defer b.Release()
	ch <- b
	<-done
	return nil
}

func fanOut(p *pool.Pool, subs []chan pool.Buf) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	for _, s := range subs {
		s <- b.Retain()
	}
	b.Release()
	return nil
}

func goroutine(p *pool.Pool) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	go func() {
		defer b.Release()
		_ = use(b.Bytes())
	}()
	return nil
}

func goroutines(p *pool.Pool, n int) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	defer b.Release()
	var wg sync.WaitGroup
	for range n {
		b.Retain()
		wg.Go(func() {
			defer b.Release()
			_ = use(b.Bytes())
		})
	}
	wg.Wait()
	return nil
}

func worker(b pool.Buf) { b.Release() }

func handOver(p *pool.Pool) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	go worker(b)
	return nil
}

func helper(p *pool.Pool) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	n := wrapper.Sum(b)
	wrapper.Drop(b)
	fmt.Println(n)
	return nil
}

func wrapped(s *wrapper.Source) error {
	b, err := s.Next()
	if err != nil {
		return err
	}
	if wrapper.Sum(b) == 0 {
		s.Set(b)
		return nil
	}
	wrapper.Drop(b)
	return nil
}

func current(s *wrapper.Source) int {
	return s.Current().Len()
}

func closure(p *pool.Pool) (func(), error) {
	b, err := p.Get()
	if err != nil {
		return nil, err
	}
	return b.Release, nil
}

func withCleanup(p *pool.Pool) ([]byte, func(), error) {
	b, err := p.Get()
	if err != nil {
		return nil, nil, err
	}
	return b.Bytes(), func() { b.Release() }, nil
}

type message struct {
	body pool.Buf
	n    int
}

func composite(p *pool.Pool) (*message, error) {
	b, err := p.Get()
	if err != nil {
		return nil, err
	}
	return &message{body: b, n: 1}, nil
}

func (m message) close() { m.body.Release() }

func local(p *pool.Pool) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	m := message{body: b}
	defer m.close()
	return use(m.body.Bytes())
}

func array(p *pool.Pool) error {
	var bs [3]pool.Buf
	for i := range bs {
		b, err := p.Get()
		if err != nil {
			for _, b := range bs[:i] {
				b.Release()
			}
			return err
		}
		bs[i] = b
	}
	for _, b := range bs {
		b.Release()
	}
	return nil
}

func previous(p *pool.Pool, n int) error {
	var prev pool.Buf
	for range n {
		b, err := p.Get()
		if err != nil {
			break
		}
		if prev.Valid() {
			prev.Release()
		}
		prev = b
	}
	if prev.Valid() {
		prev.Release()
	}
	return nil
}

func retry(p *pool.Pool) (pool.Buf, error) {
	for i := 0; ; i++ {
		b, err := p.Get()
		if err == nil {
			return b, nil
		}
		if i > 3 {
			return pool.Buf{}, err
		}
	}
}

func copied(p *pool.Pool) ([]byte, string, error) {
	b, err := p.Get()
	if err != nil {
		return nil, "", err
	}
	defer b.Release()
	return bytes.Clone(b.Bytes()), string(b.Bytes()), nil
}

func appended(p *pool.Pool, out []byte) ([]byte, error) {
	b, err := p.Get()
	if err != nil {
		return nil, err
	}
	defer b.Release()
	return append(out, b.Bytes()...), nil
}

func toC(p *pool.Pool, give func(pool.Handle)) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	b.Retain()
	give(b.Handle())
	b.Release()
	return nil
}

func fromC(p *pool.Pool, h pool.Handle) error {
	b, err := p.Buf(h)
	if err != nil {
		return err
	}
	defer b.Release()
	return use(b.Bytes())
}

func retainForAnother(b pool.Buf, q *queue) {
	b.Retain()
	q.cur = b
}

func share(b pool.Buf) pool.Buf { return b.Retain() }

func shareTwo(p *pool.Pool) (a, c pool.Buf, err error) {
	a, err = p.Get()
	if err != nil {
		return pool.Buf{}, pool.Buf{}, err
	}
	return a, a.Retain(), nil
}

func generic[T any](p *pool.Heap[T], fill func(*T) error) (pool.HeapRef[T], error) {
	r, err := p.Get()
	if err != nil {
		return pool.HeapRef[T]{}, err
	}
	if err := fill(r.Value()); err != nil {
		r.Release()
		return pool.HeapRef[T]{}, err
	}
	return r, nil
}

func ofGeneric(p *pool.Heap[frame]) error {
	r, err := generic(p, func(f *frame) error { f.n = 1; return nil })
	if err != nil {
		return err
	}
	defer r.Release()
	return nil
}

func adopted(p *pool.Pool, data []byte) error {
	b, err := p.Adopt(data, nil)
	if err != nil {
		return err
	}
	defer b.Release()
	return nil
}

func twoErrors(p *pool.Pool) error {
	b, err := p.Get()
	if err == nil {
		err = use(b.Bytes())
		b.Release()
	}
	if err != nil {
		return err
	}
	return nil
}

func labelled(p *pool.Pool, bs [][]byte) error {
outer:
	for {
		b, err := p.Get()
		if err != nil {
			return err
		}
		for _, x := range bs {
			if len(x) == 0 {
				b.Release()
				continue outer
			}
			if len(x) == 1 {
				b.Release()
				break outer
			}
		}
		b.Release()
	}
	return nil
}

func countdown(p *pool.Pool, b pool.Buf, n int) {
	if n == 0 {
		b.Release()
		return
	}
	countdown(p, b, n-1)
}

type releaser interface{ Release() }

func asInterface(p *pool.Pool) (releaser, error) {
	b, err := p.Get()
	if err != nil {
		return nil, err
	}
	var r releaser = b
	return r, nil
}

func recovers(p *pool.Pool) (err error) {
	b, err := p.Get()
	if err != nil {
		return err
	}
	defer b.Release()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return use(b.Bytes())
}

func checkErr(err error) {
	if err != nil {
		panic(err)
	}
}

func checked(p *pool.Pool) {
	b, err := p.Get()
	checkErr(err)
	defer b.Release()
}

func isTemporary(err error) bool { return err != nil }

func tested(p *pool.Pool) error {
	b, err := p.Get()
	if isTemporary(err) {
		return err
	}
	b.Release()
	return nil
}

func joined(p *pool.Pool) error {
	a, err1 := p.Get()
	b, err2 := p.Get()
	if err := errors.Join(err1, err2); err != nil {
		if err1 == nil {
			a.Release()
		}
		if err2 == nil {
			b.Release()
		}
		return err
	}
	a.Release()
	b.Release()
	return nil
}

func wantsError(p *pool.Pool, fail func(string)) {
	if _, err := p.Get(); err == nil {
		fail("no error")
	}
	if _, err := p.Get(); !errors.Is(err, os.ErrClosed) {
		fail("another error")
	}
}

func wantsErrorByHelper(p *pool.Pool, wantErr func(error)) {
	_, err := p.Get()
	wantErr(err)
}

func registered(p *pool.Pool, q *queue) (pool.Buf, error) {
	b, err := p.Get()
	if err != nil {
		return pool.Buf{}, err
	}
	q.cur = b
	return b, nil
}

func served(p *pool.Pool, cleanup func(func())) (pool.Buf, error) {
	b, err := p.Get()
	if err != nil {
		return pool.Buf{}, err
	}
	cleanup(b.Release)
	return b, nil
}

func ofRegistered(p *pool.Pool, q *queue, cleanup func(func())) int {
	b, err := registered(p, q)
	if err != nil {
		return 0
	}
	c, err := served(p, cleanup)
	if err != nil {
		return 0
	}
	return b.Len() + c.Len()
}

func zero(p *pool.Pool, want bool) error {
	var b pool.Buf
	if want {
		var err error
		if b, err = p.Get(); err != nil {
			return err
		}
	}
	if b != (pool.Buf{}) {
		b.Release()
	}
	return nil
}

type stage struct {
	own  bool
	list []int
	next pool.Buf
}

func (s *stage) enabled(n int) bool { return s.own && n > 0 }

func (s *stage) byField(p *pool.Pool) int {
	b, err := p.Get()
	if err != nil {
		return 0
	}
	if s.own {
		b.Release()
	}
	n := 0
	if !s.own {
		n = b.Len()
		b.Release()
	}
	return n
}

func (s *stage) byLength(p *pool.Pool) error {
	var b pool.Buf
	if len(s.list) > 0 {
		var err error
		if b, err = p.Get(); err != nil {
			return err
		}
	}
	if len(s.list) > 0 {
		b.Release()
	}
	return nil
}

func (s *stage) byCall(p *pool.Pool, n int) int {
	b, err := p.Get()
	if err != nil {
		return 0
	}
	if s.enabled(n) {
		b.Release()
	}
	if s.enabled(n) {
		return 0
	}
	defer b.Release()
	return b.Len()
}

func ranging(p *pool.Pool, seq func(func(int) bool)) error {
	for i := range seq {
		b, err := p.Get()
		if err != nil {
			return err
		}
		defer b.Release()
		if i > 3 {
			return use(b.Bytes())
		}
	}
	return nil
}

func rangingOutside(p *pool.Pool, seq func(func(int) bool)) (pool.Buf, error) {
	b, err := p.Get()
	if err != nil {
		return b, err
	}
	for i := range seq {
		if i > 3 {
			return b, nil
		}
	}
	b.Release()
	return pool.Buf{}, nil
}

func loopHead(p *pool.Pool) {
	for b, err := p.Get(); err == nil; b, err = p.Get() {
		b.Release()
	}
}

func wrap(err error) error { return err }

func wrappedError(p *pool.Pool) error {
	b, err := p.Get()
	if err := wrap(err); err != nil {
		return err
	}
	b.Release()
	return nil
}

func joinedError(p *pool.Pool) (errs error) {
	b, err := p.Get()
	errs = errors.Join(errs, err)
	if errs != nil {
		return errs
	}
	b.Release()
	return nil
}

func methodValue(p *pool.Pool) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	release := b.Release
	defer release()
	return use(b.Bytes())
}

func (s *stage) refill(p *pool.Pool) { s.next, _ = p.Get() }

func (s *stage) refilled(p *pool.Pool) int {
	s.next.Release()
	s.refill(p)
	return s.next.Len()
}

func (s *stage) again(p *pool.Pool) {
	s.next.Release()
	s.refill(p)
	s.next.Release()
}

func stepping(p *pool.Pool) int {
	b, err := p.Get()
	if err != nil {
		return 0
	}
	next := func() {
		b.Release()
		b, _ = p.Get()
	}
	next()
	n := b.Len()
	next()
	b.Release()
	return n
}

func steppingInside(p *pool.Pool, refill func()) func() int {
	var b pool.Buf
	refill = func() { b, _ = p.Get() }
	return func() int {
		b.Release()
		refill()
		return b.Len()
	}
}

type node struct {
	own  pool.Buf
	next *node
}

func all(pointers []*node, values []node, list *node, m map[string]*node) {
	for _, n := range pointers {
		n.own.Release()
	}
	for _, n := range values {
		n.own.Release()
	}
	for i := range values {
		values[i].own.Release()
	}
	for n := list; n != nil; n = n.next {
		n.own.Release()
	}
	for _, n := range m {
		n.own.Release()
	}
}

func helper2(t testing.TB, p *pool.Pool, bad bool) pool.Buf {
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	if bad {
		b.Release()
		t.Fatal("bad")
	}
	return b
}

func lendAndSelect(p *pool.Pool, ch chan pool.Buf, done, quit chan bool) error {
	b, err := p.Get()
	if err != nil {
		return err
	}
	defer b.Release()
	ch <- b
	select {
	case <-done:
	case <-quit:
	}
	return nil
}
