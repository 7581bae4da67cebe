// Package ring passes a stream of bytes from one producer to one consumer through memory that is mapped twice in a row, so
// that everything in it, and all the room in it, is always one slice: nothing is split at the end and nothing is copied.
//
// The producer and the consumer are two goroutines of a process, or two processes that share the [Ring]'s memfd:
//
//	producer                                     consumer
//	b := r.Unused()    all the room              b := r.Content()   all that is there
//	n := fill(b)                                 n := use(b)
//	r.Advance(n)       publish n bytes           r.Consume(n)       give n bytes of room back
//
// WaitUnused and WaitContent sleep until there is enough of either. WriteFunc and ReadFunc do the whole round with a callback, and a
// Ring is an io.Writer, io.ReaderFrom, io.Reader and io.WriterTo. [Options].Local is for one goroutine that is both, and costs least.
//
// # Who owns the memory
//
// A slice from Unused is the producer's until its Advance, one from Content the consumer's until its Consume. What lies behind both is the
// ring's. After [Ring.Close] a slice that somebody kept faults when it is touched; it never shows foreign memory, because the addresses
// stay reserved until [Ring.Unmap]. While a callback runs, or a Read or Write, Close leaves the memory in place for it.
//
// # Two addresses for each byte
//
// Compilers take it that different addresses are different bytes: with p[16] = 1; p[16+size] = 2, both the same byte here, they may read
// p[16] as 1. So the ring never shows both addresses of a byte to one piece of code: a slice has at most Size bytes, and no capacity
// beyond its length, so that no index reaches a byte's second address; and each comes out of a call that the compiler does not look
// into, so that it knows nothing of how two of them lie. Between two slices of one byte there is an atomic operation, Advance or Consume.
//
// On ARM processors whose caches alias, the two addresses must agree in their low 14 bits: sizes are multiples of 16 KiB, on every
// machine, so that a ring can be shared between any two.
//
// # Layout (version 1)
//
// The file has a control area of 64 KiB, as large as the largest page of any target, of which one page is ever touched, and then the
// data. Words are 32 bit, in the machine's byte order. Each group has a cache line, or two, of its own:
//
//	0    magic, version, byte order, size of the data, offset of the data
//	64   tail      written by the producer: bytes ever published, modulo 2*size
//	128  head      written by the consumer: bytes ever consumed, modulo 2*size
//	192  content   what the consumer waits for, a futex word, and whether the producer has ended
//	256  unused    what the producer waits for, a futex word, and whether the consumer has gone
//
// Each side keeps its own counter in its own memory and looks only at the other's in the file. A counter that is out of range or runs
// backwards makes the ring fail with [ErrCorrupt]; no slice is ever computed from it. A peer that writes anywhere in the data, whenever
// it likes, cannot be kept from it: check what you parse on a copy.
//
// A side is woken only if it says that it sleeps. A process that is killed leaves the bytes that it published, and a new one may take its
// side with [Open], which wakes the other; until then nobody tells that, and its waits end with their contexts.
//
// # Frames
//
// A [FrameWriter] publishes frames, of one size or of any up to a largest, to any number of [FrameReader]s, in this process or others,
// from memory or from a file. It never waits for them:
//
//	b, err := w.Reserve(n)                       f, err := r.Next(ctx)
//	n = fill(b)                                  use(f.Bytes())
//	w.Publish(n, time)                           if !f.Valid() { what was made of it does not count }
//
// Frames are numbered from 0. A reader gets each, in order, or learns by Frame.Missed and FrameStats exactly how many it missed. A frame
// is seen only once it is whole. A reader looks at it in place, where the writer may overwrite it: Valid tells whether it has, by the
// frame's number, which no other frame ever has. Copy and Promote, which makes a [pool.Buf], copy it and check that. They do not hold
// it in place: a reader that could would stop the writer, and one that died would stop it for good.
//
// The file begins with areas of 64 KiB, of which one page is touched, so that pages of any size can be mapped differently:
//
//	0                superblock  magic, version, byte order, frames, largest frame, flags, bytes and offset of the data, id (2 words), 0,
//	                             and the CRC-32C of these 11 words
//	64               next        frames ever published, 64 bit: high, low, high once more
//	128              oldest      frames ever overwritten or about to be, in the same way
//	192              ended       not 0 after Close
//	65536            door        not 0 if readers sleep: 1 more than twice the futex word as the newest of them saw it; then that word
//	131072           entries     32 bytes each, frame n at n modulo frames: number (2 words), offset, length, time (2 words), CRC-32C of
//	                             the payload, CRC-32C of the entry's 28 bytes before it
//	then, at 64 KiB  payloads    each at a multiple of 64
//
// A reader maps all but the door for reading only. Before the writer touches the place of old frames it moves oldest beyond them;
// then it writes the payload, then the entry, and then moves next. So a writer that is killed at any instruction leaves whole frames between
// the two, and the next one goes on there; a lock on the file, which the kernel takes from the dead, keeps them apart. Checksums, which only
// rings in files have, find what a crash of the machine, or of its disk, has damaged. [FrameWriter.Sync] is for that crash.
//
// Programs in C and C++ read frames by include/poolgen_ring.h, and write them, in memory, by include/poolgen_ring_writer.h.
//
// The space of a file is taken from the disk when it is made, so that a disk that gets full later stops nobody. A memfd is sealed, so that nobody
// can truncate it; what is not sealed is refused, unless it is a file that this program opens by its path, for who can open that is trusted not to
// truncate it. If somebody does all the same, the next access is a SIGBUS. The methods of this package make an error of it that wraps
// [ErrCorrupt], and the next writer mends the file. A program that reads Frame.Bytes in place, or fills what Reserve gave, ends, unless it has set
// debug.SetPanicOnFault; Frame.Copy and FrameWriter.Write are safe. Programs in C end.
package ring
