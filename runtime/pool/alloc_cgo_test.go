//go:build cgo

package pool_test

import "github.com/poolgen/poolgen/internal/ctest/cstress"

var cgoMalloc, cgoFree = cstress.Malloc, cstress.Free
