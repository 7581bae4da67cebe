// Package stream sends pooled frames between processes over a Unix stream socket, in the protocol of 17-byte headers that is deployed
// (see [Header]). It is the transport for peers that speak only that; others share memory.
//
// A [Server] has the socket file and any number of clients, a [Client] one connection that it makes again when it ends. Both send
// and both receive; a message that the server sends goes to every client. The payload goes from the pool's block to the socket and
// from the socket into a block of the receiver's pool: the kernel copies it once each way, the package never, unless Options.ReadAhead
// says that small ones may be.
//
// # Who owns the memory
//
// Send takes a reference of its own to a payload for as long as it waits or is being written; the caller keeps the one it has, and
// must not write into the payload any more, because others read it. Receive gives a reference away: the caller owes its Release.
//
// # What waits, and what is dropped
//
// Each connection has a bounded queue with a [Policy]. Its counts are exact: what was offered was sent, dropped or lost, or waits.
// Sent means handed to the kernel; what a peer that dies has not read is gone. Where Options.MaxDepth is given the queue's depth
// follows the time that frames wait: down while that is above the target, up while it is below half of it and frames find the queue full,
// and only when two windows of 32 frames in a row agree.
//
// # Clients that come later
//
// A server remembers the config message that Send was given last, and begins with it towards each client that connects, before any frame and
// outside of the queue's policy: so a client knows how to read what comes, whenever it joins. Old clients may not expect one at
// that time: Options.NoReplay turns it off. What SendTo is given is not remembered. [Server.Clients] tells of each client who it is and what
// became of the messages for it.
//
// # Peers that misbehave
//
// A header with another magic, or one that announces more than Options.MaxMessage, ends the connection: where the next header would
// begin is not known, and the reader never guesses. A message of an unknown type is skipped with its payload, and so is a frame that
// is longer than the pool's blocks; the stream stays in step. A client that takes nothing for Options.WriteTimeout is disconnected, and so is a
// peer that stops for Options.ReadTimeout within a message; the others go on. Descriptors that a peer sends along are closed by the kernel.
//
// With Options.Heartbeat an end sends heartbeats, and disconnects a peer that has answered one and then is silent for three. One that
// never answered is not judged: old servers do not read what their clients send. Every end answers heartbeats.
//
// # Goroutines
//
// A server has one, and two for each client; a client has one, and while it is connected one more. No call starts others.
package stream
