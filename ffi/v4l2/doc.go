// Package v4l2 captures and plays video through the kernel's Video4Linux2 API (linux/videodev2.h), by system calls only: it needs no C
// library and works in static programs. Frames are [pool.Buf]s of the driver's own memory, or of a pool that the driver fills.
//
// [Devices] lists what is there, [Open] opens a node. The driver has the last word on what is asked of it: [Device.SetFormat] and
// [Device.SetInterval] return what it really set. [Device.Stream] takes buffers, [Stream.Read] hands out captured frames,
// [Stream.Buffer] and [Stream.Write] send frames to an output; a memory-to-memory device has a stream of each kind on one [Device].
// Single-planar and multi-planar drivers look alike: a [Frame] has planes, often one.
//
// # Who owns the memory
//
// A frame from Read is borrowed: who reads it owes one Release for each plane, or one [Frame.Release]. What its planes' Bytes and
// Pointer return is valid until then, after Stream.Close and Device.Close too. With [MemoryMMAP] and imported DMABUFs the last release
// queues the driver's buffer again, so a consumer that holds frames takes them from the driver: [StreamConfig.Low] says what Read does
// then. With [MemoryUserptr] the driver fills blocks of a pool, and a frame that is held costs a block.
//
// A frame whose last reference C releases goes back to the driver at the next call of Read, Buffer or Stats, or at once while Read or
// Buffer waits for a release. After Close its memory is given back at the next call of Stats.
//
// # Lost frames
//
// A driver numbers its frames. Those that it had no buffer for are the gaps: [Frame.Lost] counts them at the frame behind the gap,
// [Stats.Lost] in all. What Read itself passed over is counted apart, in [Stats.Dropped] and [Stats.Corrupt].
//
// # Waiting
//
// A device is opened non-blocking. Read, Write and Event wait in poll(2) for the device and an eventfd, so that a context and Close end
// the wait at once. The watch on a context is set up when a stream sees it first and stays until another context comes: use one
// context for a run, not one for each frame. One goroutine at a time reads or writes a stream ([ErrBusy] otherwise); everything else may
// be called from any goroutine.
//
// # Errors
//
// Errors are [*Error]; errors.Is finds the errno in them, such as syscall.ENODEV for a device that was unplugged.
//
// # The kernel's structures
//
// The z*.go files are made from the kernel's headers, once for each target, and a test has C compilers compare every size, offset and
// number. On 386 and arm the calls with 64-bit time are used, and those with 32 bits on kernels before 5.6, which know no others.
package v4l2
