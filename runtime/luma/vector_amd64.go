package luma

import "golang.org/x/sys/cpu"

// block is what the loops of vector_amd64.s do at once, at least.
const block = 32

func vectors() bool { return cpu.X86.HasAVX2 && cpu.X86.HasPOPCNT }
