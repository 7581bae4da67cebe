package ctest

import (
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
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

// TestAllocatorHooks lets libraries of Debian's work on a generated allocator, under the address sanitizer.
func TestAllocatorHooks(t *testing.T) {
	for header, pkg := range map[string]string{"zlib.h": "zlib1g-dev", "zstd.h": "libzstd-dev", "sqlite3.h": "libsqlite3-dev", "lua5.4/lua.h": "liblua5.4-dev", "cjson/cJSON.h": "libcjson-dev"} {
		testutil.RequireFile(t, "/usr/include/"+header, pkg)
	}
	c := gcc.std("c11").with("asan", addressSanitizer...)
	c = c.with("", example, "-Wl,--no-as-needed", "-lz", "-lzstd", "-llua5.4", "-lcjson", "-lsqlite3")
	program := c.compile(t, "alloc_hooks.c")
	for _, library := range []string{"zlib", "zstd", "lua", "cjson", "sqlite"} {
		t.Run(library, func(t *testing.T) { t.Log(c.run(t, nil, program, library)) })
	}
}
