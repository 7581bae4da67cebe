//go:build !poolgen_debug

package store

// checked says that the build records where buffers go.
const checked = false
