//go:build poolgen_debug

package bus_test

const checked = true
