package natsbus

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Large payloads are objects of JetStream's object store, as `nats object` and jetstream.ObjectStore read them: chunks under one subject, and then what
// tells of them under another [nats-architecture-and-design, ADR-20]. They are written and read here message by message, for two reasons. The store is to
// drop the oldest when it is full, and not to refuse the newest. And Put of nats.go 1.55 fills one message with chunk after chunk, also while one
// that found no server waits to be sent again (jetstream/object.go, publish.go), so that what it says is stored may be another chunk twice.

const (
	chunkSize = 256 << 10
	window    = 8   // chunks that are on their way at once
	perChunk  = 512 // bytes at most that a server needs beside a chunk
)

// errLagging says that another server has what this one has not got yet.
var errLagging = errors.New("a server has not caught up")

// bucket is the object store that the payloads of a stream are in.
func (o *Options) bucket() string { return o.Stream + "_payloads" }

// bucketStream is the stream that JetStream has for it.
func (o *Options) bucketStream() string { return "OBJ_" + o.bucket() }

// bucketConfig is what jetstream.CreateObjectStore makes, but for Discard.
func (o *Options) bucketConfig(storage jetstream.StorageType) jetstream.StreamConfig {
	name := o.bucket()
	return jetstream.StreamConfig{
		Name: o.bucketStream(), Description: "large payloads of the stream " + o.Stream, Subjects: []string{"$O." + name + ".C.>", "$O." + name + ".M.>"},
		Storage: storage, Replicas: o.Replicas, MaxAge: o.MaxAge + slack, MaxBytes: o.MaxBytes, Discard: jetstream.DiscardOld, AllowRollup: true, AllowDirect: true,
	}
}

func (c *Conn) chunksSubject(nuid string) string { return "$O." + c.o.bucket() + ".C." + nuid }

func (c *Conn) metaSubject(id string) string {
	return "$O." + c.o.bucket() + ".M." + base64.URLEncoding.EncodeToString([]byte(id))
}

// store puts a payload into the object store. One whose event does not follow goes when it is old enough, or room is needed.
func (c *Conn) store(ctx context.Context, id string, payload []byte) error {
	if need := int64(len(payload)) + int64(len(payload)/c.chunk+2)*perChunk; need > c.o.MaxBytes {
		return fmt.Errorf("a payload of %d bytes needs %d with what is kept beside it: Options.MaxBytes is %d", len(payload), need, c.o.MaxBytes)
	}
	attempt := 0
	err := c.repeat(ctx, false, func(ctx context.Context) error {
		attempt++
		return c.put(ctx, id, fmt.Sprintf("%s-%d", id, attempt), payload) // what a failed attempt left is another's
	})
	if err != nil {
		return fmt.Errorf("storing a payload of %d bytes: %w", len(payload), err)
	}
	c.objects.Add(1)
	return nil
}

// put writes the chunks of an object, under a name that was not used before, and then what tells of them.
func (c *Conn) put(ctx context.Context, id, nuid string, payload []byte) error {
	subject, bucket := c.chunksSubject(nuid), c.o.bucketStream()
	var pending []jetstream.PubAckFuture
	var last uint64
	wait := func(most int) error {
		for ; len(pending) > most; pending = pending[1:] {
			n, err := c.acked(ctx, pending[0])
			if err == nil && n <= last {
				err = fmt.Errorf("chunks came in another order: %w", errLagging)
			}
			if err != nil {
				return err
			}
			last = n
		}
		return nil
	}
	chunks := uint32(0)
	for rest := payload; len(rest) > 0; chunks++ {
		n := min(len(rest), c.chunk)
		f, err := c.async.PublishMsgAsync(&nats.Msg{Subject: subject, Data: rest[:n]}, jetstream.WithExpectStream(bucket), jetstream.WithRetryAttempts(0))
		if err != nil {
			return err
		}
		pending, rest = append(pending, f), rest[n:]
		if err := wait(window - 1); err != nil {
			return err
		}
	}
	if err := wait(0); err != nil {
		return err
	}
	digest := sha256.Sum256(payload)
	info := jetstream.ObjectInfo{
		ObjectMeta: jetstream.ObjectMeta{Name: id, Opts: &jetstream.ObjectMetaOptions{ChunkSize: uint32(c.chunk)}},
		Bucket:     c.o.bucket(), NUID: nuid, Size: uint64(len(payload)), Chunks: chunks, Digest: digestPrefix + base64.URLEncoding.EncodeToString(digest[:]),
	}
	text, err := json.Marshal(info)
	if err != nil {
		return err
	}
	m := &nats.Msg{Subject: c.metaSubject(id), Data: text, Header: nats.Header{jetstream.MsgRollup: {jetstream.MsgRollupSubject}}}
	ctx, cancel := c.step(ctx)
	defer cancel()
	_, err = c.js.PublishMsg(ctx, m, jetstream.WithExpectStream(bucket), jetstream.WithRetryAttempts(0))
	return err
}

// acked waits for a chunk to be stored, and returns its sequence.
func (c *Conn) acked(ctx context.Context, f jetstream.PubAckFuture) (uint64, error) {
	ctx, cancel := c.step(ctx)
	defer cancel()
	select {
	case ack := <-f.Ok():
		return ack.Sequence, nil
	case err := <-f.Err():
		return 0, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// step is for one chunk, or what tells of them.
func (c *Conn) step(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 10*c.o.Attempt)
}

const digestPrefix = "SHA-256="

// get reads an object into b, which it fills, and calls progress before each chunk. Of a payload that will never be what it should it returns ErrEvent.
func (c *Conn) get(ctx context.Context, id string, b []byte, progress func()) error {
	first, cancel := c.step(ctx)
	defer cancel()
	bucket, err := c.js.Stream(first, c.o.bucketStream())
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return expired()
	}
	if err != nil {
		return err
	}
	meta, err := bucket.GetLastMsgForSubject(first, c.metaSubject(id))
	if err != nil {
		return kept(first, bucket, c.metaSubject(id), 1, err)
	}
	var info jetstream.ObjectInfo
	if err := json.Unmarshal(meta.Data, &info); err != nil {
		return fmt.Errorf("%w: its object %q: %w", ErrEvent, id, err)
	}
	if info.Deleted {
		return expired()
	}
	if info.Size != uint64(len(b)) || info.NUID == "" || strings.ContainsAny(info.NUID, ".*> \t\r\n") {
		return fmt.Errorf("%w: its payload has %d bytes, the object %q, %q, has %d", ErrEvent, len(b), id, info.NUID, info.Size)
	}
	subject, sum, rest := c.chunksSubject(info.NUID), sha256.New(), b
	for next := uint64(1); len(rest) > 0; {
		progress()
		one, cancel := c.step(ctx)
		m, err := bucket.GetMsg(one, next, jetstream.WithGetMsgSubject(subject))
		cancel()
		if err != nil {
			return kept(ctx, bucket, subject, uint64(info.Chunks), err)
		}
		if len(m.Data) == 0 || len(m.Data) > len(rest) {
			return fmt.Errorf("%w: %d bytes of its payload are left, and a chunk of %d comes", ErrEvent, len(rest), len(m.Data))
		}
		rest = rest[copy(rest, m.Data):]
		next = m.Sequence + 1
		sum.Write(m.Data)
	}
	if digest := base64.URLEncoding.EncodeToString(sum.Sum(nil)); digestPrefix+digest != info.Digest {
		return fmt.Errorf("%w: the digest of its payload is %s, not %s", ErrEvent, digest, info.Digest)
	}
	return nil
}

func expired() error {
	return fmt.Errorf("%w: %w: raise Options.MaxAge or MaxBytes, or receive sooner", ErrEvent, ErrExpired)
}

// kept says what an error of looking for a message means: any server may answer that, also one that lags, so the leader is asked whether there are
// as many as there should be.
func kept(ctx context.Context, bucket jetstream.Stream, subject string, want uint64, err error) error {
	if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return err
	}
	info, err := bucket.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return err
	}
	if info.State.Subjects[subject] < want || want == 0 {
		return expired()
	}
	return errLagging
}

// joined is a context that ends with either.
func joined(ctx, other context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(other, func() { cancel(context.Cause(other)) })
	return ctx, func() { stop(); cancel(nil) }
}

// slack is how much longer a payload is kept than its event.
const slack = 5 * time.Minute
