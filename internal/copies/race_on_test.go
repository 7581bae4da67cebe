//go:build race

package copies

const race = true
