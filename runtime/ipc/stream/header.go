package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// HeaderSize is the number of bytes before each payload.
const HeaderSize = 17

// Magic is the first word of every header. It says which stream it is, and that the reader is in step.
type Magic uint32

// The streams in use. On the wire the bytes are in the opposite order, because the word is little-endian.
const (
	Output Magic = 'J'<<24 | 'K'<<16 | 'O'<<8 | 'U' // from the device
	Input  Magic = 'J'<<24 | 'K'<<16 | 'I'<<8 | 'N' // to the device
)

// String is the magic's four letters where it has such, else its number.
func (m Magic) String() string {
	b := [4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)}
	for _, c := range b {
		if c < ' ' || c > '~' {
			return fmt.Sprintf("%#08x", uint32(m))
		}
	}
	return string(b[:])
}

// Type is what a message is.
type Type uint8

// The types of the protocol. A reader skips messages of any other, with their payload.
const (
	Frame     Type = 0 // a payload of audio or video
	Config    Type = 1 // settings, in a form that the two programs agree on
	Stop      Type = 2 // the sender goes away
	Heartbeat Type = 3 // the receiver is to send an Ack
	Ack       Type = 4
)

// String is the type's name, or its number.
func (t Type) String() string {
	switch t {
	case Frame:
		return "frame"
	case Config:
		return "config"
	case Stop:
		return "stop"
	case Heartbeat:
		return "heartbeat"
	case Ack:
		return "ack"
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Header stands before each payload, little-endian and without padding:
//
//	0   u32  magic
//	4   u8   type
//	5   u32  length of the payload in bytes
//	9   i64  timestamp in nanoseconds
type Header struct {
	Magic     Magic
	Type      Type
	Length    uint32 // unsigned: it does not fit an int where that has 32 bits
	Timestamp int64  // nanoseconds since 1970, when the payload was made
}

// Put writes the header into b.
func (h Header) Put(b *[HeaderSize]byte) {
	binary.LittleEndian.PutUint32(b[0:], uint32(h.Magic))
	b[4] = byte(h.Type)
	binary.LittleEndian.PutUint32(b[5:], h.Length)
	binary.LittleEndian.PutUint64(b[9:], uint64(h.Timestamp))
}

// ParseHeader reads a header. Any 17 bytes are one: see Check.
func ParseHeader(b *[HeaderSize]byte) Header {
	return Header{
		Magic:     Magic(binary.LittleEndian.Uint32(b[0:])),
		Type:      Type(b[4]),
		Length:    binary.LittleEndian.Uint32(b[5:]),
		Timestamp: int64(binary.LittleEndian.Uint64(b[9:])),
	}
}

// Errors for what a peer sent. The connection is closed: what follows cannot be trusted to be a header.
var (
	// ErrMagic says that a header begins with another word: another protocol, the other direction, or a reader out of step.
	ErrMagic = errors.New("wrong magic")
	// ErrTooLong says that a header announces more than Options.MaxMessage.
	ErrTooLong = errors.New("message is too long")
)

// Check returns an error that wraps ErrMagic or ErrTooLong if a reader of the stream could not go on behind the header.
func (h Header) Check(magic Magic, longest uint32) error {
	if h.Magic != magic {
		return fmt.Errorf("%w: %v where %v should be", ErrMagic, h.Magic, magic)
	}
	if h.Length > longest {
		return fmt.Errorf("%w: a %v of %d bytes, at most %d are allowed", ErrTooLong, h.Type, h.Length, longest)
	}
	return nil
}
