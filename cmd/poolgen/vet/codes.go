package vet

// Code explains one kind of finding.
type Code struct {
	Code    string // "PG1001"
	Name    string // of the analyzer, as in a flag that switches it off: -unreleased=false
	Title   string // one line
	Explain string // a few paragraphs, with what to write instead
}

// Codes lists every finding of this package in the order of its code.
func Codes() []Code {
	return []Code{
		{"PG1001", "unreleased", "a buffer or reference is not released on some path", `
Who takes a buffer (Get, Wait, Adopt, External, Pool.Buf, Typed.Ref, Retain, or a function that returns such a result) owes one
Release on every path to the end of the function, or gives the buffer away: returns it, sends it, stores it, or passes it on.
A path that does neither loses the block for as long as the pool lives.

	b, err := p.Get()
	if err != nil {
		return err // no buffer here
	}
	defer b.Release()

A function that only reads a buffer which it is passed does not take it: the caller still owes the release.`},
		{"PG1002", "afterrelease", "a buffer or reference is used after its release", `
After Release the handle is stale: its methods panic with *pool.MisuseError. Move the release behind the last use, or take a
reference of one's own before it with Retain. Valid, Pool and Handle may be called on a stale handle.`},
		{"PG1003", "twice", "a buffer or reference is released twice on one path", `
Each Get, Wait and Retain owes exactly one Release; the second panics with *pool.MisuseError. Often the first is deferred:

	defer b.Release()
	if bad {
		b.Release() // delete this one
		return errBad
	}`},
		{"PG1004", "kept", "what a released reference stood for is kept or sent", `
The function stores or sends a reference, a View, or a slice or pointer from one, and releases the reference itself. Who finds it
later holds something stale. Give it a reference of its own:

	defer b.Release()
	ch <- b.Retain() // the receiver releases this one`},
		{"PG1005", "pastrelease", "a slice or pointer is used or returned past the release", `
What Bytes, Pointer and Value return is valid until the caller's own Release. Afterwards the memory belongs to the next user of the
block, and nothing can detect the use. Copy what is needed (bytes.Clone, a struct assignment), or release later. A function that
returns a slice of a buffer must not release it, also not by defer.`},
		{"PG1006", "atomic32", "a 64-bit field is used atomically and misaligned on arm and 386", `
On arm and 386 the functions of sync/atomic panic on a 64-bit word that is not aligned to 8 bytes, and a struct aligns an int64 to 4.
Only the start of an allocated struct, array or variable is sure. Use atomic.Int64 or atomic.Uint64, which are aligned everywhere;
or, where the type must stay, put the field first, or a field "_ [0]atomic.Int64" right before it.

Files whose name or build tags exclude both arm and 386 are left alone. The struct is taken to be allocated by itself.`},
		{"PG1007", "copies", "a value is copied that must not be", `
pool.Pool, Typed, Heap, Allocator and Cache are used through the pointer they come as. A pooled struct with atomic fields or locks must
not be copied out of its block (v := *ref.Value()): others change it meanwhile, and the copy is another variable. Read the fields that are
wanted. A reference may be copied, but a copy stands for the same reference: to send it to a second channel, send b.Retain().`},
		{"PG1008", "padding", "the order of fields wastes bytes of every block", `
Fields in another order would make the blocks of a struct with //poolgen:pool smaller: a block is a multiple of its alignment, 64 bytes
at least, and a value on the Go heap is as large as its type. The fix reorders the fields with their comments and tags; run go generate
afterwards, because it changes the layout that C sees. There is no fix where the package writes the struct without field names, nor for an exported struct,
because other packages may. A struct with align, cacheline or payload tags is left as its author laid it out.`},
	}
}

// Explain returns the entry of a code such as "PG1001".
func Explain(code string) (Code, bool) {
	for _, c := range Codes() {
		if c.Code == code {
			return c, true
		}
	}
	return Code{}, false
}
