package bus

// node is a published event while somebody needs it. Its value is written before it is queued and after nobody has it any more; the
// other fields are guarded by core.mu.
type node[T any] struct {
	value    T
	topic    *Topic[T]
	sequence uint64
	order    uint64
	size     int64
	queues   int32    // that hold it, the history's and subscribers at work on it included
	next     *node[T] // in a list of those that nobody needs
}

// dead lists nodes that are in no queue any more and whose buffers are to be released when core.mu is unlocked.
type dead[T any] struct{ head *node[T] }

// done says that one queue less holds n. Its caller holds core.mu.
func (d *dead[T]) done(n *node[T]) {
	if n.queues--; n.queues > 0 {
		return
	}
	t := n.topic
	t.bytes -= n.size
	t.live--
	if t.release == nil {
		n.value = *new(T)
		n.next, t.free = t.free, n
		t.checkIdle()
		return
	}
	t.dying++
	n.next, d.head = d.head, n
}

// dispose releases buffers. It is not called under the mutex, because a release may run a callback.
func (d *dead[T]) dispose() {
	if d.head == nil {
		return
	}
	defer d.dispose() // of what is left when a release panics, else of none
	for d.head != nil {
		first := d.head
		last := first
		for last.next != nil && last.next.topic == first.topic {
			last = last.next
		}
		d.head, last.next = last.next, nil
		first.topic.dispose(first)
	}
}

// dispose releases the buffers of a list of nodes, to be used again.
func (t *Topic[T]) dispose(list *node[T]) {
	defer t.back(list)
	t.releaseAll(list)
}

// releaseAll releases the others as well when one panics because somebody else released its buffer.
func (t *Topic[T]) releaseAll(n *node[T]) {
	defer func() {
		if n != nil {
			t.releaseAll(n)
		}
	}()
	for n != nil {
		v := n.value
		n.value = *new(T)
		n = n.next
		t.release(v)
	}
}

// back gives nodes back that were disposed of.
func (t *Topic[T]) back(list *node[T]) {
	last, count := list, uint32(1)
	for last.next != nil {
		last = last.next
		count++
	}
	for {
		last.next = t.returned.Load()
		if t.returned.CompareAndSwap(last.next, list) {
			break
		}
	}
	t.disposed.Add(count)
	if t.ended.Load() {
		t.core.mu.Lock()
		t.checkIdle()
		t.core.mu.Unlock()
	}
}
