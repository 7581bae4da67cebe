package opus_test

import (
	"testing"

	"github.com/poolgen/poolgen/ffi/opus"
)

// Samples, packets and weights may lie in a struct that has Go pointers too: C gets to see the bytes only.
func TestInsideAStruct(t *testing.T) {
	type frame struct {
		next   *frame
		name   string
		pcm    [2 * 960]int16
		float  [2 * 960]float32
		packet [opus.MaxPacket]byte
	}
	f := &frame{next: &frame{}, name: "a frame"}
	e, d, r := encoder(t, opus.EncoderConfig{}), decoder(t), repacketizer(t)
	n, err := e.Encode(f.pcm[:], f.packet[:])
	if err == nil {
		_, err = d.Decode(f.packet[:n], f.pcm[:])
	}
	if err == nil {
		n, err = e.EncodeFloat(f.float[:], f.packet[:])
	}
	if err == nil {
		_, err = d.DecodeFloat(f.packet[:n], f.float[:])
	}
	if err == nil {
		err = r.Pad(f.packet[:n+9], n)
	}
	if err == nil {
		_, err = r.Unpad(f.packet[:n+9])
	}
	if err == nil {
		err = r.AddBytes(f.packet[:n])
	}
	if err == nil {
		_, err = r.Out(0, 1, f.packet[:])
	}
	if err != nil {
		t.Error(err)
	}
}
