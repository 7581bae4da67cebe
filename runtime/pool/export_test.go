package pool

// BuildDebug is the set of checks that this build makes in every pool.
const BuildDebug = buildDebug

// RaceBuild tells whether the arena is Go heap memory.
const RaceBuild = raceBuild

// TakeForTrim does to all blocks of p what Trim does to a run of them.
func TakeForTrim(p *Pool) (giveBack func()) {
	p.mu.Lock()
	p.trims.Add(1)
	for i := range p.geo.fixed {
		p.header(i).ref.Or(refClosing | refSaturated)
	}
	return func() {
		for i := range p.geo.fixed {
			p.header(i).ref.And(^uint32(refClosing | refSaturated))
		}
		p.trims.Add(1)
		p.mu.Unlock()
	}
}

// SetCounts makes the counts of a pool, of 32 bits, what they are after that many events.
func SetCounts(p *Pool, n uint32) {
	p.desc.misses.Store(n)
	p.desc.refusals.Store(n)
	p.desc.stale.Store(n)
	p.desc.saturations.Store(n)
}
