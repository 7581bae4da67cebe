//go:build !race

// The race detector keeps memory of its own for all that was ever used.

package opus_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/poolgen/poolgen/ffi/opus"
	"github.com/poolgen/poolgen/internal/testutil"
)

// 1,000 rounds of everything that is opened leave no descriptor and no memory behind.
func TestRoundsLeaveNothing(t *testing.T) {
	testutil.OpenFDs(t)
	layout := opus.Layout{Streams: 1, Coupled: 1, Mapping: []byte{0, 1}}
	packet := packets(t, encoder(t, opus.EncoderConfig{}), 1, 960)[0]
	round := func() {
		e, err := opus.NewEncoder(opus.EncoderConfig{SampleRate: rate, Channels: 2})
		if err != nil {
			t.Fatal(err)
		}
		d, err := opus.NewDecoder(opus.DecoderConfig{SampleRate: rate, Channels: 2})
		if err != nil {
			t.Fatal(err)
		}
		c, err := d.Clone(nil)
		if err != nil {
			t.Fatal(err)
		}
		m, err := opus.NewMultistreamDecoder(opus.MultistreamDecoderConfig{SampleRate: rate, Channels: 2, Layout: layout})
		if err != nil {
			t.Fatal(err)
		}
		r, err := opus.NewRepacketizer(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(r.AddBytes(packet), e.Close(), d.Close(), c.Close(), m.Close(), r.Close()); err != nil {
			t.Fatal(err)
		}
		// What is refused leaves nothing either.
		if _, err := opus.NewEncoder(opus.EncoderConfig{SampleRate: rate, Channels: 2, Application: 1}); !errors.Is(err, opus.BadArg) {
			t.Fatal(err)
		}
	}
	// used is how much memory is, in KiB; a closed pool's headers go with the next garbage collection.
	used := func() (n int) {
		debug.FreeOSMemory()
		b, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		_, line, _ := strings.Cut(string(b), "RssAnon:")
		if _, err := fmt.Sscan(line, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	rounds := 1000
	if runtime.GOARCH == "arm" {
		rounds = 200 // slow in an emulator
	}
	for range 20 {
		round()
	}
	before := used()
	for range rounds {
		round()
	}
	const more = 24 << 10 // of the Go heap and the emulator; a round takes over 200
	after := used()
	for i := 0; i < 100 && after > before+more; i++ {
		time.Sleep(20 * time.Millisecond)
		after = used()
	}
	if after > before+more {
		t.Errorf("%d KiB in use, after %d rounds %d", before, rounds, after)
	}
}
