package bus

// Waits reports whether a publisher waits for s.
func (s *Sub[T]) Waits() bool {
	s.core.mu.Lock()
	defer s.core.mu.Unlock()
	return len(s.waiters) > 0
}

// Asleep reports whether the receiver sleeps.
func (s *Sub[T]) Asleep() bool {
	s.core.mu.Lock()
	defer s.core.mu.Unlock()
	return s.asleep
}

// Draining reports whether somebody waits for the end.
func (t *Topic[T]) Draining() bool {
	t.core.mu.Lock()
	defer t.core.mu.Unlock()
	return t.idle != nil
}

// RoomAfter calls f and then wakes the publishers that wait for s as if it had room, with nobody in between.
func (s *Sub[T]) RoomAfter(f func()) {
	s.core.mu.Lock()
	defer s.core.mu.Unlock()
	f()
	s.wakeWaiters()
}

// Tokens is how many wake-ups are left over, which must be none.
func (t *Topic[T]) Tokens() (n int) {
	t.core.mu.Lock()
	defer t.core.mu.Unlock()
	for w := t.spare; w != nil; w = w.next {
		n += len(w.wake)
	}
	return n
}

// BeginClose is the first part of Close: the topics are still open.
func (b *Bus) BeginClose() {
	b.core.mu.Lock()
	defer b.core.mu.Unlock()
	b.closed = true
}
