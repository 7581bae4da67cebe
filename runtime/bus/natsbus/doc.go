// Package natsbus carries events with pooled buffers between machines, on NATS: what is published is kept in a JetStream stream until it is too
// old, so that who was away, or comes later, gets it too.
//
//	c, err := natsbus.Open(ctx, natsbus.Options{})                             // a server in this process
//	c, err := natsbus.Open(ctx, natsbus.Options{URL: "nats://a:4222,b:4222"})  // a cluster
//
//	_, err = c.Publish(ctx, "camera.front.frame", head, frame.Bytes())
//
//	sub, err := c.Subscribe(ctx, "camera.*.frame", natsbus.SubOptions{Pool: frames})
//	m, err := sub.Next(ctx)
//	defer m.Release()
//	err = m.Ack(ctx)
//
// Topics and patterns are those of package bus: words with dots between, * for one word, > at the end for one or more. [Export] and [Import]
// join topics of package bus with their namesakes on other machines.
//
// # What is promised
//
// When Publish returns, a majority of the servers that keep the stream have the event, and, with ServerOptions.Sync, have it on their disks. It repeats what was not answered, also over the loss of a
// server, under one message id, by which servers drop what they have already ([Options].Duplicates long). A subscriber gets each event at
// least once: what it releases and does not acknowledge within SubOptions.AckWait comes again. What comes again although it was acknowledged, or is still
// in the program's hands, is dropped by [Sub.Next]. A subscription whose place the servers have lost, by themselves or with the stream, makes it anew. So with one subscription a program that acknowledges what it has done sees each event once.
//
// Over a restart the promise is at least once: everything that was not acknowledged comes, and what was may come again. That is so after a restart
// of the program, which may have ended between its work and Ack, and of a server that alone keeps the place of a Durable: it writes places to its disk
// some tenths of a second after Ack has returned, and does not always write the last ones when it is closed. With Replicas of 3 a majority of the
// servers know when Ack returns.
//
// # Payloads
//
// An event has a head, of some bytes, and a payload. A payload of more than [Options].Inline bytes goes to JetStream's object store, and only its
// name into the stream. Options.MaxBytes limits both, and the oldest go first. A payload is fetched when a subscriber wants it: at once, or with
// SubOptions.Lazy by [Message.Fetch]. Publish reads the payload until it returns and keeps nothing. A received payload lies in a block of
// SubOptions.Pool, which the receiver owes a Release; when the pool has none left, Next waits for one. That, and SubOptions.Pending, hold a fast
// publisher's events back in the server.
package natsbus
