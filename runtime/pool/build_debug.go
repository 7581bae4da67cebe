//go:build poolgen_debug

package pool

// buildDebug holds the checks that every pool of this build makes.
const buildDebug = DebugPoison | DebugCanary | DebugTrace
