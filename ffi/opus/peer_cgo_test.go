//go:build cgo && nolibopusfile

package opus_test

import (
	"testing"

	hraban "gopkg.in/hraban/opus.v2"

	"github.com/poolgen/poolgen/ffi/opus"
)

func init() {
	peers["hraban"] = func(b *testing.B, pcm []int16) coder {
		e, err := hraban.NewEncoder(rate, 1, hraban.AppVoIP)
		if err != nil {
			b.Fatal(err)
		}
		d, err := hraban.NewDecoder(rate, 1)
		if err != nil {
			b.Fatal(err)
		}
		// It cannot be told what it hears.
		if err := e.SetBitrate(24_000); err != nil {
			b.Fatal(err)
		}
		count := len(pcm) / 960
		packets, sizes, out := make([][opus.MaxPacket]byte, count), make([]int, count), make([]int16, 960)
		return coder{
			func(i int) (err error) { sizes[i], err = e.Encode(pcm[960*i:][:960], packets[i][:]); return err },
			func(i int) error { _, err := d.Decode(packets[i][:sizes[i]], out); return err },
		}
	}
}
