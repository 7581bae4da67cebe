//go:build !race

package metrics

// raceBuild tells whether pools are on the Go heap.
const raceBuild = false
