// Package top looks at the pools of running programs from outside, for poolgen top: which there are, how many of their blocks are in use,
// who has them, how fast they go round, and which have been held for long.
//
// # What can be seen
//
// A shared pool (pool.Options.Shared) lies in a memfd, and so do a shared allocator and the channel between a publisher of runtime/ipc and each of its
// subscribers. A memfd that a process has open, or mapped, can be found and opened through /proc by whoever may look at that process. Pools in
// anonymous memory cannot be seen.
//
// # How nothing is disturbed
//
// The files are opened with O_RDONLY and mapped with PROT_READ: nothing is written, no lock of the program is taken, no signal is sent, no process is
// stopped, and the program is not asked for anything. (The kernel keeps a process from mapping memory while it writes a page of its /proc/PID/maps.) Only what the program itself has written is read: reading a page of a memfd that
// nobody has touched would commit it. Payloads are not mapped. Nothing is kept open or mapped between samples, so that a program that closes a pool
// gets its memory back. What a sample costs the program is that lines of its cache which hold headers are shared for a moment.
//
// # What is believed
//
// Nothing. The program may be wrong, or hostile. A head is copied before it is checked, all numbers that addresses are made of are
// taken from the checked copy, a file that could be cut off under the mapping (F_SEAL_SHRINK is not set) is refused, and a fault that happens
// all the same is an error and not the end. Loops are bounded by checked numbers, and no word is waited for. The layouts are those of runtime/pool and
// runtime/ipc, which this package may not import; a test compares every field and constant with their sources.
//
// # Where numbers come from
//
// A pool counts nothing on its hot path. A block's generation counts its lives, so the sums that pool.Stats makes are made here in the same way;
// what a program keeps in its own memory (blocks from the Go heap, how often Wait slept) is missing. Rates are differences of two
// samples.
//
// Every process is searched when it is new and every five seconds, those that have a part or were named before each sample. So what another
// program begins to share is seen within five seconds.
//
// Ages come from sampling. A block whose generation is the same in two samples, and which was in use in both, was in use all the time between them,
// because the last release of a block makes its generation another. So what is told is at least how old a block is.
//
// What a subscriber has follows from the words of its channel: frames written, less those that the publisher took back from the queue,
// less those that the subscriber gave back. The process at the other end is the one that has the same file mapped.
package top
