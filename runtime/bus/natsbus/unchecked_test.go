//go:build !race && !poolgen_debug

package natsbus_test

const checked = false
