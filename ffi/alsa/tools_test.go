package alsa

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
)

// tool runs a command of alsa-utils with this test's configuration of alsa-lib.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(testutil.RequireTool(t, name, "alsa-utils"), args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// accesses are those to test.
func accesses() []Access {
	if testing.Short() {
		return []Access{MMapInterleaved}
	}
	return []Access{RWInterleaved, MMapInterleaved}
}

var toolConfig = Config{Rate: 8000, Channels: 2, Format: S16LE, Period: 400, Buffer: 64000}

// What aplay plays this package captures.
func TestLoopbackAplay(t *testing.T) {
	loopback(t)
	file := filepath.Join(t.TempDir(), "in.raw")
	data := noise(8000 * 4)
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, access := range accesses() {
		t.Run(access.String(), func(t *testing.T) {
			c := toolConfig
			c.Access = access
			p := open(t, "out", Capture, c)
			if err := get(t, p, make([]byte, c.PeriodBytes())); err != nil {
				t.Fatal(err)
			}
			played := make(chan bool)
			go func() {
				defer close(played)
				tool(t, "aplay", "-q", "-D", "in", "-t", "raw", "-f", "S16_LE", "-c", "2", "-r", "8000", "--buffer-size=16000", file)
			}()
			var got []byte
			period := make([]byte, c.PeriodBytes())
			for at := -1; at < 0 || len(got) < at+len(data); {
				if err := get(t, p, period); err != nil {
					t.Fatal(err)
				}
				if got = append(got, period...); at < 0 {
					at = bytes.Index(got, data[:64])
				}
				if len(got) > 60*8000*4 {
					t.Fatal("it is not there in a minute of sound")
				}
			}
			<-played
			if at := bytes.Index(got, data[:64]); !bytes.Equal(got[at:at+len(data)], data) {
				t.Error("what was captured is not what aplay played")
			}
		})
	}
}

// What this package plays arecord captures.
func TestLoopbackArecord(t *testing.T) {
	loopback(t)
	file := filepath.Join(t.TempDir(), "out.raw")
	data := noise(8000 * 4)
	for _, access := range accesses() {
		t.Run(access.String(), func(t *testing.T) {
			recorded := make(chan bool)
			go func() {
				defer close(recorded)
				tool(t, "arecord", "-q", "-D", "out", "-t", "raw", "-f", "S16_LE", "-c", "2", "-r", "8000", "--buffer-size=64000", "-s", "32000", file)
			}()
			for i := 0; ; i++ { // until it records
				if info, err := os.Stat(file); err == nil && info.Size() > 0 && time.Since(info.ModTime()) < time.Second {
					break
				}
				if i > 2000 {
					t.Fatal("arecord records nothing")
				}
				time.Sleep(10 * time.Millisecond)
			}
			c := toolConfig
			c.Access, c.StartAt = access, 8000
			p := open(t, "in", Playback, c)
			if err := put(t, p, data); err != nil {
				t.Fatal(err)
			}
			<-recorded
			got, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if at := bytes.Index(got, data[:64]); at < 0 || !bytes.HasPrefix(got[at:], data) {
				t.Errorf("arecord has %d bytes, and ours from byte %d on, or others", len(got), at)
			}
			if err := os.Remove(file); err != nil {
				t.Error(err)
			}
		})
	}
}

// amixer, a program of its own, sees what Control writes, and the other way round.
func TestLoopbackAmixer(t *testing.T) {
	loopback(t)
	c := control(t, "hw:Loopback")
	ids, err := c.Elements()
	if err != nil {
		t.Fatal(err)
	}
	out := tool(t, "amixer", "-D", "hw:Loopback", "controls")
	if n := strings.Count(out, "numid="); n != len(ids) {
		t.Errorf("amixer lists %d elements, Elements %d", n, len(ids))
	}
	id := ids[slices.IndexFunc(ids, func(id ElementID) bool { return id.Name == "PCM Rate Shift 100000" })]
	numid := "numid=" + strconv.Itoa(int(id.Number))
	if !strings.Contains(out, numid+",iface=PCM,name='PCM Rate Shift 100000'") {
		t.Errorf("%+v in:\n%s", id, out)
	}
	if err := c.Write(id, 101000); err != nil {
		t.Fatal(err)
	}
	if out := tool(t, "amixer", "-D", "hw:Loopback", "cget", numid); !strings.Contains(out, ": values=101000") || !strings.Contains(out, "min=80000,max=120000,step=1") {
		t.Error(out)
	}
	tool(t, "amixer", "-D", "hw:Loopback", "cset", numid, "100000")
	if v, err := c.Read(id); err != nil || v[0] != 100000 {
		t.Error(v, err)
	}
}
