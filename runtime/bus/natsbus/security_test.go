package natsbus_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/poolgen/poolgen/runtime/bus/natsbus"
)

// certificate writes a certificate of its own for 127.0.0.1, and its key.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	err = errors.Join(os.WriteFile(cert, certPEM, 0o600), os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return cert, key, pool
}

// works publishes and receives over a connection.
func works(t *testing.T, o natsbus.Options) {
	t.Helper()
	c := open(t, o)
	s := subscribe(t, c, "x", natsbus.SubOptions{Pool: blocks(t, 100, 2)})
	publish(t, c, "x", "", "secret")
	next(t, s).Release()
}

func TestTLSAndPassword(t *testing.T) {
	cert, key, roots := certificate(t)
	server, err := natsbus.StartServer(natsbus.ServerOptions{
		Listen: "127.0.0.1:0", User: "camera", Password: "pass", Certificate: cert, Key: key, CA: cert, Store: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	own, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	good := natsbus.Options{URL: server.URL(), User: "camera", Password: "pass", TLS: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}}}
	works(t, good)
	for what, change := range map[string]func(*natsbus.Options){
		"a wrong password":       func(o *natsbus.Options) { o.Password = "guess" },
		"no certificate of mine": func(o *natsbus.Options) { o.TLS = &tls.Config{RootCAs: roots} },
		"an unknown authority":   func(o *natsbus.Options) { o.TLS = &tls.Config{Certificates: []tls.Certificate{own}} },
	} {
		o := good
		change(&o)
		if _, err := natsbus.Open(patient(t), o); err == nil {
			t.Errorf("the server lets in who has %s", what)
		} else {
			t.Logf("%s: %v", what, err)
		}
	}
}

// A .creds file of a user of an account of an operator.
func TestCredentials(t *testing.T) {
	newKey := func(create func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string) {
		t.Helper()
		k, err := create()
		if err != nil {
			t.Fatal(err)
		}
		public, err := k.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		return k, public
	}
	encode := func(text string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	operatorKey, operatorID := newKey(nkeys.CreateOperator)
	accountKey, accountID := newKey(nkeys.CreateAccount)
	_, systemID := newKey(nkeys.CreateAccount)
	userKey, userID := newKey(nkeys.CreateUser)

	operator := jwt.NewOperatorClaims(operatorID)
	operator.SystemAccount = systemID
	account := jwt.NewAccountClaims(accountID)
	account.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	operatorJWT := encode(operator.Encode(operatorKey))
	accountJWT := encode(account.Encode(operatorKey))
	systemJWT := encode(jwt.NewAccountClaims(systemID).Encode(operatorKey))
	userJWT := encode(jwt.NewUserClaims(userID).Encode(accountKey))
	claims, err := jwt.DecodeOperatorClaims(operatorJWT)
	if err != nil {
		t.Fatal(err)
	}
	resolver := &server.MemAccResolver{}
	if err := errors.Join(resolver.Store(accountID, accountJWT), resolver.Store(systemID, systemJWT)); err != nil {
		t.Fatal(err)
	}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), JetStreamMaxMemory: 1 << 28, JetStreamMaxStore: 1 << 30,
		TrustedOperators: []*jwt.OperatorClaims{claims}, SystemAccount: systemID, AccountResolver: resolver, NoLog: true, NoSigs: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer func() {
		s.Shutdown()
		s.WaitForShutdown()
	}()
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server does not answer")
	}
	seed, err := userKey.Seed()
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(userJWT, seed)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "user.creds")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	works(t, natsbus.Options{URL: s.ClientURL(), Credentials: file, Memory: true})
	for _, o := range []natsbus.Options{{URL: s.ClientURL()}, {URL: s.ClientURL(), Credentials: "/no/file"}} {
		if _, err := natsbus.Open(patient(t), o); err == nil {
			t.Errorf("%+v opens", o)
		}
	}
}

// A server in this process asks others for certificates and passwords, and this process for none.
func TestOwnServerTLS(t *testing.T) {
	cert, key, roots := certificate(t)
	own, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, ca := range []string{"", cert} {
		o := natsbus.Options{Server: natsbus.ServerOptions{Listen: "127.0.0.1:0", User: "camera", Password: "pass", Certificate: cert, Key: key, CA: ca}}
		works(t, o)
		c := open(t, o)
		works(t, natsbus.Options{URL: c.URL(), User: "camera", Password: "pass", TLS: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}}, Memory: true})
		if _, err := natsbus.Open(patient(t), natsbus.Options{URL: c.URL(), User: "camera", Password: "guess", TLS: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}}}); err == nil {
			t.Error("the server lets in who guesses")
		}
	}
}

// Only who knows the password and has a certificate joins a cluster.
func TestClusterSecrets(t *testing.T) {
	if strconv.IntSize == 32 {
		_, err := natsbus.StartServer(natsbus.ServerOptions{Name: "a", Store: t.TempDir(), Cluster: "c", Gossip: "127.0.0.1:0"})
		if err == nil || !strings.Contains(err.Error(), "32-bit") {
			t.Errorf("a cluster's server on 32 bits, where nats-server does not run: %v", err)
		}
		return
	}
	cert, key, _ := certificate(t)
	gossip := freePorts(t, 1)[0]
	start := func(n int, password, ca string) *natsbus.Server {
		t.Helper()
		o := natsbus.ServerOptions{
			Name: fmt.Sprint(n), Listen: "127.0.0.1:0", Store: t.TempDir(), Cluster: "secret", Gossip: gossip, Routes: gossip,
			User: "server", Password: password, Sync: n == 0,
		}
		if n > 0 {
			o.Gossip = "127.0.0.1:0"
		}
		if ca != "" {
			o.Certificate, o.Key, o.CA = cert, key, ca
		}
		s, err := natsbus.StartServer(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}
	first := start(0, "pass", cert)
	for n, s := range []*natsbus.Server{start(1, "guess", cert), start(2, "pass", "")} {
		time.Sleep(500 * time.Millisecond)
		if s.Routes() != 0 || first.Routes() != 0 {
			t.Errorf("server %d has joined", n+1)
		}
	}
	second := start(3, "pass", cert)
	for end := time.Now().Add(time.Minute); second.Routes() == 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if second.Routes() == 0 {
		t.Error("who may has not joined")
	}
	if !first.Syncs() || second.Syncs() {
		t.Error("ServerOptions.Sync does not count")
	}
}
