//go:build race

package luma

const race = true
