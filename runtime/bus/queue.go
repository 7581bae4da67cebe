package bus

// entry is an event in a queue.
type entry[T any] struct {
	node   *node[T]
	lagged uint64 // events lost between the one before and this
}

// queue is a ring that grows.
type queue[T any] struct {
	ring  []entry[T] // of a power of two
	head  uint
	n     uint
	bytes int64 // of its events
}

const firstRing = 16

func (q *queue[T]) len() int { return int(q.n) }

func (q *queue[T]) at(i int) entry[T] { return q.ring[(q.head+uint(i))&uint(len(q.ring)-1)] }

func (q *queue[T]) push(e entry[T]) {
	if q.n == uint(len(q.ring)) {
		q.grow()
	}
	q.ring[(q.head+q.n)&uint(len(q.ring)-1)] = e
	q.n++
	q.bytes += e.node.size
}

func (q *queue[T]) grow() {
	grown := make([]entry[T], max(firstRing, 2*len(q.ring)))
	for i := range q.len() {
		grown[i] = q.at(i)
	}
	q.ring, q.head = grown, 0
}

// pop takes the oldest. It must not be called on an empty queue.
func (q *queue[T]) pop() entry[T] {
	e := q.ring[q.head&uint(len(q.ring)-1)]
	q.head++
	q.n--
	q.bytes -= e.node.size
	return e
}

// popAll takes all, in order, into a slice that is long enough.
func (q *queue[T]) popAll(into []entry[T]) {
	if q.n == 0 {
		return
	}
	at := q.head & uint(len(q.ring)-1)
	first := min(q.n, uint(len(q.ring))-at)
	copy(into, q.ring[at:at+first])
	copy(into[first:], q.ring[:q.n-first])
	q.head += q.n
	q.n, q.bytes = 0, 0
}
