// Command poolgen generates typed pools in Go, and C headers that agree with them to the byte, from annotated structs, and bindings of C
// libraries from annotated interfaces.
//
// A struct is annotated in the comment above it:
//
//	//poolgen:pool shared prealloc=16 max=256 align=64
//	type frame struct {
//		PTS  int64
//		Drop uint64      `poolgen:"atomic"`
//		PCM  [1920]int16 `poolgen:"align=64"`
//	}
//
// Options of the directive, all optional:
//
//	shared        C must be able to share the struct: a field that it cannot hold is an error. Without it the pool
//	              of such a struct stays on the Go heap, and there is no header.
//	prealloc=N    blocks whose memory is committed at the start
//	max=N         blocks at most
//	budget=SIZE   bytes at most, bookkeeping included: 65536, 64KiB, 8MiB
//	align=SIZE    alignment of a block: a power of two from 64 to 1MiB
//	as=Name       name of the Go type that is emitted; by default the struct's, exported
//	prefix=name   prefix of names in C; by default the package's name, of a program the last part of its import path. It is that
//	              of the whole file: one header has one prefix.
//
// Options in a field's tag `poolgen:"..."`:
//
//	atomic        the field becomes a sync/atomic type, and C gets load, store and add; int32, uint32, int64 or uint64.
//	              With GOARM below 7 a 64-bit one is atomic within one language only. atomic.Int32, Uint32, Int64 and
//	              Uint64 may be written as they are too, also in nested structs and arrays.
//	align=SIZE    alignment of the field within the struct: a power of two
//	cacheline     the field begins a line of 64 bytes and nothing else lies in it
//	cstring       the field, [N]byte, holds text that ends in a NUL: Go gets NameString and SetName, C gets x_name_len
//	              and x_set_name. What does not fit is cut, not within a UTF-8 letter, and the setter says so.
//	payload,cap=N the last field, []byte or [0]byte, is N bytes of which a block uses as many as Buf.Len says: Go gets
//	              FrameData, SetFrameDataLen, FrameDataOffset and FrameDataCap, C gets x_data, x_data_len and x_set_data_len.
//
// Fields hold fixed-size integers, floats, named types of them, arrays, and structs of those, also of other packages and embedded
// ones. The constants of a named integer type become typed constants in C; those of an unsigned one whose constants are bits may be
// or-ed there as in Go. A generic struct is annotated by way of an alias that gives its type arguments:
//
//	//poolgen:pool
//	type wave16 = wave[int16]
//
// A member whose name C or C++ cannot have, such as a keyword or the name of another member's type, has a _ behind it there: class_.
//
// bool, int, uint, uintptr, strings, slices, maps and pointers are refused with what to write instead; poolgen explain has more. Test files are
// not read.
//
// An empty struct can be annotated to become a size-class allocator, for Go and for C libraries:
//
//	//poolgen:sizeclass min=64 max=128KiB budget=16MiB prefix=cam
//	type camAlloc struct{}
//
// Its options, of which only budget is required:
//
//	budget=SIZE   bytes in all, bookkeeping included: 64KiB to 2GiB
//	min=SIZE      the smallest class; 64 by default
//	max=SIZE      the largest class; 128KiB by default. Larger requests take whole units of 4 to 64 KiB
//	growth=N      classes from one power of two to the next: 1, 2, 4, 8 (the default) or 16, none closer than align=
//	sizes=A,B,... the classes themselves, instead of min=, max= and growth=
//	align=SIZE    alignment of every block: a power of two from 8 to 4096; 16 by default
//	cache=SIZE    bytes that a thread's cache keeps at most; by default a 32nd of the budget, between 64 KiB and 32 MiB
//	prealloc=S:N,...  N blocks of S bytes are made and committed at the start
//	shared        in a sealed memfd, which other processes can map
//	as=Name       name of the Go type that is emitted
//	prefix=name   prefix of names in C; by default the emitted type's name, in lower case
//
// # C libraries
//
// An unexported interface can be annotated to become a binding of a C library. Each method has the prototype of the C function that it
// calls as its comment, behind it, or at the beginning of the one above it; what follows there is the method's documentation:
//
//	//poolgen:bind soname=libzstd.so.1 pkg-config=libzstd include=zstd.h package=libzstd1 dev=libzstd-dev
//	type zstd interface {
//		isError(code uintptr) uint32 // unsigned ZSTD_isError(size_t code)
//
//		// int ZSTD_defaultCLevel(void)
//		//
//		// defaultLevel is the level that is used when none is given.
//		//
//		//poolgen:c optional=1.5.0 header=ZSTD_VERSION_NUMBER>=10500
//		defaultLevel() (int32, error)
//	}
//
// Of a file bind.go two files are made with the same struct, zstdC, and the same methods: bind_cgo.go, which links the library, and
// bind_nocgo.go, which loads it at run time in programs built with CGO_ENABLED=0 (package runtime/dl; such a program is dynamically
// linked). They are built under what bind.go is built under, by its line of //go:build and its name. openZstd returns a *zstdC; without cgo its error names the library, the package that has it and where it was looked for.
// What only one of the two can do is refused for both. Methods may be called from any goroutine, as far as the library allows.
//
// Options of //poolgen:bind; soname, include, package and one of pkg-config and link are required:
//
//	soname=A,B       names to load the library by, the first that is there
//	pkg-config=A,B   modules that cgo asks pkg-config for
//	link=A,B         libraries that cgo links, without lib and .so
//	include=A,B?     headers that declare the functions; a ? behind one that older versions lack
//	package=NAME     package that has the library, for errors
//	dev=NAME         package that has the headers, for errors
//	types=T:G,...    Go types of the library's own integers and floats, as in opus_int32:int32
//	as=name          name of the struct; by default the interface's with C behind it
//	noescape, nocallback   for every function what they are for one, below
//
// Options of //poolgen:c, in the comment of a method:
//
//	optional=VERSION the library has the function from that version on; optional alone does as well. The method's last result is an
//	                 error, which is errors.ErrUnsupported where the function is missing; everything else works. hasDefaultLevel tells
//	                 beforehand. A library or a header without it stops no build. A statically linked program has only those
//	                 optional functions that something else in it needs.
//	header=COND      with optional: the header declares the function if the condition of the C preprocessor holds, and is checked then
//	noescape, nocallback   the directives of cgo, which keep arguments on the stack: C does not keep them, and does not call Go
//
// Types: C's int is int32, unsigned is uint32, long is int, unsigned long and size_t are uintptr, long long is int64, double is float64,
// bool is bool. A pointer is a pointer to the Go type of what it points to, unsafe.Pointer, or, to C's own memory or a pooled block,
// uintptr. Of the three, unsafe.Pointer costs most: cgo looks whether there are Go pointers in the memory behind it. A const char *
// that is a result may be a string, which is copied. Other named types go by the Go type that the method has. A variadic function has a
// method for each number and kind of arguments that it is called with.
//
// poolgen compares the two; the C compiler compares the prototypes, the widths and kinds of named types, and the sizes of structs that Go
// pointers point to, with the header whenever the cgo side is built. (A struct of Go without fields stands for one that the header does not
// show.) An optional function is compared only if it has header=. So build it once for each target also when programs do not use it, and with -a when headers have changed: the go
// command does not look at those. Structs by value, floats of two widths in one call and
// floats for and from variadic functions are refused, because they cannot be passed without cgo on arm; constants, macros and callbacks into Go are
// not bound. Neither is errno, which another thread of the Go runtime may have changed: bind a function that returns its error.
//
// Calls allocate nothing but such strings and, without cgo, what calls with floats or with more than 16 words of arguments need.
//
// Memory behind a pointer is the caller's, for the call. C may keep the address of memory that does not move or go away: its own, or a
// pooled block as long as it is held.
//
// # What it says
//
// What is wrong with the source goes to standard error, one line each, file:line:col: message (PG0020), by file, line and column; then
// nothing is written and the exit status is 1. A status of 2 is one of the command line or the environment. Colour is used on a
// terminal only, unless $NO_COLOR is set or $TERM is dumb; -color=always and -color=never decide it.
//
// A file that poolgen wrote earlier, beside a source that asks for it no more, is removed, and told: its annotation is gone, or the source was
// renamed or removed. It is known by its name and its first line; with -o or -header nothing is removed.
//
// With -json standard output gets one object on one line instead; all members are always there:
//
//	version      1; a later one only adds members
//	diagnostics  array of objects: code, file, line and column (from 1; the column in bytes; 0 for a whole file), message
//	written      array of the files that were written
//	removed      array of the files that were removed, since no source asks for them any more
//	stale        array of the files that would have been written or removed, with -check
//	unchanged    array of the files that are as they should be
//	skipped      number of packages that were not read again, since nothing that they are made from has changed
//	error        what is wrong with the command line's packages or the environment, or ""
//
// File names are relative to the working folder if they are below it. -sarif writes the diagnostics as SARIF 2.1.0, for code scanning:
// every code is a rule, places are relative, columns count characters; a file that -check finds stale is PG0000.
//
// # Watching programs
//
// poolgen top shows shared pools and size-class allocators of running programs, and the subscribers of publishers (package runtime/ipc), by what it reads of their memory; it
// writes nothing there. A program's numbers are those of its pool.Stats. Ages, and rates, are of the time that it watches. What cannot be looked at
// is told on standard error, with -json in notes. What other programs begin to share is seen within five seconds. The exit status is 2 if there is
// nothing to be seen at first.
//
// With -json there is one object a line for each sample, in which all members are always there; a later version only adds some. A rate is null in the first sample
// of a pool, a count that a publisher does not tell is null:
//
//	version           1
//	time, interval_seconds, watched_seconds   of the sample, since the sample before, since the first
//	processes         pid, name, uid of those that have a part
//	pools             id, name, processes (pid, fd, mapped, writable); block_bytes, stride_bytes, blocks, high_water, preallocated; in_use,
//	                  external_in_use, free, pending, waiters, damaged, closed, debug; acquired, released, hits, grown, joined, misses, refusals,
//	                  stale, saturated; bytes_in_use, bytes_committed, budget_bytes; gets_per_second, releases_per_second, oldest_seconds
//	allocators        id, name, processes; used_bytes, high_water_bytes, budget_bytes, overhead_bytes, unit_bytes, classes, caches, refusals,
//	                  misuses, reclaims
//	subscribers       pid, name, pool_id, pool, publisher_pid, publisher_name, policy; slots, waiting, taking, holds, given, returned, lost (modulo
//	                  2^32); asleep, publisher_waits, leaving, ended; given_per_second, returned_per_second, lost_per_second
//	held              pool_id, pool, block, external, references, saturated, generation, at_least_seconds, queued_for (pids)
//	notes, hidden     what happened, in words; how many processes may not be looked at
//
// # What it remembers
//
// A package is passed over when its own files, those of other packages that its structs are made of, go.mod and what else describes
// modules, the options, the target, poolgen itself and the go command are what they were, and the outputs are still there as
// they were written; contents count, not times. This is kept in the folder $POOLGEN_CACHE, by default poolgen in the user's cache
// folder; POOLGEN_CACHE=off keeps nothing. It can be deleted at any time.
package main
