//go:build race

package ipc

// raceBuild says that the race detector is in this build, which makes it slow.
const raceBuild = true
