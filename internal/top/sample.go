package top

import "time"

// Version is that of a Sample's JSON. A later one only adds members.
const Version = 1

// Sample is what one look at everything gives. Members are always there.
type Sample struct {
	Version     int          `json:"version"`
	Time        time.Time    `json:"time"`
	Interval    float64      `json:"interval_seconds"` // since the sample before; 0 in the first
	Watched     float64      `json:"watched_seconds"`  // since the end of the first
	Processes   []Process    `json:"processes"`        // that have a part in what follows
	Pools       []Pool       `json:"pools"`
	Allocators  []Allocator  `json:"allocators"`
	Subscribers []Subscriber `json:"subscribers"`
	Held        []Held       `json:"held"`   // blocks that were held for Options.Leaks or longer, the oldest first
	Notes       []string     `json:"notes"`  // what happened, or could not be looked at, since the sample before
	Hidden      int          `json:"hidden"` // processes that this user may not look at
}

// Process is one that has a pool or a channel open or mapped.
type Process struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
	UID  uint32 `json:"uid"`
}

// Part is how a process has a pool.
type Part struct {
	PID   int  `json:"pid"`
	FD    int  `json:"fd"`       // -1: none
	Read  bool `json:"mapped"`   // it can read the pool
	Write bool `json:"writable"` // it can take and release blocks
}

// Pool is a pool in shared memory. Numbers are those of pool.Stats: what a program keeps in its own memory is missing.
type Pool struct {
	ID    string `json:"id"` // hexadecimal, the same for all processes
	Name  string `json:"name"`
	Parts []Part `json:"processes"` // its maker, or who has it longest, first

	Capacity  uint32 `json:"block_bytes"`  // usable bytes of a block
	Stride    uint32 `json:"stride_bytes"` // from one block to the next
	Max       uint32 `json:"blocks"`
	HighWater uint32 `json:"high_water"` // blocks that were ever in use
	Prealloc  uint32 `json:"preallocated"`

	InUse    uint32 `json:"in_use"`          // blocks of all kinds
	External uint32 `json:"external_in_use"` // of those, external, adopted and heap blocks
	Free     uint32 `json:"free"`            // blocks of the arena
	Pending  uint32 `json:"pending"`         // blocks that C released and Go has not finished
	Waiters  uint32 `json:"waiters"`         // who sleep until a block is released
	Damaged  uint32 `json:"damaged"`         // blocks whose header was written over
	Closed   bool   `json:"closed"`
	Debug    bool   `json:"debug"` // a debug mode is on

	Acquired  uint64 `json:"acquired"`
	Released  uint64 `json:"released"`
	Hits      uint64 `json:"hits"`   // of acquired, by memory that was committed before
	Grown     uint64 `json:"grown"`  // of acquired, by committing a block
	Joined    uint64 `json:"joined"` // of acquired, external, adopted and heap blocks
	Misses    uint32 `json:"misses"` // no block was free at once
	Refusals  uint32 `json:"refusals"`
	Stale     uint32 `json:"stale"`
	Saturated uint32 `json:"saturated"`

	BytesInUse     uint64 `json:"bytes_in_use"`
	BytesCommitted uint64 `json:"bytes_committed"`
	Budget         uint64 `json:"budget_bytes"`

	Gets     *float64 `json:"gets_per_second"` // null in the first sample of the pool
	Releases *float64 `json:"releases_per_second"`
	Oldest   float64  `json:"oldest_seconds"` // at least so old is the oldest block in use
}

// Subscriber is one end of a channel of runtime/ipc. Counts are modulo 2^32. Those that are null a publisher of another make does not tell.
type Subscriber struct {
	PID         int    `json:"pid"`  // 0: not known; of a process that may not be looked at, the number that the publisher sees
	Name        string `json:"name"` // "" if it may not be looked at
	PoolID      string `json:"pool_id"`
	Pool        string `json:"pool"`
	Publisher   int    `json:"publisher_pid"` // 0: it is gone
	PublisherAs string `json:"publisher_name"`
	Policy      string `json:"policy"`

	Slots    uint32  `json:"slots"`
	Waiting  uint32  `json:"waiting"`  // frames in its queue
	Taking   uint32  `json:"taking"`   // of which it has begun to take one; a crash leaves it so
	Holds    *uint32 `json:"holds"`    // blocks it has, in its queue or in use
	Given    *uint32 `json:"given"`    // frames that were queued for it and not taken back
	Returned uint32  `json:"returned"` // blocks it gave back
	Lost     *uint32 `json:"lost"`     // frames that were dropped for it

	Asleep  bool `json:"asleep"`          // it waits for a frame
	Blocks  bool `json:"publisher_waits"` // the publisher waits for it to make room
	Leaving bool `json:"leaving"`         // it takes no more, and gives back what it has
	Ended   bool `json:"ended"`           // the publisher gives no more

	GivenRate    *float64 `json:"given_per_second"`
	ReturnedRate *float64 `json:"returned_per_second"`
	LostRate     *float64 `json:"lost_per_second"`
}

// Held is a block that has been in use for long.
type Held struct {
	PoolID     string  `json:"pool_id"`
	Pool       string  `json:"pool"`
	Block      uint32  `json:"block"`
	External   bool    `json:"external"`
	References uint32  `json:"references"` // 0: released, and not finished by Go
	Saturated  bool    `json:"saturated"`  // it had more references than can be counted, and is never free again
	Generation uint32  `json:"generation"`
	Age        float64 `json:"at_least_seconds"`
	Queued     []int   `json:"queued_for"` // processes in whose queue it waits
}
