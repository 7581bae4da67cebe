package luma

import "golang.org/x/sys/cpu"

// block is what the loops of vector_arm64.s do at once.
const block = 32

func vectors() bool { return cpu.ARM64.HasASIMD }
