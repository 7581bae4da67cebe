package natsbus

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// ServerOptions tune a NATS server in this process. The zero value listens nowhere and keeps events in memory.
type ServerOptions struct {
	Name      string // of the server; needed in a cluster
	Listen    string // address for clients, as in ":4222"; empty: this process alone. Port 0 picks one, see Conn.URL
	Store     string // folder of the events; empty: in memory, and clients cannot ask for files
	User      string // who clients must be, and the cluster's other servers, if not empty
	Password  string
	Cluster   string // name of the cluster; empty: none, as it must be on 32-bit machines
	Routes    string // addresses of the cluster's servers, as in "a:6222,b:6222"
	Gossip    string // address for the cluster's other servers, as in ":6222"
	MaxMemory int64  // bytes of events in memory; 0 is 256 MiB
	MaxStore  int64  // bytes of events in Store; 0 is 4 GiB
	// Sync has each event on the disk before it is acknowledged. Without it the system writes it, within two minutes: what is acknowledged survives that
	// the process is killed, but not that the power is cut, unless it is not cut for all of a cluster at once.
	Sync bool
	// Certificate and Key are PEM files for TLS; CA, if not empty, is what clients' certificates must be signed by, and those of the cluster's
	// other servers, which use TLS among each other then.
	Certificate, Key, CA string
}

// startup is how long a server may take until it answers.
const startup = 30 * time.Second

// Server is a NATS server in this process.
type Server struct {
	s    *server.Server
	temp string // folder that it had to have when it started, where it has no Store
}

// StartServer starts a server of its own, for others. Open does so by itself when it has no URL.
func StartServer(o ServerOptions) (*Server, error) {
	s, err := startServer(o)
	if err != nil {
		return nil, fmt.Errorf("natsbus: starting a server: %w", err)
	}
	return s, nil
}

func startServer(o ServerOptions) (_ *Server, err error) {
	so := &server.Options{
		ServerName: o.Name, DontListen: o.Listen == "", JetStream: true, StoreDir: o.Store,
		JetStreamMaxMemory: o.MaxMemory, JetStreamMaxStore: o.MaxStore, SyncAlways: o.Sync,
		Username: o.User, Password: o.Password, NoLog: true, NoSigs: true,
	}
	if so.JetStreamMaxMemory == 0 {
		so.JetStreamMaxMemory = 256 << 20
	}
	if so.JetStreamMaxStore == 0 {
		so.JetStreamMaxStore = 4 << 30
	}
	if o.Listen != "" {
		if so.Host, so.Port, err = address(o.Listen); err != nil {
			return nil, fmt.Errorf("ServerOptions.Listen: %w", err)
		}
	}
	if o.Cluster != "" {
		if strconv.IntSize == 32 {
			// server/monitor.go of 2.15 loads lastMetaSnapTime, of jetstream_cluster.go, which is not at a multiple of 8 there: that ends the process.
			return nil, errors.New("nats-server cannot be one of a cluster on a 32-bit machine: run it elsewhere, and give Options.URL here")
		}
		so.Cluster.Name = o.Cluster
		if so.Cluster.Host, so.Cluster.Port, err = address(o.Gossip); err != nil {
			return nil, fmt.Errorf("ServerOptions.Gossip: %w", err)
		}
		so.Cluster.Username, so.Cluster.Password = o.User, o.Password
		so.Routes = routes(o)
		if o.Name == "" || o.Store == "" {
			return nil, errors.New("a server of a cluster needs ServerOptions.Name and Store")
		}
	}
	if o.Certificate != "" {
		tc := server.TLSConfigOpts{CertFile: o.Certificate, KeyFile: o.Key, CaFile: o.CA, Verify: o.CA != ""}
		if so.TLSConfig, err = server.GenTLSConfig(&tc); err != nil {
			return nil, fmt.Errorf("ServerOptions.Certificate: %w", err)
		}
		so.TLSTimeout = 5
		if o.Cluster != "" && o.CA != "" {
			between := so.TLSConfig.Clone()
			between.RootCAs = between.ClientCAs
			so.Cluster.TLSConfig, so.Cluster.TLSTimeout = between, 5
		}
	}
	done := &Server{}
	defer func() {
		if err != nil {
			done.Close()
		}
	}()
	if o.Store != "" {
		if err := os.MkdirAll(o.Store, 0o700); err != nil {
			return nil, fmt.Errorf("ServerOptions.Store: %w", err)
		}
	} else {
		// Without a folder it would take one of a fixed name, and with it what another process has there, which may be another user's.
		if done.temp, err = os.MkdirTemp("", "poolgen-nats-"); err != nil {
			return nil, fmt.Errorf("a server without ServerOptions.Store needs an empty folder while it starts: set TMPDIR to where one can be made: %w", err)
		}
		so.StoreDir, so.JetStreamMaxStore = done.temp, 1
	}
	if done.s, err = server.NewServer(so); err != nil {
		return nil, err
	}
	why := reason{make(chan string, 1)}
	done.s.SetLogger(why, false, false)
	done.s.Start()
	for end := time.Now().Add(startup); !done.s.ReadyForConnections(100 * time.Millisecond); {
		fatal := ""
		select {
		case fatal = <-why.first:
		default:
			if done.s.Running() && time.Now().Before(end) {
				continue
			}
			fatal = fmt.Sprintf("it is not ready after %v", startup)
		}
		return nil, fmt.Errorf("it does not start: %s: see that the addresses %q and %q are free and the folder %q can be written", fatal, o.Listen, o.Gossip, so.StoreDir)
	}
	if !done.s.JetStreamEnabled() {
		return nil, fmt.Errorf("JetStream does not start: see that the folder %q can be written and has room for %d bytes", so.StoreDir, so.JetStreamMaxStore)
	}
	if done.temp != "" {
		return done, os.RemoveAll(done.temp) // nothing is written there; if the process is killed nothing is left
	}
	return done, nil
}

// reason is a server's logger, which keeps only why it does not start.
type reason struct{ first chan string }

func (r reason) Fatalf(format string, v ...any) {
	select {
	case r.first <- fmt.Sprintf(format, v...):
	default:
	}
}
func (reason) Errorf(string, ...any)  {}
func (reason) Warnf(string, ...any)   {}
func (reason) Noticef(string, ...any) {}
func (reason) Debugf(string, ...any)  {}
func (reason) Tracef(string, ...any)  {}

// URL is where clients find the server; empty if it listens nowhere.
func (s *Server) URL() string { return s.s.ClientURL() }

// Close ends the server, after what it has received is stored.
func (s *Server) Close() {
	if s.s != nil {
		s.s.Shutdown()
		s.s.WaitForShutdown()
	}
	if s.temp != "" {
		_ = os.RemoveAll(s.temp) // which has what administrators' requests have put there, as a snapshot
	}
}

// address splits host:port; port 0 means that the system picks one.
func address(a string) (string, int, error) {
	host, port, err := net.SplitHostPort(a)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("the port of %q is no number up to 65535", a)
	}
	if n == 0 {
		return host, server.RANDOM_PORT, nil
	}
	return host, int(n), nil
}

func routes(o ServerOptions) []*url.URL {
	var urls []*url.URL
	for a := range splitList(o.Routes) {
		u := &url.URL{Scheme: "nats", Host: a}
		if o.User != "" {
			u.User = url.UserPassword(o.User, o.Password)
		}
		urls = append(urls, u)
	}
	return urls
}
