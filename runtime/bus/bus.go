package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Bus holds topics of any types under names. The zero Bus is ready for use; it must not be copied. Its methods may be called from any goroutine.
type Bus struct {
	core core
	// guarded by core.mu
	topics   map[string]named
	matchers []matcher
	joined   int
	closed   bool
	closing  []named // that were closed with events left, or have been drained since
}

// named is a Topic of any type.
type named interface {
	Name() string
	Close()
	Drain(ctx context.Context) error
	Stats() TopicStats
	drained() bool                          // with core.mu held
	subscribers(list []SubStats) []SubStats // with core.mu held
}

// matcher is a Sub of any type that subscribes by a pattern.
type matcher interface {
	consider(t named) // with core.mu held
	stats() SubStats  // likewise
	wakeEnded()
}

// Open returns the topic of a name, which it makes unless it is there; then o is not looked at. A name is one or more words of any characters but dots,
// spaces, * and >, with dots between. It returns ErrClosed after Close, and an error if the name has a topic of another type.
func Open[T Counted[T]](b *Bus, name string, o Options) (*Topic[T], error) {
	return open(b, name, func() *Topic[T] { return counted[T](name, o, &b.core) })
}

// OpenPlain is Open for events without buffers, as NewPlain is New.
func OpenPlain[T any](b *Bus, name string, o Options) (*Topic[T], error) {
	return open(b, name, func() *Topic[T] { return plain[T](name, o, &b.core) })
}

func open[T any](b *Bus, name string, create func() *Topic[T]) (*Topic[T], error) {
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("opening topic %q: %w", name, err)
	}
	b.core.mu.Lock()
	defer b.core.mu.Unlock()
	if b.closed {
		return nil, fmt.Errorf("opening topic %q: %w", name, ErrClosed)
	}
	if old, ok := b.topics[name]; ok {
		t, ok := old.(*Topic[T])
		if !ok {
			return nil, fmt.Errorf("opening topic %q: it is a %T, not a %T; use another name or type", name, old, t)
		}
		return t, nil
	}
	t := create()
	t.bus = b
	if b.topics == nil {
		b.topics = make(map[string]named)
	}
	b.topics[name] = t
	for _, m := range b.matchers {
		m.consider(t)
	}
	return t, nil
}

// Match makes a subscriber to every topic of type T whose name fits the pattern, those that are open and those that will be; topics of other types are passed
// over. * stands for one word, > at the end for one or more. It gets the events of all of them in the order they were published. The caller closes it.
func Match[T any](b *Bus, pattern string, o SubOptions) (*Sub[T], error) {
	words, err := parsePattern(pattern)
	if err != nil {
		return nil, fmt.Errorf("subscribing to %q: %w", pattern, err)
	}
	name := o.Name
	if name == "" {
		b.core.mu.Lock()
		b.joined++
		name = fmt.Sprintf("%s#%d", pattern, b.joined)
		b.core.mu.Unlock()
	}
	s, err := newSub[T](name, pattern, &b.core, o)
	if err != nil {
		return nil, err
	}
	s.bus = b
	m := &match[T]{s, words}
	var d dead[T]
	b.core.mu.Lock()
	if b.closed {
		b.core.mu.Unlock()
		return nil, fmt.Errorf("subscribing to %q: %w", pattern, ErrClosed)
	}
	s.number()
	b.matchers = append(b.matchers, m)
	for _, name := range slices.Sorted(maps.Keys(b.topics)) {
		m.consider(b.topics[name])
	}
	last := s.lastOfAll(o.Last)
	for _, n := range last {
		if s.push(n, &d) {
			n.queues++
		}
	}
	b.core.mu.Unlock()
	d.dispose()
	return s, nil
}

// lastOfAll collects the newest events of the histories of all topics of s, oldest first.
func (s *Sub[T]) lastOfAll(most int) []*node[T] {
	var all []*node[T]
	for _, t := range s.topics {
		for i := max(0, t.history.len()-most); i < t.history.len(); i++ {
			all = append(all, t.history.at(i).node)
		}
	}
	slices.SortFunc(all, func(a, b *node[T]) int {
		if a.order < b.order {
			return -1
		}
		return 1
	})
	return all[max(0, len(all)-most):]
}

// match is a subscriber by pattern.
type match[T any] struct {
	sub   *Sub[T]
	words []string
}

func (m *match[T]) consider(t named) {
	if t, ok := t.(*Topic[T]); ok && fits(m.words, t.name) {
		m.sub.join(t)
	}
}

func (m *match[T]) stats() SubStats { return m.sub.stats() }

// wakeEnded wakes the receiver after the bus was closed.
func (m *match[T]) wakeEnded() {
	s := m.sub
	s.core.mu.Lock()
	token := s.asleep
	s.asleep = false
	s.core.mu.Unlock()
	if token {
		s.wake <- struct{}{}
	}
}

// leave removes a subscriber. Its caller holds core.mu.
func leave[T any](b *Bus, s *Sub[T]) {
	b.matchers = slices.DeleteFunc(b.matchers, func(x matcher) bool {
		m, ok := x.(*match[T])
		return ok && m.sub == s
	})
}

// Close closes all topics and lets nobody open another or subscribe. Closing again does nothing.
func (b *Bus) Close() {
	b.core.mu.Lock()
	b.closed = true
	matchers := slices.Clone(b.matchers)
	open := b.sorted()
	b.core.mu.Unlock()
	defer func() {
		for _, m := range matchers {
			m.wakeEnded()
		}
	}()
	closeAll(open)
}

// closeAll closes the others as well when the release of one's history panics.
func closeAll(open []named) {
	defer func() {
		if len(open) > 0 {
			closeAll(open)
		}
	}()
	for len(open) > 0 {
		t := open[0]
		open = open[1:]
		t.Close()
	}
}

// leaving are the topics that were closed and have events left. It is called with core.mu held.
func (b *Bus) leaving() []named {
	b.closing = slices.DeleteFunc(b.closing, named.drained)
	return b.closing
}

// Drain closes the bus and waits as Topic.Drain does, for all topics, also those that were closed before.
func (b *Bus) Drain(ctx context.Context) error {
	var failed []error
	b.Close()
	b.core.mu.Lock()
	left := slices.Clone(b.leaving())
	b.core.mu.Unlock()
	for _, t := range left {
		if err := t.Drain(ctx); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// sorted is called with core.mu held.
func (b *Bus) sorted() []named {
	return slices.SortedFunc(maps.Values(b.topics), func(x, y named) int { return strings.Compare(x.Name(), y.Name()) })
}

var (
	errEmptyWord = errors.New("a word is empty, use words with single dots between")
	errWildcard  = errors.New("a name of a topic has no *, > or space; only patterns have * and >")
	errPattern   = errors.New("* and > are words by themselves, and > is the last")
)

func checkName(name string) error {
	if strings.ContainsAny(name, "*> \t\r\n") {
		return errWildcard
	}
	if slices.Contains(strings.Split(name, "."), "") {
		return errEmptyWord
	}
	return nil
}

func parsePattern(pattern string) ([]string, error) {
	words := strings.Split(pattern, ".")
	for i, w := range words {
		switch {
		case w == "":
			return nil, errEmptyWord
		case w == "*", w == ">" && i == len(words)-1:
		case strings.ContainsAny(w, "*> \t\r\n"):
			return nil, errPattern
		}
	}
	return words, nil
}

// fits reports whether a name fits the words of a pattern.
func fits(words []string, name string) bool {
	for i, w := range words {
		if w == ">" {
			return name != ""
		}
		word, rest, more := strings.Cut(name, ".")
		if name == "" || w != "*" && w != word || more != (i < len(words)-1) {
			return false
		}
		name = rest
	}
	return true
}
