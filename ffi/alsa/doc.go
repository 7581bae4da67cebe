// Package alsa captures and plays sound through alsa-lib (libasound), whole periods at a time, straight into and out of
// pooled buffers.
//
// [Open] opens a PCM by the name that alsa-lib knows it by ("default", "hw:0", "plughw:CARD=Loopback") and negotiates:
// [PCM.Config] is what the device really set, which may differ in period and buffer from what was asked. [PCM.Read] and
// [PCM.Write] move a whole buffer, however many short transfers the device makes of it, and restart the stream after an
// overrun, an underrun or a suspend, which [PCM.Stats] counts. alsa-lib copies between the device's ring and the
// buffer; this package copies nothing and, in the steady state, allocates nothing.
//
// With one of the MMap accesses a program works in the device's own ring: [PCM.Begin] lends a [Region] of it until [Region.Commit], and [PCM.Lease] the
// same as a pooled buffer, which its last Release commits. Nothing is copied then.
//
// [Probe] tells what a PCM can be opened with, [Cards] and [Devices] what there is, [Control] reads, sets and watches a card's elements one by one,
// and [Mixer] its volumes and switches. Conversion of rates, formats and channels is left to alsa-lib's plugins: open "plughw:0" or "default".
//
// # Who owns the memory
//
// Read and Write borrow the buffer for the call and keep no reference: C has forgotten it when they return. The caller
// keeps its reference and releases it.
//
// A region is the device's, lent until Commit. Its methods refuse a lease that has ended; a slice of it that is kept shows what the device does next.
// Close leaves the device open while a region is out, and the Commit after it closes.
//
// # Waiting
//
// The device is opened non-blocking. A transfer that must wait polls the device's descriptors and an eventfd, so that a
// cancelled context and Close end it at once. The watch on a context is set up when a PCM sees it first and stays
// until another context comes or Close: use one context for a run, not one for each period.
//
// One goroutine at a time transfers ([ErrBusy] otherwise). Close, Drop, State, Avail, Delay, Config and Stats may be called
// from any goroutine meanwhile.
//
// # Bindings
//
// With cgo the package links libasound (pkg-config name alsa, Debian package libasound2-dev). With CGO_ENABLED=0 it loads
// libasound.so.2 (Debian package libasound2) at the first use, and a machine without it gets an error from Open and
// Devices that names both. The API is one.
//
// # What alsa-lib prints
//
// alsa-lib explains failures on stderr. During a call that opens, negotiates, lists, transfers or changes a stream's state, the
// thread's own handler (snd_lib_error_set_local) moves that text into the returned error instead. The process-wide handler
// (snd_lib_error_set_handler) is the application's and is never touched, so what a plugin says while it is asked for its
// state, delay or poll events, or on a thread of its own, prints where the application lets it.
package alsa
