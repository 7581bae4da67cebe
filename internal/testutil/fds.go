package testutil

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// OpenFDs fails the test if it ends with descriptors open that were not open
// at the call, and names what they refer to. Call it first, so that it looks
// after all other cleanups; not in a test that runs in parallel with others,
// whose descriptors it would see.
func OpenFDs(tb testing.TB) {
	tb.Helper()
	wakeNetpoll(tb)
	before := openFDs(tb)
	tb.Cleanup(func() {
		tb.Helper()
		if left := newFDs(before, openFDs(tb)); len(left) > 0 {
			tb.Errorf("descriptors left open: %q", left)
		}
	})
}

// wakeNetpoll makes the runtime open its own epoll and event descriptors,
// which it does at the first use and keeps: they are no leak of the test.
func wakeNetpoll(tb testing.TB) {
	tb.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		tb.Fatalf("opening a pipe: %v", err)
	}
	r.Close()
	w.Close()
}

// openFDs returns what each open descriptor refers to, as the kernel puts it.
func openFDs(tb testing.TB) map[string]string {
	tb.Helper()
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatalf("listing descriptors: %v", err)
	}
	fds := make(map[string]string, len(entries))
	for _, e := range entries {
		// Readlink fails for the descriptor that ReadDir itself had open.
		if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil {
			fds[e.Name()] = target
		}
	}
	return fds
}

// newFDs compares how many descriptors refer to the same thing, not their
// numbers, which the kernel gives out again.
func newFDs(before, after map[string]string) []string {
	count := make(map[string]int)
	for _, target := range before {
		count[target]++
	}
	var left []string
	for fd, target := range after {
		if count[target]--; count[target] < 0 {
			left = append(left, fmt.Sprintf("%s -> %s", fd, target))
		}
	}
	slices.Sort(left)
	return left
}
