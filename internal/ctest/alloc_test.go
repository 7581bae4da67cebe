package ctest

import (
	"testing"
)

const example = "-I../../examples/alloc" // its generated header is what the C programs include

func TestAllocator(t *testing.T) {
	for _, c := range []toolchain{
		gcc.std("c11"), gxx.std("c++17"), clang.std("c11"), clangxx.std("c++17"), armGcc.std("c11"), armGxx.std("c++17"),
		gcc.std("c11").with("asan", addressSanitizer...), clang.std("c11").with("tsan", threadSanitizer...),
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c := c.with("", example)
			if got := c.run(t, nil, c.compile(t, "alloc_unit.c")); got != "ok" {
				t.Error(got)
			}
		})
	}
}
