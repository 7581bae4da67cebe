package opus_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/poolgen/poolgen/ffi/opus"
	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// coder does a round: all packets of some speech.
type coder struct {
	encode, decode func(i int) error // packet i
}

// ours is this package's coder, with slices or with buffers.
func ours(b *testing.B, pcm []int16, inBufs bool) coder {
	b.Helper()
	e, err := opus.NewEncoder(opus.EncoderConfig{SampleRate: rate, Channels: 1, Application: opus.VoIP})
	if err != nil {
		b.Fatal(err)
	}
	d, err := opus.NewDecoder(opus.DecoderConfig{SampleRate: rate, Channels: 1})
	if err != nil {
		b.Fatal(err)
	}
	for _, err := range []error{e.SetSignal(opus.SignalVoice), e.SetBitrate(24_000)} {
		if err != nil {
			b.Fatal(err)
		}
	}
	count := len(pcm) / 960
	b.Cleanup(func() {
		if err := e.Close(); err != nil {
			b.Error(err)
		}
		if err := d.Close(); err != nil {
			b.Error(err)
		}
	})
	if !inBufs {
		packets, sizes, out := make([][opus.MaxPacket]byte, count), make([]int, count), make([]int16, 960)
		return coder{
			func(i int) (err error) { sizes[i], err = e.Encode(pcm[960*i:][:960], packets[i][:]); return err },
			func(i int) error { _, err := d.Decode(packets[i][:sizes[i]], out); return err },
		}
	}
	frames, err := pool.New(960*2, pool.Options{Max: count + 1})
	if err != nil {
		b.Fatal(err)
	}
	blocks, err := pool.New(opus.MaxPacket, pool.Options{Max: count})
	if err != nil {
		b.Fatal(err)
	}
	take := func(p *pool.Pool) pool.Buf {
		x, err := p.Get()
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(x.Release)
		return x
	}
	in, packets, out := make([]pool.Buf, count), make([]pool.Buf, count), take(frames)
	for i := range count {
		in[i], packets[i] = take(frames), take(blocks)
		for j, v := range pcm[960*i:][:960] {
			binary.NativeEndian.PutUint16(in[i].Bytes()[2*j:], uint16(v))
		}
	}
	return coder{
		func(i int) error { return e.EncodeBuf(in[i], packets[i]) },
		func(i int) error { return d.DecodeBuf(packets[i], out) },
	}
}

// peers are coders that other builds of this test add.
var peers = map[string]func(*testing.B, []int16) coder{}

// BenchmarkPacket codes 20 ms of speech beside a loop in C, and in a build with the tag nolibopusfile beside hraban/opus: the fastest of
// b.N rounds over all packets.
func BenchmarkPacket(b *testing.B) {
	pcm := speech(b)
	both := func(name string, open func(*testing.B) coder) {
		b.Run(name, func(b *testing.B) {
			c := open(b)
			count := len(pcm) / 960
			encode, decode := math.Inf(1), math.Inf(1)
			runtime.LockOSThread() // whose clock it is
			defer runtime.UnlockOSThread()
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				begin := cpuTime(b)
				for i := range count {
					if err := c.encode(i); err != nil {
						b.Fatal(err)
					}
				}
				middle := cpuTime(b)
				for i := range count {
					if err := c.decode(i); err != nil {
						b.Fatal(err)
					}
				}
				encode, decode = min(encode, middle-begin), min(decode, cpuTime(b)-middle)
			}
			report(b, encode/float64(count), decode/float64(count))
		})
	}
	b.Run("C", func(b *testing.B) { loop(b, pcm) })
	both("poolgen", func(b *testing.B) coder { return ours(b, pcm, false) })
	both("poolgen-bufs", func(b *testing.B) coder { return ours(b, pcm, true) })
	for name, open := range peers {
		both(name, func(b *testing.B) coder { return open(b, pcm) })
	}
}

// cpuTime is the thread's processor time in nanoseconds: other programs do not count.
func cpuTime(b *testing.B) float64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return float64(t.Nano())
}

func report(b *testing.B, encode, decode float64) {
	b.ReportMetric(0, "ns/op") // of a whole round: of no interest
	b.ReportMetric(encode, "ns/encode")
	b.ReportMetric(decode, "ns/decode")
}

func loop(b *testing.B, pcm []int16) {
	gcc, dir := testutil.RequireTool(b, "gcc", "gcc"), b.TempDir()
	tool := testutil.RequireTool(b, "pkg-config", "pkg-config")
	flags, err := exec.Command(tool, "--cflags", "--libs", "opus").Output()
	if err != nil {
		b.Skipf("no libopus to compile against: install the package libopus-dev: %v", err)
	}
	bin, sound := filepath.Join(dir, "loop"), filepath.Join(dir, "pcm")
	if out, err := exec.Command(gcc, append([]string{"-O2", "-o", bin, "testdata/loop.c"}, strings.Fields(string(flags))...)...).CombinedOutput(); err != nil {
		b.Fatalf("gcc: %v\n%s", err, out)
	}
	var file bytes.Buffer
	if err := binary.Write(&file, binary.NativeEndian, pcm); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(sound, file.Bytes(), 0o644); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	out, err := exec.Command(bin, sound, fmt.Sprint(b.N)).Output()
	if err != nil {
		b.Fatal(err)
	}
	var encode, decode float64
	if _, err := fmt.Sscan(string(out), &encode, &decode); err != nil {
		b.Fatalf("%v in %q", err, out)
	}
	report(b, encode, decode)
}
