//go:build race

package opus_test

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/poolgen/poolgen/ffi/opus"
)

// One coder in two goroutines is found by the race detector, though it does not see what libopus does.
func TestTwoGoroutinesAreFound(t *testing.T) {
	switch os.Getenv("OPUS_SHARE") {
	case "":
		for _, what := range []string{"encoder", "decoder", "options"} {
			cmd := exec.Command(os.Args[0], "-test.run=^TestTwoGoroutinesAreFound$")
			cmd.Env = append(os.Environ(), "OPUS_SHARE="+what)
			if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "DATA RACE") {
				t.Errorf("%s: %v\n%s", what, err, out)
			}
		}
		return
	case "encoder":
		e := encoder(t, opus.EncoderConfig{})
		both(func() { _, _ = e.Encode(make([]int16, 960*2), make([]byte, 1000)) })
	case "decoder":
		d := decoder(t)
		both(func() { _, _ = d.Conceal(make([]int16, 960*2)) })
	case "options":
		e := encoder(t, opus.EncoderConfig{})
		both(func() { _ = e.SetBitrate(64000) })
	}
}

// both runs f in two goroutines, one after the other as the clock has it, with nothing between that says so.
func both(f func()) {
	var both sync.WaitGroup
	for range 2 {
		both.Go(f)
	}
	both.Wait()
}
