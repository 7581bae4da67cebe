package pool

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"os"
	"strings"

	"github.com/poolgen/poolgen/internal/sys"
)

// Limit is what Get does when every block is in use.
type Limit uint8

const (
	// LimitFail makes Get return ErrLimit at once.
	LimitFail Limit = iota
	// LimitHeap makes Get take a block from the Go heap, pinned, and count it. It needs a free header slot (Options.External).
	LimitHeap
)

// Debug is a set of checks that cost speed.
type Debug uint8

const (
	// DebugPoison fills a block with 0xDB when its last reference goes, so that a reader of stale memory sees it.
	DebugPoison Debug = 1 << iota
	// DebugCanary puts a guard behind each payload and checks it at the last release: an overflow panics.
	DebugCanary
	// DebugTrace keeps the stacks of each block's last acquisitions, retains and releases.
	DebugTrace
	// DebugQuarantine makes a released block inaccessible for a while: a use through a stale pointer faults at once.
	DebugQuarantine
)

// DebugEnv is the environment variable that New reads for further checks: a comma-separated list of poison, canary,
// trace, quarantine, or all.
const DebugEnv = "POOLGEN_DEBUG"

// Options tune a pool. The zero value gives 64 blocks on demand, aligned to a cache line, and ErrLimit beyond.
type Options struct {
	Name     string // shown in errors and Stats
	Prealloc int    // blocks whose memory is committed by New; at most Max
	Max      int    // blocks at most, up to 1<<24; 0: as many as Budget admits, or max(64, Prealloc) without a Budget
	Budget   int64  // bytes at most, bookkeeping included; 0: as much as Max needs
	Align    int    // alignment of payloads: a power of two from 64 to 1 MiB; 0 means 64
	External int    // header slots for external, adopted and heap blocks, up to 1<<20; 0 means 64
	AtLimit  Limit
	Shared   bool  // a sealed memfd that other processes can map, instead of anonymous memory
	Debug    Debug // checks, in addition to those of DebugEnv and the poolgen_debug build tag
}

const (
	maxBlocks     = 1 << 24
	maxExternal   = 1 << 20
	maxSize       = 1 << 30
	maxAlign      = 1 << 20
	defaultBlocks = 64
	canaryBytes   = 64
)

// geometry is the arena that a size and Options come to.
type geometry struct {
	capacity, stride          uint32
	fixed, external, prealloc uint32
	payloadOffset             uint64
	arenaSize                 uint64
	budget                    uint64
	debug                     Debug
}

func plan(size int, o *Options) (geometry, error) {
	g := geometry{debug: o.Debug | buildDebug}
	env, err := parseDebug(os.Getenv(DebugEnv))
	if err != nil {
		return g, err
	}
	g.debug |= env
	switch {
	case size <= 0 || size > maxSize:
		return g, fmt.Errorf("poolgen: block size of %d bytes: it must be from 1 to %d", size, maxSize)
	case o.Max < 0 || o.Max > maxBlocks:
		return g, fmt.Errorf("poolgen: Options.Max of %d blocks: it must be from 0 to %d", o.Max, maxBlocks)
	case o.Prealloc < 0 || o.Prealloc > maxBlocks || o.Max > 0 && o.Prealloc > o.Max:
		return g, fmt.Errorf("poolgen: Options.Prealloc of %d blocks: it must be from 0 to Options.Max (%d)", o.Prealloc, o.Max)
	case o.Budget < 0:
		return g, fmt.Errorf("poolgen: Options.Budget of %d bytes: it must not be negative", o.Budget)
	case o.External < 0 || o.External > maxExternal:
		return g, fmt.Errorf("poolgen: Options.External of %d slots: it must be from 0 to %d", o.External, maxExternal)
	case o.Align != 0 && (o.Align < payloadUnit || o.Align > maxAlign || bits.OnesCount(uint(o.Align)) != 1):
		return g, fmt.Errorf("poolgen: Options.Align of %d bytes: it must be a power of two from %d to %d", o.Align, payloadUnit, maxAlign)
	case o.AtLimit > LimitHeap:
		return g, fmt.Errorf("poolgen: Options.AtLimit of %d: it must be LimitFail or LimitHeap", o.AtLimit)
	case o.Shared && g.debug&DebugQuarantine != 0:
		g.debug &^= DebugQuarantine // a page that is inaccessible here is not so in a peer
	}
	page := uint64(sys.PageSize())
	align := uint64(max(o.Align, payloadUnit))
	if g.debug&DebugQuarantine != 0 {
		align = max(align, page)
	}
	guard := uint64(0)
	if g.debug&DebugCanary != 0 {
		guard = canaryBytes
	}
	stride := roundUp(uint64(size)+guard, align)
	g.capacity, g.stride = uint32(size), uint32(stride)
	g.external = uint32(o.External)
	if o.External == 0 {
		g.external = 64
	}
	blocks := uint64(o.Max)
	if blocks == 0 {
		blocks = max(defaultBlocks, uint64(o.Prealloc))
		if o.Budget > 0 {
			blocks = min(maxBlocks, uint64(o.Budget)/stride)
		}
	}
	overhead := func(blocks uint64) uint64 {
		return roundUp(headersOffset+(blocks+uint64(g.external))*headerSize, max(page, align))
	}
	total := func(blocks uint64) uint64 { return roundUp(overhead(blocks)+blocks*stride, page) }
	g.budget = uint64(o.Budget)
	if g.budget == 0 {
		g.budget = total(blocks)
	} else if total(blocks) > g.budget {
		// The budget rules over Max. Start below the answer and step up: at most a page's worth of headers of steps.
		blocks = 0
		if base := overhead(0) + 2*page + align; g.budget > base {
			blocks = (g.budget - base) / (stride + headerSize)
		}
		for total(blocks+1) <= g.budget {
			blocks++
		}
	}
	if blocks == 0 || blocks < uint64(o.Prealloc) {
		want := max(1, uint64(o.Prealloc))
		return g, fmt.Errorf("poolgen: Options.Budget of %d bytes admits %d blocks of %d bytes, %d are asked for at least: it must be %d or more",
			o.Budget, blocks, stride, want, total(want))
	}
	g.fixed, g.prealloc = uint32(blocks), uint32(o.Prealloc)
	g.payloadOffset = overhead(blocks)
	g.arenaSize = total(blocks)
	if g.arenaSize > math.MaxInt || g.arenaSize/payloadUnit > math.MaxUint32 {
		return g, fmt.Errorf("poolgen: %d blocks of %d bytes make an arena of %d bytes, more than this machine can address: lower Options.Max or set Options.Budget",
			blocks, stride, g.arenaSize)
	}
	return g, nil
}

func roundUp(n, unit uint64) uint64 { return (n + unit - 1) &^ (unit - 1) }

func parseDebug(list string) (Debug, error) {
	var d Debug
	for _, word := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		switch word {
		case "poison":
			d |= DebugPoison
		case "canary":
			d |= DebugCanary
		case "trace":
			d |= DebugTrace
		case "quarantine":
			d |= DebugQuarantine
		case "all":
			d |= DebugPoison | DebugCanary | DebugTrace | DebugQuarantine
		default:
			return 0, fmt.Errorf("poolgen: %s names %q: it knows poison, canary, trace, quarantine and all", DebugEnv, word)
		}
	}
	return d, nil
}

// Or is o with the fields that are zero taken from defaults. Generated code merges a directive's options so.
func (o Options) Or(defaults Options) Options {
	if o.Max > 0 {
		defaults.Prealloc = min(defaults.Prealloc, o.Max)
	}
	return Options{
		Name:     cmp.Or(o.Name, defaults.Name),
		Prealloc: cmp.Or(o.Prealloc, defaults.Prealloc),
		Max:      cmp.Or(o.Max, defaults.Max),
		Budget:   cmp.Or(o.Budget, defaults.Budget),
		Align:    cmp.Or(o.Align, defaults.Align),
		External: cmp.Or(o.External, defaults.External),
		AtLimit:  cmp.Or(o.AtLimit, defaults.AtLimit),
		Shared:   o.Shared || defaults.Shared,
		Debug:    o.Debug | defaults.Debug,
	}
}
