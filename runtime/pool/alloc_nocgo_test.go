//go:build !cgo

package pool_test

import "unsafe"

var (
	cgoMalloc func(int) (unsafe.Pointer, error)
	cgoFree   func(unsafe.Pointer)
)
