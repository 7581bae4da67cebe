package ipc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
)

const (
	helloMagic   = 0x50475331 // "1SGP": the subscriber's
	welcomeMagic = 0x50475732 // "2WGP": the publisher's
	version      = 1
	helloSize    = 32
	welcomeSize  = 32
	textMax      = 512
	// Of any version: the magic and the version.
	versionSize = 8
)

// answerLimit is how long a subscriber without a deadline waits for the publisher's answer.
const answerLimit = 10 * time.Second

// versions says that the two sides do not fit.
func versions(subscriber, publisher uint32) string {
	if subscriber != version {
		return fmt.Sprintf("the subscriber speaks version %d, the publisher %d: use the same version of poolgen on both sides", subscriber, publisher)
	}
	return fmt.Sprintf("the publisher speaks version %d, the subscriber %d: use the same version of poolgen on both sides", publisher, subscriber)
}

// hello is what a subscriber says first: little-endian words magic, version, policy, slots; the rest is 0.
type hello struct {
	version uint32
	policy  Policy
	slots   uint32
}

func (h hello) bytes() []byte {
	b := make([]byte, helloSize)
	for i, v := range []uint32{helloMagic, h.version, uint32(h.policy), h.slots} {
		binary.LittleEndian.PutUint32(b[4*i:], v)
	}
	return b
}

func parseHello(b []byte) (hello, error) {
	if len(b) < versionSize || binary.LittleEndian.Uint32(b) != helloMagic {
		return hello{}, fmt.Errorf("the first message is no hello of any version, the publisher speaks version %d: %w", version, ErrProtocol)
	}
	h := hello{version: binary.LittleEndian.Uint32(b[4:])}
	if h.version != version { // what else is in the message, another version knows
		return h, fmt.Errorf("%s: %w", versions(h.version, version), ErrProtocol)
	}
	if len(b) != helloSize {
		return h, fmt.Errorf("the hello has %d bytes, not the %d of version %d: %w", len(b), helloSize, version, ErrProtocol)
	}
	h.policy, h.slots = Policy(binary.LittleEndian.Uint32(b[8:])), binary.LittleEndian.Uint32(b[12:])
	if h.policy > Latest || h.slots > maxSlots {
		return h, fmt.Errorf("policy %d, %d slots: %w", h.policy, h.slots, ErrProtocol)
	}
	return h, nil
}

// welcome answers: magic, version, 1 if the subscriber is refused, 0, size of the arena (low and high half), next sequence number (low and
// high half); then the reason in words if it is refused. The descriptors of the arena, for reading, and of the channel come with it.
type welcome struct {
	version  uint32
	refused  bool
	arena    uint64
	sequence uint64
	reason   string
}

func (w welcome) bytes() []byte {
	b := make([]byte, welcomeSize, welcomeSize+len(w.reason))
	binary.LittleEndian.PutUint32(b, welcomeMagic)
	binary.LittleEndian.PutUint32(b[4:], w.version)
	if w.refused {
		binary.LittleEndian.PutUint32(b[8:], 1)
	}
	binary.LittleEndian.PutUint64(b[16:], w.arena)
	binary.LittleEndian.PutUint64(b[24:], w.sequence)
	return append(b, w.reason[:min(len(w.reason), textMax)]...)
}

func parseWelcome(b []byte) (welcome, error) {
	if len(b) < versionSize || binary.LittleEndian.Uint32(b) != welcomeMagic {
		return welcome{}, fmt.Errorf("the answer is no welcome: %w", ErrProtocol)
	}
	w := welcome{version: binary.LittleEndian.Uint32(b[4:])}
	if len(b) >= welcomeSize {
		w.refused = binary.LittleEndian.Uint32(b[8:]) != 0
		w.arena, w.sequence = binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
		w.reason = strings.TrimRight(string(b[welcomeSize:]), "\x00")
	}
	switch {
	case w.version != version && w.refused:
		return w, fmt.Errorf("%w: %s: %s", ErrRefused, versions(version, w.version), w.reason)
	case w.version != version: // and may be of any length
		return w, fmt.Errorf("%s: %w", versions(version, w.version), ErrProtocol)
	case len(b) < welcomeSize:
		return w, fmt.Errorf("the answer has %d bytes, version %d has at least %d: %w", len(b), version, welcomeSize, ErrProtocol)
	case w.refused:
		return w, fmt.Errorf("%w: %s", ErrRefused, w.reason)
	}
	return w, nil
}

// greet says hello, and reads the answer into b. A publisher that hangs up before it has read the hello, as where too many others come, has said why:
// of the hello that it left unread Linux tells first, and once (unix_release_sock in net/unix/af_unix.c).
func greet(conn *net.UnixConn, h hello, b []byte) (int, []int, error) {
	hungUp := func(err error) bool { return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) }
	if _, err := conn.Write(h.bytes()); err != nil && !hungUp(err) {
		return 0, nil, err
	}
	n, fds, err := receiveFDs(conn, b, 4)
	if hungUp(err) {
		n, fds, err = receiveFDs(conn, b, 4)
	}
	if hungUp(err) || errors.Is(err, io.EOF) {
		err = fmt.Errorf("the publisher hung up without an answer: %w: %w", ErrGone, err)
	}
	return n, fds, err
}

// receiveFDs reads a message and the descriptors that come with it, which are close-on-exec.
func receiveFDs(conn *net.UnixConn, b []byte, most int) (int, []int, error) {
	oob := make([]byte, syscall.CmsgSpace(4*most))
	n, oobn, flags, _, err := conn.ReadMsgUnix(b, oob)
	var fds []int
	messages, err2 := syscall.ParseSocketControlMessage(oob[:oobn]) // of an empty message too, which ReadMsgUnix takes for the end
	for _, m := range messages {
		l, e := syscall.ParseUnixRights(&m)
		if e == nil {
			fds = append(fds, l...)
		}
	}
	switch {
	case err != nil:
	case err2 != nil:
		err = err2
	case flags&syscall.MSG_CTRUNC != 0 && len(fds) < most:
		err = fmt.Errorf("this process may not open the descriptors that come: raise RLIMIT_NOFILE: %w", syscall.EMFILE)
	case flags&(syscall.MSG_TRUNC|syscall.MSG_CTRUNC) != 0:
		err = fmt.Errorf("a message is cut off: %w", ErrProtocol)
	}
	if err != nil {
		return 0, nil, errors.Join(err, closeAll(fds))
	}
	return n, fds, nil
}

// knocker makes a function that sends a message of one byte, and never waits. Where the socket has no room its owner has messages to read, and
// is awake; where it is closed nobody sleeps.
func knocker(conn *net.UnixConn) (func(), error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	message := []byte{0}
	write := func(fd uintptr) bool {
		_, _ = syscall.SendmsgN(int(fd), message, nil, nil, syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL)
		return true
	}
	return func() { _ = raw.Write(write) }, nil
}

func closeAll(fds []int) error {
	var err error
	for _, fd := range fds {
		err = errors.Join(err, sys.Close(fd))
	}
	return err
}

// Peer is a process at the other end of a socket.
type Peer struct {
	PID      int32
	UID, GID uint32
}

func peerOf(conn *net.UnixConn) (Peer, error) {
	pid, uid, gid, err := sys.PeerOf(conn)
	return Peer{pid, uid, gid}, err
}
