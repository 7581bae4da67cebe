package vet

import (
	"fmt"
	"go/token"
	"maps"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// class says what a value has to do with the reference that a walk follows.
type class uint8

const (
	none     class = iota
	base           // the reference itself: a copy, a View of it, an interface that holds it
	retained       // what Retain of it returned
	derived        // a pointer or slice into the block
	failure        // the error that came with it: there is no reference unless it is nil
	success        // the bool that came with it: there is no reference unless it is true
)

// reference reports whether who holds the value can release it.
func (c class) reference() bool { return c == base || c == retained }

// kept says where the reference, or a pointer into its block, was stored or sent.
type kept struct {
	pos  token.Pos
	what string // "stored in a field", "sent on a channel"
	addr string // key of the address it was stored at, or ""
	send bool
}

// state is what is known at one point of one path.
type state struct {
	held     int       // references that the function has still to release
	released token.Pos // of the release that made held 0
	some     bool      // something was released
	retain   token.Pos // of the last Retain whose result is used as a value
	deferred []token.Pos
	vals     map[ssa.Value]class
	cells    map[string]class // by address: variables that closures capture, and fields
	facts    map[string]bool  // outcomes of conditions that occur more than once

	checked bool // the error that came with the reference is nil
	dead    bool // the path need not be followed further
	again   bool // the acquiring call was met a second time: it stands for another reference now
	unsure  bool // an unknown function got a copy: no second release or late use can be told
	quiet   bool // nothing missing is reported any more: C may own the reference, or the error was tested in an unknown way

	keptRef, keptPtr *kept
	keptReleased     bool
}

func (s *state) clone() *state {
	c := *s
	c.vals, c.cells, c.facts = maps.Clone(s.vals), maps.Clone(s.cells), maps.Clone(s.facts)
	c.deferred = slices.Clone(s.deferred)
	return &c
}

// gone reports whether the function's references are all released, for sure.
func (s *state) gone() bool {
	return s.held == 0 && s.released.IsValid() && !s.unsure && s.keptRef == nil
}

// key tells states at the start of a block apart.
func (s *state) key(ids map[ssa.Value]int) string {
	var parts []string
	for v, c := range s.vals {
		parts = append(parts, fmt.Sprintf("%d=%d", ids[v], c))
	}
	for a, c := range s.cells {
		parts = append(parts, fmt.Sprintf("%s:%d", a, c))
	}
	for f, b := range s.facts {
		parts = append(parts, fmt.Sprintf("%s?%t", f, b))
	}
	slices.Sort(parts)
	return fmt.Sprint(s.held, s.released, s.some, len(s.deferred), s.checked, s.again, s.unsure, s.quiet, s.keptRef != nil, s.keptPtr != nil, s.keptReleased) +
		strings.Join(parts, ",")
}

// set records the class of v; a value that has none is forgotten.
func (s *state) set(v ssa.Value, c class) {
	if c == none {
		delete(s.vals, v)
		return
	}
	s.vals[v] = c
}

// setCell records the class of what is stored at addr, if that has a name.
func (s *state) setCell(addr string, c class) {
	if addr == "" {
		return
	}
	if c == none {
		delete(s.cells, addr)
		return
	}
	s.cells[addr] = c
}
