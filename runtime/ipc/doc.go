// Package ipc moves frames between processes without a copy: a [Publisher] hands blocks of a shared pool to up to 31 [Subscriber]s, which read them
// in place. Package stream is the older socket protocol, which copies.
//
//	publisher, err := ipc.Listen("/run/camera", frames, ipc.PublisherOptions{})
//	frame, err := publisher.Get(ctx)
//	n, err := publisher.Publish(ctx, frame, ipc.Meta{PTS: pts})
//
//	camera, err := ipc.Subscribe(ctx, "/run/camera", ipc.SubscriberOptions{Policy: ipc.Latest})
//	f, err := camera.Receive(ctx)
//	defer f.Buf.Release()
//
// # Who owns the memory
//
// Publish keeps a reference of its own to the block until every subscriber has given it back or is gone; the caller's stays the caller's, and the
// block must not be written to again until it comes out of the pool anew. Who receives a frame owes one Release. A frame is readable until then,
// also after Close and after the publisher was killed; it is mapped for reading only. The pool needs blocks for what waits (a queue's length for
// each subscriber) and for what they hold; [Publisher.Get] takes a block, and waits until they have given one back.
//
// # What is shared
//
// Each subscriber has a channel with the publisher, a piece of memory that no other process maps: a ring of slots for frames and a list of
// returns. So a subscriber that scribbles over it harms itself alone; the publisher believes nothing that it reads there without comparing it
// with its own lists, and throws out who breaks the protocol. The arena comes by a descriptor that can only be mapped for reading. Every shared
// word is a uint32, so that 32-bit and 64-bit processes can talk to each other.
//
// A slot's word is a lap and a state. The publisher describes the frame beside the word while the state is empty, and then makes it full. The subscriber
// takes it by a compare-and-swap from full to taken, reads the description, and makes it empty. The publisher takes the oldest frame back, to
// make room, by a compare-and-swap from full to empty; under the policy Latest it puts the newer frame in the same place, and the word back
// to what it was before the older was written meanwhile. The lap keeps either from mistaking the next frame in the slot for the one it means. To
// give a block back the subscriber writes its name into the list of returns, and then counts the list up.
//
// Who finds nothing to do sets a word and sleeps by futex; the other side looks at that word after each change. A subscriber may instead ask to be
// woken by a message of one byte on its socket, which it polls together with other things, and on which it also sees the publisher's end.
//
// A publisher that waits for room asks to be woken when three quarters of the queue are empty, so that not every frame costs a wake-up; it takes less
// after a millisecond, and a subscriber may wake it sooner. Both sides look at the word for some microseconds before they sleep, if that has paid
// lately, and never on one core.
//
// The publisher also writes there what poolgen top shows of a subscriber: the pool, the process, the policy, and how many frames it took back
// or lost. Neither side reads it.
//
// A subscriber that changes its words, or wakes the publisher, a thousand times without taking a frame or giving one back, at less than a millisecond
// each, is thrown out: a wait for it would never sleep. Connections that say nothing are thrown out after two seconds, or when 16 others have come.
//
// # When a process dies
//
// The kernel closes its socket. What a dead subscriber had is in the publisher's own lists, and is taken back from there. What a dead publisher
// lent is in its subscribers' own memory, and the arena lives until the last of them has let go of it; the next publisher makes a new one. So
// nothing in shared memory has to be repaired. A test goes through every interleaving with each process killed before each step.
package ipc
