// Package nats has the benchmarks of runtime/ipc that need a message broker, NATS. It is a module of its own, so that nobody who uses poolgen
// downloads one.
package nats
