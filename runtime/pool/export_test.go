package pool

// BuildDebug is the set of checks that this build makes in every pool.
const BuildDebug = buildDebug

// RaceBuild tells whether the arena is Go heap memory.
const RaceBuild = raceBuild
