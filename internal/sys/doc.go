// Package sys is the only user of golang.org/x/sys/unix: memory mappings, sealed memfds, futexes, polling and
// uevents, as thin typed calls.
// Every function says which errno it can return; callers wrap it with what they were doing.
package sys
