package metrics

import (
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/google/pprof/profile"

	"github.com/poolgen/poolgen/runtime/pool"
)

// sampler is a pool that can tell who holds its blocks.
type sampler interface {
	SampleHolders(every int)
	Holders() []pool.Holder
}

// SampleHolders makes every pool of the set, those too that are added later, remember one in every acquisitions, for WriteHolders; 0 ends
// that. It panics if every is negative.
func (s *Set) SampleHolders(every int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.every = every
	for _, src := range s.sources {
		sampleHolders(src, every)
	}
}

func sampleHolders(src source, every int) {
	if f, ok := src.(*from[poolStats]); ok {
		if p, ok := f.trim.(sampler); ok {
			p.SampleHolders(every)
		}
	}
}

// WriteHolders writes a profile for `go tool pprof` of who acquired the blocks that are in use, from what was sampled: how many, how many
// bytes, and, by the label age, for how long; the label pool tells of which pool.
func (s *Set) WriteHolders(w io.Writer) error {
	b := holders{
		p: profile.Profile{
			SampleType:        []*profile.ValueType{{Type: "blocks", Unit: "count"}, {Type: "space", Unit: "bytes"}},
			DefaultSampleType: "space", TimeNanos: time.Now().UnixNano(), PeriodType: &profile.ValueType{Type: "blocks", Unit: "count"}, Period: 1,
			DropFrames: `github\.com/poolgen/poolgen/runtime/pool\..*`, // so that who asked for a block stands at the top
		},
		locations: map[uintptr]*profile.Location{}, functions: map[string]*profile.Function{},
	}
	for _, src := range s.list() {
		f, ok := src.(*from[poolStats])
		if !ok {
			continue
		}
		if p, ok := f.trim.(sampler); ok {
			for _, h := range p.Holders() {
				b.add(f.label, &h)
			}
		}
	}
	if err := b.p.CheckValid(); err != nil {
		return fmt.Errorf("metrics: making the profile of holders: %w", err)
	}
	return b.p.Write(w)
}

// holders builds the profile.
type holders struct {
	p         profile.Profile
	locations map[uintptr]*profile.Location
	functions map[string]*profile.Function
}

func (b *holders) add(label string, h *pool.Holder) {
	one := &profile.Sample{
		Value:    []int64{int64(h.Weight), int64(h.Weight) * int64(h.Bytes)},
		Label:    map[string][]string{"pool": {label}},
		NumLabel: map[string][]int64{"age": {time.Since(h.Since).Milliseconds()}},
		NumUnit:  map[string][]string{"age": {"milliseconds"}},
	}
	for _, pc := range h.Stack {
		one.Location = append(one.Location, b.location(pc))
	}
	b.p.Sample = append(b.p.Sample, one)
}

func (b *holders) location(pc uintptr) *profile.Location {
	if l := b.locations[pc]; l != nil {
		return l
	}
	l := &profile.Location{ID: uint64(len(b.p.Location) + 1), Address: uint64(pc)}
	for frames := runtime.CallersFrames([]uintptr{pc}); ; {
		f, more := frames.Next()
		if f.Function != "" {
			l.Line = append(l.Line, profile.Line{Function: b.function(&f), Line: int64(f.Line)})
		}
		if !more {
			break
		}
	}
	b.locations[pc] = l
	b.p.Location = append(b.p.Location, l)
	return l
}

func (b *holders) function(f *runtime.Frame) *profile.Function {
	if fn := b.functions[f.Function]; fn != nil {
		return fn
	}
	fn := &profile.Function{ID: uint64(len(b.p.Function) + 1), Name: f.Function, SystemName: f.Function, Filename: f.File}
	b.functions[f.Function] = fn
	b.p.Function = append(b.p.Function, fn)
	return fn
}
