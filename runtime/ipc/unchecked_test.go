//go:build !poolgen_debug

package ipc

// checked says that the build records where buffers go.
const checked = false
