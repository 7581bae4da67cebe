// Package metrics watches the memory of a program that uses poolgen: it counts, it reports, and it makes room before the kernel does.
//
//	set := metrics.NewSet()
//	set.Pool(frames)                                   // and Allocator, Ring, FrameReader, Bus, Topic, Store, Publisher, Stream
//	prometheus.MustRegister(set)
//
//	w, err := metrics.Watch(set, metrics.WatchOptions{})
//	defer w.Close()
//
//	http.Handle("/", metrics.Handler(set, metrics.HandlerOptions{Watcher: w}))
//
// # Counting
//
// A [Set] asks each source for its Stats when it is scraped, and at no other time: between scrapes it costs nothing, and a scrape takes no
// lock that a hot path takes. Names follow Prometheus' rules: base units, counters end in _total and never go back, labels come from the
// names that the program gives and from the pool's own size classes, so their number is bounded: of topics and subscribers the first hundred of
// a bus have their own. Two sources of one name get different labels; one that is removed and comes again goes on under its name.
//
// Beside them stands the memory of the process, in the parts that matter here: what Go's runtime has (which GOMEMLIMIT limits), what arenas
// have committed outside of it, and what the kernel says is resident.
//
// # Pressure
//
// A [Watcher] reads, of those that the machine has: pressure stall information (/proc/pressure/memory, or memory.pressure of the
// process's own cgroup), memory.current, memory.high, memory.max and memory.events of the cgroup (version 2) and of those above it,
// memory.limit_in_bytes and memory.usage_in_bytes (version 1), and MemAvailable of /proc/meminfo. Each reading asks for a [Level];
// the highest rules. That the kernel drops file pages to keep a cgroup below its limit is no pressure as long as little else is in it. The
// level rises at once, and falls by one step only after it was not asked for over several readings in a row, each with a margin, so that
// it does not flutter. Where the kernel permits a trigger on PSI, a stall wakes the watcher at once.
//
// An [Action] belongs to a level. When the level rises actions run in order, the mildest first, and after each the readings are taken once
// more: what already helped is not followed by worse. When it falls they are reverted in the opposite order. Each run, each failure and
// the bytes that it freed are counted. The default ones are:
//
//	Low       trim     free memory of allocators and of the Go heap goes back to the kernel
//	Medium    demote   what the program registers: a store moves frames to a colder tier
//	High      shrink   free blocks of pools go back to the kernel; they are committed again when they are used
//	Critical  refuse   Watcher.Admit says no, so that the program takes on nothing new
//
// # GOMEMLIMIT
//
// Go's memory limit knows nothing of arenas. While a Watcher runs it sets the limit to what the process may have, which is the least limit of
// its cgroups or GOMEMLIMIT, less what arenas take and [Set.OffHeapBytes] tells of, again whenever that changes, and puts it back on Close. It
// leaves Go a share in any case, and what the last collection found alive: with a limit below that the collector would run all the time. A
// limit that the program sets meanwhile takes the place of the one that it found.
//
// # Ownership
//
// A Set owns none of its sources; a source is removed (by the function that adding it returned) before it is closed, or shows its last
// figures. A Watcher owns its goroutines and the descriptor of its trigger until Close.
package metrics
