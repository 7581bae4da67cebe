package bus

// Waits reports whether a publisher waits for s.
func (s *Sub[T]) Waits() bool {
	s.core.mu.Lock()
	defer s.core.mu.Unlock()
	return s.waiters != nil
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
