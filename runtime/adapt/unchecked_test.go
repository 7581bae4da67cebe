//go:build !race && !poolgen_debug

package adapt_test

const checked = false
