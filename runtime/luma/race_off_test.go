//go:build !race

package luma

const race = false
