// Package sys is the only user of golang.org/x/sys/unix: memory mappings, sealed memfds and futexes, as thin typed calls.
// Every function says which errno it can return; callers wrap it with what they were doing.
package sys
