package natsbus

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Options tune Open. The zero value runs a server in this process that nobody else can reach, and keeps events in memory.
type Options struct {
	URL    string        // of one server of a cluster, or several with commas between; empty: Server
	Server ServerOptions // of the server that runs in this process
	Name   string        // of this client, in the servers' lists

	TLS            *tls.Config // for the connection to URL; nil without, unless the URL says tls://
	Credentials    string      // a file of a user's JWT and key (.creds)
	User, Password string
	Token          string

	Stream     string        // name of the stream, and first word of its subjects; empty is "poolgen"
	Replicas   int           // servers that keep each event: 1, 3 or 5; 0 is 1
	Memory     bool          // events are kept in memory; without URL and Server.Store they always are
	MaxAge     time.Duration // how long events are kept; 0 is an hour
	MaxBytes   int64         // of events in the stream, beyond which the oldest go, and as many of payloads beside it; 0 is 1 GiB, 64 MiB in memory
	Duplicates time.Duration // how long servers remember message ids; 0 is two minutes, or MaxAge if that is less
	Inline     int           // bytes of the largest payload in the stream itself; 0 is 128 KiB, and never more than the server's limit
	// Attempt is how long Publish waits for one answer before it asks again; 0 is 2 s.
	Attempt time.Duration
	// Event is told of the connection: that it was lost, and found again. It may be nil, and must not block.
	Event func(string)
}

func (o *Options) check() error {
	set := func(ok bool, format string, args ...any) error {
		if ok {
			return nil
		}
		return fmt.Errorf(format, args...)
	}
	if o.Stream == "" {
		o.Stream = "poolgen"
	}
	if o.Replicas == 0 {
		o.Replicas = 1
	}
	if o.MaxAge == 0 {
		o.MaxAge = time.Hour
	}
	if o.Duplicates == 0 {
		o.Duplicates = min(2*time.Minute, o.MaxAge)
	}
	if o.URL == "" && o.Server.Store == "" {
		o.Memory = true
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 30
		if o.Memory {
			o.MaxBytes = 64 << 20
		}
	}
	if o.Inline == 0 {
		o.Inline = 128 << 10
	}
	if o.Attempt == 0 {
		o.Attempt = 2 * time.Second
	}
	return errors.Join(
		set(!strings.ContainsAny(o.Stream, ".*> \t\r\n/\\"), "Options.Stream is %q: it must be one word, without . * > / \\ and spaces", o.Stream),
		set(o.Replicas == 1 || o.Replicas == 3 || o.Replicas == 5, "Options.Replicas is %d: it must be 1, 3 or 5", o.Replicas),
		set(o.MaxAge > 0 && o.Duplicates > 0 && o.Duplicates <= o.MaxAge, "Options.MaxAge is %v and Duplicates %v: both must be positive, the second not above the first", o.MaxAge, o.Duplicates),
		set(o.MaxBytes > 0, "Options.MaxBytes is %d: it must be positive", o.MaxBytes),
		set(o.Inline > 0, "Options.Inline is %d: it must be positive", o.Inline),
		set(o.Attempt > 0, "Options.Attempt is %v: it must be positive", o.Attempt),
		set(o.URL == "" || o.Server == (ServerOptions{}), "Options has a URL and a Server: give one of them"),
		set(o.URL != "" || o.TLS == nil && o.Credentials == "", "Options.TLS and Credentials are for a URL"),
	)
}

// client are the options of the connection, of whose loss lost is told.
func (o *Options) client(lost func()) []nats.Option {
	tell := o.Event
	if tell == nil {
		tell = func(string) {}
	}
	opts := []nats.Option{
		nats.Name(o.Name), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(false),
		nats.ReconnectWait(100 * time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, 500*time.Millisecond),
		nats.ReconnectBufSize(-1), // Publish repeats what a lost connection swallows
		nats.PingInterval(10 * time.Second), nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			lost()
			if err != nil { // not by Close
				tell(fmt.Sprintf("disconnected: %v", err))
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { tell("connected again to " + c.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { tell(err.Error()) }),
	}
	if o.TLS != nil {
		opts = append(opts, nats.Secure(o.TLS))
	}
	if o.Credentials != "" {
		opts = append(opts, nats.UserCredentials(o.Credentials))
	}
	if o.User != "" {
		opts = append(opts, nats.UserInfo(o.User, o.Password))
	}
	if o.Token != "" {
		opts = append(opts, nats.Token(o.Token))
	}
	return opts
}
