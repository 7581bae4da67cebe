package main

import "sync/atomic"

//go:generate go run github.com/poolgen/poolgen/cmd/poolgen

// quality says how far a reading can be trusted.
type quality int8

const (
	qualityBad  quality = iota - 1 // the sensor reported a fault
	qualityPoor                    // taken while it was warming up
	qualityGood
)

// flags are bits: the constants of a named unsigned type are what they are in Go, combinations too.
type flags uint16

const (
	flagCalibrated flags = 1 << iota
	flagFiltered
	flagClipped
	flagUsable = flagCalibrated | flagFiltered
)

// stamp is part of every record.
type stamp struct {
	PTS      int64 // nanoseconds of CLOCK_MONOTONIC
	Sequence uint32
	_        [4]byte
}

// counters are one sensor's, counted from both languages.
type counters struct {
	Taken atomic.Uint64
	Lost  atomic.Uint32
	_     [4]byte
}

// vector is a value for each axis.
type vector[T any] struct{ X, Y, Z T }

// matrix is row by row.
type matrix [2][3]float64

// reading has one of every kind of field.
//
//poolgen:pool shared prealloc=4 max=64
type reading struct {
	stamp
	Quality quality
	Flags   flags
	Label   [16]byte `poolgen:"cstring"`
	Raw     vector[int16]
	History [2][4]vector[float32]
	Turn    matrix
	Sensors [3]counters
	Errors  uint32 `poolgen:"atomic"`
	Energy  atomic.Int64
	class   uint8         // a keyword in C++
	Head    atomic.Uint32 `poolgen:"cacheline"` // who writes
	Tail    atomic.Uint32 `poolgen:"cacheline"` // who reads
	Last    uint8
}

// packet is a fixed header with what follows it in the block.
//
//poolgen:pool shared max=16
type packet struct {
	Kind   uint8
	Source uint32
	Data   []byte `poolgen:"payload,cap=1500,align=64"`
}

// spectrum is generic; what has a layout is the alias below.
type spectrum[T any] struct {
	Rate uint32 // in hertz
	Bins [64]T  `poolgen:"align=16"`
	Peak vector[T]
}

// spectrum32 is in floats.
//
//poolgen:pool shared max=8
type spectrum32 = spectrum[float32]

// spectrum64 is in doubles.
//
//poolgen:pool shared max=8
type spectrum64 = spectrum[float64]
