package testutil

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// Mappings fails the test if it ends with files or devices mapped that were not mapped at the call, and names them; segments of System V
// shared memory count too. Libraries that the test loads for good must be loaded before. Call it as OpenFDs.
func Mappings(tb testing.TB) {
	tb.Helper()
	before := mappings(tb)
	tb.Cleanup(func() {
		tb.Helper()
		if left := moreMappings(before, mappings(tb)); len(left) > 0 {
			tb.Errorf("left mapped: %q", left)
		}
	})
}

// mappings counts what is mapped by the file that it is of. A file has several mappings for several protections, and the kernel may
// split one or join two of them, so their bytes are counted.
func mappings(tb testing.TB) map[string]uint64 {
	tb.Helper()
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		tb.Fatalf("listing mappings: %v", err)
	}
	defer f.Close()
	sizes := make(map[string]uint64)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 || strings.HasPrefix(fields[5], "[") {
			continue
		}
		var from, to uint64
		if _, err := fmt.Sscanf(fields[0], "%x-%x", &from, &to); err != nil {
			tb.Fatalf("reading %q: %v", lines.Text(), err)
		}
		sizes[fields[5]] += to - from
	}
	if err := lines.Err(); err != nil {
		tb.Fatalf("listing mappings: %v", err)
	}
	return sizes
}

func moreMappings(before, after map[string]uint64) []string {
	var left []string
	for name, size := range after {
		if size > before[name] {
			left = append(left, fmt.Sprintf("%d bytes more of %s", size-before[name], name))
		}
	}
	slices.Sort(left)
	return left
}
