//go:build race || poolgen_debug

package stream

const checked = true // the race detector allocates, and so do the checks of pools
