package alsa

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestOpenErrors(t *testing.T) {
	conf := `
pcm.nocard { type hw  card 31 }
pcm.broken { type nonsense }
pcm.filefull { type file  slave.pcm { type null }  file "DIR/absent/out.raw"  format raw }
`
	for _, c := range []struct {
		name, pcm string
		dir       Direction
		c         Config
		is        error
		want      []string
	}{
		{"no PCM", "nosuch", Capture, Config{}, fs.ErrNotExist, []string{`capture of PCM "nosuch"`, "Devices lists", "alsa-lib: "}},
		{"no card", "hw:31", Playback, Config{}, syscall.ENOENT, []string{`PCM "hw:31"`, "sound card", "/proc/asound/cards"}},
		{"no default", "default", Playback, Config{}, syscall.ENOENT, []string{"sound card (by default)"}},
		{"broken", "broken", Playback, Config{}, syscall.ENXIO, []string{`PCM "broken"`, "names a plugin", "alsa-lib: "}},
		{"zero byte", "a\x00b", Playback, Config{}, syscall.EINVAL, []string{"zero byte"}},
		{"direction", "nosuch", 7, Config{}, syscall.EINVAL, []string{"Playback or Capture"}},
		{"rate", "nosuch", Playback, Config{Rate: -1}, nil, []string{"rate -1", "1 to 16777216"}},
		{"channels", "nosuch", Playback, Config{Channels: 1 << 20}, nil, []string{"channels 1048576", "1 to 1024"}},
		{"period", "nosuch", Playback, Config{Period: 1 << 30}, nil, []string{"period 1073741824"}},
		{"buffer", "nosuch", Playback, Config{Buffer: -5}, nil, []string{"buffer -5"}},
		{"format", "nosuch", Playback, Config{Format: 200}, nil, []string{"format 200", "S16LE"}},
		{"small buffer", "nosuch", Playback, Config{Period: 100, Buffer: 199}, nil, []string{"buffer 199", "at least 200"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			// The card's number needs alsa-lib's parameters for hw, which a configuration must define.
			configure(t, conf+"pcm.hw { @args [ CARD ]  @args.CARD { type string }  type hw  card $CARD }\n")
			p, err := Open(c.pcm, c.dir, c.c)
			if err == nil {
				p.Close()
				t.Fatal("opened")
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v is not %v", err, c.is)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q lacks %q", err, w)
				}
			}
		})
	}
}

func TestRefused(t *testing.T) {
	card(t, "")
	for _, c := range []struct {
		c    Config
		want []string
	}{
		{Config{Rate: 4000}, []string{`PCM "card"`, "setting rate 4000 Hz", "8000 to 192000 Hz", "plughw"}},
		{Config{Rate: 200000}, []string{"setting rate 200000 Hz", "8000 to 192000 Hz"}},
		{Config{Channels: 9}, []string{"setting 9 channels", "1 to 8 channels"}},
		{Config{Format: Float32LE}, []string{"setting format FLOAT_LE", "S16_LE, S32_LE"}},
	} {
		_, err := Open("card", Capture, c.c)
		if !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%v: %v", c.c, err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q lacks %q", err, w)
			}
		}
	}
}

// printed is what f writes to descriptor 2.
func printed(t *testing.T, f func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	saved, err := syscall.Dup(2)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Dup3(int(w.Fd()), 2, 0); err != nil {
		t.Fatal(err)
	}
	f()
	if err := syscall.Dup3(saved, 2, 0); err != nil {
		t.Fatal(err)
	}
	syscall.Close(saved)
	w.Close()
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// What alsa-lib has to say goes into the error, not to stderr.
func TestStderrStaysEmpty(t *testing.T) {
	configure(t, "pcm.broken { type nonsense }\n")
	var broken, absent error
	if s := printed(t, func() {
		_, broken = Open("broken", Playback, Config{})
		_, absent = Open("absent", Playback, Config{})
	}); s != "" {
		t.Errorf("stderr: %s", s)
	}
	var a, b *Error
	if !errors.As(broken, &a) || !strings.Contains(a.Lib, "nonsense") {
		t.Errorf("broken: %v", broken)
	}
	if !errors.As(absent, &b) || !strings.Contains(b.Lib, "absent") || strings.Contains(b.Lib, "nonsense") {
		t.Errorf("absent: %v", absent)
	}
}

// The file plugin reports a full disk as EIO; the reason is only in what it says.
func TestFullDisk(t *testing.T) {
	configure(t, `
pcm.full { type file  slave.pcm { type null }  file "/dev/full"  format raw }
`)
	p := open(t, "full", Playback, cd)
	b := make([]byte, 1920*4)
	var err error
	if s := printed(t, func() {
		for i := 0; i < 100 && err == nil; i++ {
			_, err = p.WriteBytes(t.Context(), b)
		}
	}); s != "" {
		t.Errorf("stderr: %s", s)
	}
	if !errors.Is(err, syscall.EIO) || !strings.Contains(strings.ToLower(err.Error()), "no space left on device") {
		t.Errorf("got %v", err)
	}
	if err := p.Drop(); err != nil {
		t.Error(err)
	}
}

func TestCode(t *testing.T) {
	for _, c := range []struct {
		code Code
		is   error
		want string
	}{
		{-Code(syscall.EPIPE), syscall.EPIPE, "overrun or underrun"},
		{-Code(syscall.ENODEV), syscall.ENODEV, "no such device"},
		{-Code(syscall.ENOENT), fs.ErrNotExist, "no such file"},
		{CodeIncompatibleVersion, CodeIncompatibleVersion, "incompatible version"},
		{-500017, Code(-500017), "unknown alsa-lib code -500017"},
		{3, Code(3), "unknown alsa-lib code 3"},
	} {
		if !errors.Is(c.code, c.is) || errors.Is(c.code, syscall.ENOTTY) || !strings.Contains(c.code.Error(), c.want) {
			t.Errorf("%d: %v", c.code, c.code)
		}
	}
}
