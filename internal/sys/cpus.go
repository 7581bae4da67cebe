package sys

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// CPUs is how many processors the calling thread may run on now; runtime.NumCPU is of when the process began.
func CPUs() int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return runtime.NumCPU() // more processors than the set has bits
	}
	return set.Count()
}
