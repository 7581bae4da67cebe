//go:build !race && !poolgen_debug

package stream

const checked = false
