// Package grpcmem is a buffer pool for gRPC (mem.BufferPool of google.golang.org/grpc) whose buffers are blocks of poolgen pools: pinned, outside
// the Go heap, within a budget, and counted.
//
//	buffers, err := grpcmem.New(grpcmem.Options{}, small, large)
//	server := grpc.NewServer(experimental.BufferPool(buffers))
//
// A request takes a block of the smallest pool that it fits into, then of a larger one. When none is left, or none is large enough, it comes from
// Options.Fallback or the Go heap, and is counted.
package grpcmem
