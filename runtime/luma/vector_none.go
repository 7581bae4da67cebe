//go:build !amd64 && !arm64 && !arm

package luma

const block = 32

func vectors() bool { return false }

func sumVector(*byte, int) uint64 { return 0 }

func countVector(*byte, int, uint8) uint64 { return 0 }

func compareVector(_, _ *byte, _ int, _ uint8) (sum, most, count uint64) { return 0, 0, 0 }

func findVector(*byte, int, uint8) int { return 0 }

func findChangeVector(_, _ *byte, _ int, _ uint8) int { return 0 }
