// poolgen_ipc_abi.h: the layout of what a publisher shares with each subscriber, version 1, field for field that of Go's package runtime/ipc
// (channel_unsafe.go, handshake.go), and the types of poolgen_ipc.h. Both sides assert every size and offset. Include poolgen_ipc.h instead.
#ifndef POOLGEN_IPC_ABI_H
#define POOLGEN_IPC_ABI_H

#include <stddef.h>
#include <stdint.h>

#include "poolgen_abi.h"

// POOLGEN_IPC_VERSION is the version of the handshake and of the channel's layout that this header speaks.
#define POOLGEN_IPC_VERSION 1
#define POOLGEN_IPC_MAX_SUBSCRIBERS 31
#define POOLGEN_IPC_MAX_SLOTS 4096

#define POOLGEN_PRIV_CHANNEL_MAGIC UINT32_C(0x48434750)
#define POOLGEN_PRIV_HELLO_MAGIC UINT32_C(0x50475331)
#define POOLGEN_PRIV_WELCOME_MAGIC UINT32_C(0x50475732)
#define POOLGEN_PRIV_HELLO 32u   // bytes
#define POOLGEN_PRIV_WELCOME 32u // bytes, and the reason of a refusal
#define POOLGEN_PRIV_REASON 512u
#define POOLGEN_PRIV_MAX_RETURNS (1u << 20)

// The states of a slot's word, whose upper 30 bits count its laps.
#define POOLGEN_PRIV_EMPTY 0u
#define POOLGEN_PRIV_FULL 1u
#define POOLGEN_PRIV_TAKEN 2u
#define POOLGEN_PRIV_STATE 3u

// What a subscriber writes into asleep: how it wants to be woken.
#define POOLGEN_PRIV_ON_FUTEX 1u
#define POOLGEN_PRIV_ON_SOCKET 2u

// poolgen_priv_channel begins the memory that a publisher shares with one subscriber. Slots follow, then the list of returns.
typedef struct poolgen_priv_channel {
    uint32_t magic;
    uint32_t version;
    uint32_t slots;   // capacities, powers of two
    uint32_t returns;
    // For who looks on; neither side reads it.
    uint32_t arena; // id of the pool's arena, low and high half; 0: unknown, and nothing is counted below
    uint32_t above;
    uint32_t pid; // of the subscriber's process, as the publisher sees it
    uint32_t policy;
    uint8_t reserved32[96];
    uint32_t tail;   // the publisher's: frames written, modulo 2^32
    uint32_t closed; // 1: nothing follows
    uint32_t news;   // futex word: something for the subscriber to look at
    uint32_t dropped; // for who looks on: frames taken back from the queue
    uint32_t lost;    // for who looks on: those, and the ones that never were in it
    uint8_t reserved148[108];
    uint32_t returned; // the subscriber's: references given back, modulo 2^32
    uint32_t asleep;   // not 0: wake the subscriber
    uint32_t space;    // futex word: something for the publisher to look at
    uint32_t leaving;  // 1: no more frames, the subscriber only gives back
    uint8_t reserved272[112];
    uint32_t waiting; // the publisher's: 1: wake it
    uint8_t reserved388[124];
} poolgen_priv_channel;

// poolgen_priv_frame_slot describes a frame. All but the word belongs to the publisher while the slot is empty, and to the subscriber while it is taken.
typedef struct poolgen_priv_frame_slot {
    uint32_t word;
    uint32_t id;
    uint32_t offset; // of the payload in the arena, low and high half
    uint32_t above;
    uint32_t length;
    uint32_t flags;
    uint32_t sequence;
    uint32_t seq2;
    uint32_t pts;
    uint32_t pts2;
    uint32_t user;
    uint8_t reserved44[20];
} poolgen_priv_frame_slot;

// What a publisher does with a frame for a subscriber whose queue is full. The subscriber chooses.
enum poolgen_policy {
    POOLGEN_DROP_OLDEST = 0, // the frame that waits longest makes room
    POOLGEN_DROP_NEWEST = 1, // this frame is not for that subscriber
    POOLGEN_BLOCK = 2,       // publishing waits for room
    POOLGEN_LATEST = 3,      // only the newest frame waits, in a queue of two slots at least
};

// poolgen_subscriber receives frames of one publisher. The memory is the caller's and must not be moved or copied; only text is for
// reading. It is needed until poolgen_subscriber_close was called and every frame was released.
typedef struct poolgen_subscriber {
    char text[640]; // what the last failure of poolgen_subscribe or poolgen_receive was about
    poolgen_priv_channel *head;
    poolgen_priv_frame_slot *slot;
    uint32_t *back;
    const char *arena;
    size_t arena_size, channel_size;
    uint64_t next; // sequence number
    uint64_t received, lost;
    int socket;
    uint32_t slots, returns, shift;
    uint32_t lock;  // guards what follows
    uint32_t busy;  // a thread receives
    uint32_t users; // who sleep on the channel
    uint32_t pos;   // of the next slot
    uint32_t returned, held;
    uint32_t gone, closed, drained, polled;
    uint32_t reserved[16];
} poolgen_subscriber;

// poolgen_subscriber_options tune poolgen_subscribe. All zero: the oldest frames of a queue as long as the publisher's are dropped.
typedef struct poolgen_subscriber_options {
    uint32_t policy;    // enum poolgen_policy
    uint32_t slots;     // frames that wait at most, up to 4096; 0 is what the publisher has, which also rounds down to a power of two
    int32_t timeout_ms; // for connecting; 0 is 5 seconds, negative no limit
} poolgen_subscriber_options;

// poolgen_frame is a frame of another process, for reading only. Who receives it owes one poolgen_frame_release.
typedef struct poolgen_frame {
    uint64_t sequence; // the publisher's number
    uint64_t lost;     // how many frames this subscriber missed before this one
    int64_t pts;       // nanoseconds, of the publisher's choice of clock
    uint32_t flags;    // the publisher's own
    uint32_t user;     // the publisher's own
    const void *data;
    size_t length; // bytes
    poolgen_subscriber *subscriber;
    uint32_t id;
} poolgen_frame;

// poolgen_subscriber_counts is what a subscriber did.
typedef struct poolgen_subscriber_counts {
    uint64_t received; // frames
    uint64_t lost;     // frames that were published before the last one received, and were not received
    uint32_t held;     // frames not released yet
    uint32_t slots;    // of its queue
} poolgen_subscriber_counts;

// poolgen_meta goes with a frame.
typedef struct poolgen_meta {
    int64_t pts;    // nanoseconds; of which clock is the program's own business
    uint32_t flags; // the program's own
    uint32_t user;  // the program's own
} poolgen_meta;

// poolgen_peer is a process at the other end of a socket: struct ucred of unix(7).
typedef struct poolgen_peer {
    int32_t pid;
    uint32_t uid, gid;
} poolgen_peer;

// poolgen_publisher_options tune poolgen_publisher_open. All zero: a queue of 16 frames for processes of this user and of root.
typedef struct poolgen_publisher_options {
    uint32_t slots; // frames that wait for a subscriber at most, a power of two up to 4096; 0 is 16
    // Blocks that a subscriber may have at once, in its queue and in use, so that one that keeps them does not starve the others; 0 is half of
    // the pool's, rounded up. One that has so many gets no frame until it gives one back, as its policy says.
    uint32_t max_held;
    uint32_t mode; // of the socket's file; 0 is 0600
    // Whether a process may subscribe: NULL, or why not, up to 512 bytes that are told to it. It must not call the publisher.
    const char *(*allow)(void *arg, const poolgen_peer *peer);
    void *arg;
} poolgen_publisher_options;

// poolgen_priv_loan is a block that subscribers have.
typedef struct poolgen_priv_loan {
    poolgen_buf buf;
    uint32_t mask; // a bit for each subscriber; the last while it is being given
    uint32_t next; // of the free ones
} poolgen_priv_loan;

// poolgen_priv_remote is a subscriber, or a process that has not said yet that it wants to be one.
typedef struct poolgen_priv_remote {
    poolgen_priv_channel *head;
    poolgen_priv_frame_slot *slot;
    uint32_t *back;
    size_t size;
    uint64_t serial; // of who has this place
    int64_t deadline, since;
    uint64_t given, lost, over;
    poolgen_peer peer;
    int socket; // -1: the place is free
    int memory;
    uint32_t slots, returns, shift, bit, policy;
    uint32_t tail, read, held, dropped;
    uint32_t stirs; // wake-ups that led to nothing, since a moment
} poolgen_priv_remote;

// poolgen_publisher hands the blocks of a pool to other processes. The memory is the caller's and must not be moved or copied; only text is
// for reading.
typedef struct poolgen_publisher {
    char text[640]; // what the failure of poolgen_publisher_open was about
    poolgen_publisher_options o;
    poolgen_arena *arena;
    size_t arena_size;
    char path[112];
    uint64_t device, inode; // of the socket's file; 0: it has none
    int listener, events, memory; // memory: the arena, for reading only
    int timer;     // in events: when it has to look again, though nobody comes or goes
    uint32_t lock; // guards what follows
    uint32_t busy; // a thread publishes
    uint32_t closed;
    uint64_t sequence, serial, arrivals;
    int64_t alarm; // what the timer is set to; 0: nothing
    uint64_t frames, given, lost, left, misbehaved;
    char reason[120]; // of the last that misbehaved
    poolgen_priv_loan *loans;
    uint32_t room, free, lent; // of loans; free is the first free one
    uint32_t getting; // threads that wait for a block
    uint32_t reserved[11];
    poolgen_priv_remote remote[POOLGEN_IPC_MAX_SUBSCRIBERS];
    poolgen_priv_remote coming[8];
} poolgen_publisher;

// poolgen_publisher_counts is what a publisher did.
typedef struct poolgen_publisher_counts {
    uint64_t frames;      // published
    uint64_t given;       // frames that were queued, over all subscribers, also those that left
    uint64_t lost;        // frames that were dropped, likewise
    uint64_t left;        // subscribers that went
    uint64_t misbehaved;  // of those, the ones that broke the protocol
    char reason[120];     // what the last of them did, with its process; empty if there was none
    uint32_t lent;        // blocks that subscribers have now
    uint32_t subscribers; // now
} poolgen_publisher_counts;

// poolgen_remote_counts is one subscriber's part.
typedef struct poolgen_remote_counts {
    poolgen_peer peer;
    uint32_t policy; // enum poolgen_policy
    uint64_t given;  // frames that were queued for it
    uint64_t lost;   // frames that were dropped for it
    uint64_t over;   // of those, the ones that it missed because it had max_held blocks in use
    uint32_t held;   // blocks that it has now, in its queue or in use
} poolgen_remote_counts;

#define POOLGEN_IPC_AT(type, field, offset) POOLGEN_STATIC_ASSERT(offsetof(type, field) == (offset), "offset of " #type "." #field)
POOLGEN_STATIC_ASSERT(sizeof(poolgen_priv_channel) == 512, "size of poolgen_priv_channel");
POOLGEN_IPC_AT(poolgen_priv_channel, magic, 0);
POOLGEN_IPC_AT(poolgen_priv_channel, version, 4);
POOLGEN_IPC_AT(poolgen_priv_channel, slots, 8);
POOLGEN_IPC_AT(poolgen_priv_channel, returns, 12);
POOLGEN_IPC_AT(poolgen_priv_channel, arena, 16);
POOLGEN_IPC_AT(poolgen_priv_channel, above, 20);
POOLGEN_IPC_AT(poolgen_priv_channel, pid, 24);
POOLGEN_IPC_AT(poolgen_priv_channel, policy, 28);
POOLGEN_IPC_AT(poolgen_priv_channel, tail, 128);
POOLGEN_IPC_AT(poolgen_priv_channel, closed, 132);
POOLGEN_IPC_AT(poolgen_priv_channel, news, 136);
POOLGEN_IPC_AT(poolgen_priv_channel, dropped, 140);
POOLGEN_IPC_AT(poolgen_priv_channel, lost, 144);
POOLGEN_IPC_AT(poolgen_priv_channel, returned, 256);
POOLGEN_IPC_AT(poolgen_priv_channel, asleep, 260);
POOLGEN_IPC_AT(poolgen_priv_channel, space, 264);
POOLGEN_IPC_AT(poolgen_priv_channel, leaving, 268);
POOLGEN_IPC_AT(poolgen_priv_channel, waiting, 384);
POOLGEN_STATIC_ASSERT(sizeof(poolgen_priv_frame_slot) == 64, "size of poolgen_priv_frame_slot");
POOLGEN_IPC_AT(poolgen_priv_frame_slot, word, 0);
POOLGEN_IPC_AT(poolgen_priv_frame_slot, id, 4);
POOLGEN_IPC_AT(poolgen_priv_frame_slot, offset, 8);
POOLGEN_IPC_AT(poolgen_priv_frame_slot, above, 12);
POOLGEN_IPC_AT(poolgen_priv_frame_slot, length, 16);
POOLGEN_IPC_AT(poolgen_priv_frame_slot, flags, 20);
POOLGEN_IPC_AT(poolgen_priv_frame_slot, sequence, 24);
POOLGEN_IPC_AT(poolgen_priv_frame_slot, seq2, 28);
POOLGEN_IPC_AT(poolgen_priv_frame_slot, pts, 32);
POOLGEN_IPC_AT(poolgen_priv_frame_slot, pts2, 36);
POOLGEN_IPC_AT(poolgen_priv_frame_slot, user, 40);
#undef POOLGEN_IPC_AT

#endif
