package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/poolgen/poolgen/runtime/ipc"
	"github.com/poolgen/poolgen/runtime/ipc/stream"
	"github.com/poolgen/poolgen/runtime/ring"
)

type (
	frameStats     struct{ ring.FrameStats }
	publisherStats struct{ ipc.PublisherStats }
	streamStats    struct{ stream.Stats }
)

// FrameReader adds a reader of a frame ring. A ring.FrameReader answers only its own goroutine: let that Store its Stats in a Snapshot and
// give that here. The function removes it.
func (s *Set) FrameReader(name string, r interface{ Stats() ring.FrameStats }) (remove func()) {
	return add(s, &s.readers, name, nil, func() frameStats { return frameStats{r.Stats()} })
}

// Publisher adds a publisher to other processes. The function removes it.
func (s *Set) Publisher(name string, p *ipc.Publisher) (remove func()) {
	return add(s, &s.publishers, name, nil, func() publisherStats { return publisherStats{p.Stats()} })
}

// Stream adds a stream.Server or stream.Client. The function removes it.
func (s *Set) Stream(name string, e interface{ Stats() stream.Stats }) (remove func()) {
	return add(s, &s.streams, name, nil, func() streamStats { return streamStats{e.Stats()} })
}

func frameTable() table[frameStats] {
	type row = column[frameStats]
	t := newTable("ring", "reader", []row{
		{"seen_frames_total", "Frames that the reader was given.", func(s *frameStats) float64 { return float64(s.Seen) }},
		{"missed_frames_total", "Frames that were overwritten before the reader was done with them, or damaged.", func(s *frameStats) float64 { return float64(s.Missed) }},
		{"damaged_frames_total", "Missed frames that were not whole in the file.", func(s *frameStats) float64 { return float64(s.Damaged) }},
	}, nil)
	t.life = func(s *frameStats) float64 { return float64(s.Seen + s.Missed) }
	return t
}

func publisherTable() table[publisherStats] {
	type row = column[publisherStats]
	return newTable("publisher", "publisher", []row{
		{"frames_total", "Frames published.", func(s *publisherStats) float64 { return float64(s.Frames) }},
		{"given_frames_total", "Frames queued for subscribers, once for each.", func(s *publisherStats) float64 { return float64(s.Given) }},
		{"given_bytes_total", "Bytes of the frames queued for subscribers, which nobody copied.", func(s *publisherStats) float64 { return float64(s.GivenBytes) }},
		{"lost_frames_total", "Frames dropped for subscribers, once for each.", func(s *publisherStats) float64 { return float64(s.Lost) }},
		{"departed_subscribers_total", "Subscribers that went.", func(s *publisherStats) float64 { return float64(s.Left) }},
		{"misbehaved_subscribers_total", "Subscribers thrown out because they broke the protocol.", func(s *publisherStats) float64 { return float64(s.Misbehaved) }},
	}, []row{
		{"subscribers", "Subscribers now.", func(s *publisherStats) float64 { return float64(len(s.Subscribers)) }},
		{"lent_blocks", "Blocks that subscribers have now.", func(s *publisherStats) float64 { return float64(s.Lent) }},
		{"most_held_blocks", "Blocks that the subscriber with the most has now.", func(s *publisherStats) float64 { return mostHeld(s) }},
	})
}

func mostHeld(s *publisherStats) (most float64) {
	for _, r := range s.Subscribers {
		most = max(most, float64(r.Held))
	}
	return most
}

func streamTable() table[streamStats] {
	type row = column[streamStats]
	t := newTable("stream", "stream", []row{
		{"offered_messages_total", "Messages given to Send, once a connection.", func(s *streamStats) float64 { return float64(s.Offered) }},
		{"sent_messages_total", "Messages handed to the kernel.", func(s *streamStats) float64 { return float64(s.Sent) }},
		{"dropped_messages_total", "Messages dropped because the queue was full.", func(s *streamStats) float64 { return float64(s.Dropped) }},
		{"lost_messages_total", "Messages that waited when their connection ended.", func(s *streamStats) float64 { return float64(s.Lost) }},
		{"waits_total", "Messages for which Send had to wait.", func(s *streamStats) float64 { return float64(s.Waits) }},
		{"received_messages_total", "Messages that arrived whole in a block.", func(s *streamStats) float64 { return float64(s.Received) }},
		{"inbox_dropped_messages_total", "Received messages that nobody took in time.", func(s *streamStats) float64 { return float64(s.InboxDropped) }},
		{"no_block_messages_total", "Frames skipped because the pool had no free block.", func(s *streamStats) float64 { return float64(s.NoBlock) }},
		{"unwanted_messages_total", "Frames skipped because they are too long or there is no pool.", func(s *streamStats) float64 { return float64(s.Unwanted) }},
		{"skipped_messages_total", "Messages of unknown types.", func(s *streamStats) float64 { return float64(s.Skipped) }},
		{"skewed_messages_total", "Messages whose timestamp lies ahead or far back.", func(s *streamStats) float64 { return float64(s.Skewed) }},
		{"sent_bytes_total", "Payload handed to the kernel.", func(s *streamStats) float64 { return float64(s.BytesSent) }},
		{"received_bytes_total", "Payload that arrived.", func(s *streamStats) float64 { return float64(s.BytesReceived) }},
		{"connects_total", "Connections made or accepted.", func(s *streamStats) float64 { return float64(s.Connects) }},
		{"refused_clients_total", "Clients beyond the limit.", func(s *streamStats) float64 { return float64(s.Refused) }},
		{"protocol_errors_total", "Connections that ended because the peer broke the protocol.", func(s *streamStats) float64 { return float64(s.Protocol) }},
		{"stuck_peers_total", "Connections that ended because the peer did not read or was silent.", func(s *streamStats) float64 { return float64(s.Stuck) }},
		{"accept_errors_total", "Failed attempts to accept a connection.", func(s *streamStats) float64 { return float64(s.AcceptErrors) }},
		{"heartbeats_total", "Heartbeats sent.", func(s *streamStats) float64 { return float64(s.Heartbeats) }},
		{"acks_total", "Heartbeats answered.", func(s *streamStats) float64 { return float64(s.Acks) }},
	}, []row{
		{"peers", "Peers connected.", func(s *streamStats) float64 { return float64(s.Peers) }},
		{"pending_messages", "Messages that wait or are being written.", func(s *streamStats) float64 { return float64(s.Pending) }},
		{"queue_depth_messages", "Length of the queue, of a server's deepest one.", func(s *streamStats) float64 { return float64(s.Depth) }},
		{"send_buffer_bytes", "Send buffer of the latest socket, as the kernel counts it.", func(s *streamStats) float64 { return float64(s.SendBuffer) }},
		{"receive_buffer_bytes", "Receive buffer of the latest socket, as the kernel counts it.", func(s *streamStats) float64 { return float64(s.ReceiveBuffer) }},
	})
	queue := t.further("stream", "queue_seconds", "Time from Send to the kernel.")
	latency := t.further("stream", "latency_seconds", "Time from a message's timestamp to its arrival.")
	trip := t.further("stream", "round_trip_seconds", "Time from a heartbeat to its answer.")
	bounds := latencyBounds()
	t.extra = func(ch chan<- prometheus.Metric, label string, s *streamStats) {
		ch <- histogram(queue, &s.Queue, bounds, label)
		ch <- histogram(latency, &s.Latency, bounds, label)
		ch <- histogram(trip, &s.RoundTrip, bounds, label)
	}
	return t
}

// latencyBounds go from 16 µs to 17 s by factors of 4. They are powers of two in nanoseconds, where buckets of a stream.Histogram end: at another
// bound a count could go back when a longer duration comes.
func latencyBounds() []time.Duration {
	var b []time.Duration
	for d := time.Duration(1 << 14); d <= 1<<34; d *= 4 {
		b = append(b, d)
	}
	return b
}

func histogram(d *prometheus.Desc, h *stream.Histogram, bounds []time.Duration, label string) prometheus.Metric {
	buckets := make(map[float64]uint64, len(bounds))
	for _, b := range bounds {
		buckets[b.Seconds()] = h.AtMost(b - 1)
	}
	return prometheus.MustNewConstHistogram(d, h.Count, h.Sum(), buckets, label)
}
