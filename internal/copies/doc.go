// Package copies measures what pooled buffers save a camera. Its tests hold the same camera twice: with a copy of each frame for each stage, on the
// garbage-collected heap and over channels, and with one block from runtime/pool that runtime/bus and runtime/store share out. Two more are what a
// careful Go program does without a pool: to copy as the first, into memory that it uses again; and to share the slices of the first
// without copying them again.
//
//	capture ─┬─ analysis    brightness, and the difference to an earlier picture
//	         ├─ recorder    a checksum of each picture, late by its history
//	         ├─ live view   a small picture of now, and one of a while ago
//	         └─ clip        every so often, all pictures of its history
//
// All do the same work on the same pictures, with as many stages and histories as long, and check that they get every picture.
// A frame belongs to the stage that it was copied for, or, pooled, to whoever holds a reference.
package copies
