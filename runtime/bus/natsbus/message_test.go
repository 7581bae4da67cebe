package natsbus

import (
	"errors"
	"math"
	"strconv"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// raw is a message as it comes from a server, of whose answers nothing is sent.
type raw struct {
	jetstream.Msg
	header nats.Header
	data   []byte
}

func (r raw) Metadata() (*jetstream.MsgMetadata, error) {
	return &jetstream.MsgMetadata{Sequence: jetstream.SequencePair{Stream: 7}}, nil
}
func (r raw) Headers() nats.Header { return r.header }
func (r raw) Data() []byte         { return r.data }
func (r raw) Subject() string      { return "poolgen.x" }
func (r raw) Term() error          { return nil }

// Whatever a header says, a message is read as it is or refused, and what was refused is not held.
func FuzzMessage(f *testing.F) {
	f.Add("", "", "", []byte("data"))
	f.Add("aGVhZA==", "object", "100", []byte(nil))
	f.Add("aGVhZA", "object", "-1", []byte(nil))
	f.Add("", "object", strconv.Itoa(math.MaxInt), []byte("x"))
	f.Add("", "object", "4294967296", []byte("x"))
	f.Add("", "object", "9223372036854775808", []byte("x"))
	f.Add("\xff", "", "1", []byte(nil))
	f.Fuzz(func(t *testing.T, head, object, size string, data []byte) {
		s := &Sub{c: &Conn{o: Options{Stream: "poolgen"}}, seen: map[uint64]bool{}, done: make([]uint64, 4)}
		h := nats.Header{headerHead: {head}, headerSize: {size}}
		if object != "" {
			h.Set(headerObject, object)
		}
		m, err := s.message(raw{header: h, data: data})
		if err != nil {
			if !errors.Is(err, ErrEvent) || len(s.seen) != 0 {
				t.Errorf("%v; held: %v", err, s.seen)
			}
			return
		}
		if m.Topic != "x" || m.Sequence != 7 || m.Size < 0 || object == "" && m.Size != len(data) {
			t.Errorf("%+v", m)
		}
		if object != "" {
			if n, err := strconv.ParseInt(size, 10, 64); err != nil || n != int64(m.Size) {
				t.Errorf("the size %q is %d", size, m.Size)
			}
		}
		m.Release()
		if m.Release(); len(s.seen) != 0 {
			t.Errorf("held after Release: %v", s.seen)
		}
	})
}
