// Package bus tells the goroutines of one process about events that carry pooled buffers. An event is shared, not copied: the bus holds one
// reference to its buffer, however many subscribers there are, until the last of them is done with it.
//
//	topic := bus.New[pool.Buf]("camera.front.frame", bus.Options{History: 8})
//	sub, err := topic.Subscribe(bus.SubOptions{Policy: bus.Latest})
//
//	publisher                                subscriber
//	frame, err := frames.Get()               for ev := range sub.Events(ctx) {
//	fill(frame)                                  show(ev.Value.Bytes())
//	err = topic.Publish(frame)                   // ev.Lagged were lost before it
//	frame.Release()                          }
//
// What an event is, T, is up to the program: a [pool.Buf], a typed reference that poolgen generated, a struct around either (see [Counted]), or,
// with [NewPlain], any value without a buffer.
//
// # Who owns the memory
//
// Publish takes a reference of its own; the caller's stays the caller's, and the buffer must not be written any more, as others read it. A
// subscriber is lent the event: it is valid until the subscriber asks for its next one, which in a loop over [Sub.Events] or in the function
// given to [Sub.Each] means until the body ends. Who keeps it longer calls Retain. Events from [Sub.Channel] are the receiver's, who releases
// them. The bus gives its reference back as soon as every subscriber is done with an event or has lost it, and the history has let go of it.
// To save locking, a subscriber takes small events over in batches, of 64 events or 16 KiB, and gives those that it has been through back together with
// the last. What it has taken over is no longer dropped for newer events, and is not counted in its limits. SubOptions.Batch = 1 takes one at a time; so
// does the zero value with events of 16 KiB or more, such as frames.
//
// # What a slow subscriber gets
//
// Publish never waits, and does not fail because nobody listens or somebody is slow. Each subscriber has its own [Policy] and its own limits, in
// events and in bytes, on what waits for it:
//
//	DropOldest   the oldest waiting event makes room
//	DropNewest   the new event is lost for this subscriber
//	Latest       only the newest waits: DropOldest with one event
//	Block        PublishContext waits for room, if its context has not ended; for a plain Publish it is DropOldest
//
// So both sides must ask for it before anybody waits. [Topic.PublishContext] publishes to all or, when its context ends first, to none.
// An event alone larger than a subscriber's bytes is lost for that subscriber, whatever its policy. Nothing is lost silently: Event.Lagged is how
// many this subscriber lost right before the event; in [SubStats], Offered is always Delivered plus Lagged plus Discarded plus Waiting.
//
// # Topics by name
//
// A [Bus] holds topics under names of words with dots between; [Match] subscribes to all whose name fits a pattern, those that
// exist and those that will be opened. * stands for one word and > at the end for one or more, as in NATS: camera.*.frame, sensors.>. Such a
// subscriber has one queue, one policy and one limit for all of them, and gets the events in the order they were published.
//
// # How it works
//
// Each subscriber has a queue of pointers to events, and one mutex guards all queues of a topic, or of all topics of a Bus. Publish takes it once
// for all subscribers, a subscriber once a batch, which it then reads without. An event counts the queues and batches it is in, under the mutex, by plain
// additions; buffers are released after it is unlocked, so callbacks of a release may use the bus. What a bus keeps of an event is used
// again: publishing and receiving allocate nothing once the queues have grown. There is no goroutine but the one of each [Sub.Channel].
//
// # Ending
//
// [Topic.Close] and [Bus.Close] end the publishing; subscribers get what waits for them and then [ErrClosed], which ends their loops. Drain waits for that as well.
// [Sub.Close] discards what waits for the subscriber.
//
// A subscriber that releases what it did not retain takes the reference of others: the pool panics with [*pool.MisuseError], in that
// subscriber, another, or the publisher, whoever comes next; a pool with DebugTrace tells who it was.
package bus
