package libv4l2

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/poolgen/poolgen/ffi/v4l2"
	"github.com/poolgen/poolgen/internal/testutil"
)

var _ v4l2.System = (*System)(nil)

// TestErrno: what the library says comes as an errno.
func TestErrno(t *testing.T) {
	lib, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v4l2.Open("/dev/no-such-camera", v4l2.Options{System: lib}); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("opening what is not there: %v", err)
	}
	if _, err := v4l2.Open("/dev/null", v4l2.Options{System: lib}); err == nil {
		t.Error("/dev/null was opened as a camera")
	}
	const fionread = 0x541b // a call that emulators know, too
	if err := lib.Ioctl(-1, fionread, unsafe.Pointer(new(int32))); !errors.Is(err, syscall.EBADF) {
		t.Errorf("Ioctl of no descriptor: %v", err)
	}
	if _, err := lib.Map(-1, 0, 4096); !errors.Is(err, syscall.EBADF) {
		t.Errorf("Map of no descriptor: %v", err)
	}
}

// TestTime64 goes by the numbers of the requests on arm.
func TestTime64(t *testing.T) {
	for request, want := range map[uint32]bool{0xc0505611: true, 0xc0445611: false, 0xc0505609: true, 0x80885659: true, 0x80785659: false, 0xc0505604: false} {
		if time64(request) != want {
			t.Errorf("time64(%#x) = %v", request, !want)
		}
	}
}

// capture reads a frame of a still picture of vivid, as RGB24.
func capture(path string, o v4l2.Options) (picture []byte, f v4l2.Format, err error) {
	d, err := v4l2.Open(path, o)
	if err != nil {
		return nil, f, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := d.SetInput(0); err != nil {
		return nil, f, err
	}
	all, err := d.Controls()
	if err != nil {
		return nil, f, err
	}
	for _, c := range all {
		if c.Name == "OSD Text Mode" {
			if _, err := d.SetControl(c.ID, 2); err != nil {
				return nil, f, err
			}
			defer d.SetControl(c.ID, c.Default)
		}
	}
	if f, err = d.SetFormat(v4l2.Capture, v4l2.Format{FourCC: v4l2.FmtRGB24, Width: 320, Height: 180}); err != nil {
		return nil, f, err
	}
	s, err := d.Stream(v4l2.StreamConfig{})
	if err != nil {
		return nil, f, err
	}
	if err := s.Start(); err != nil {
		return nil, f, err
	}
	var last time.Duration
	for i := range 3 {
		fr, err := s.Read(context.Background())
		if err != nil {
			return nil, f, err
		}
		if fr.Timestamp <= last || len(fr.Bytes()) != f.Size() {
			return nil, f, fmt.Errorf("frame %d: %v after %v, %d bytes of %d", i, fr.Timestamp, last, len(fr.Bytes()), f.Size())
		}
		last = fr.Timestamp
		picture = append(picture[:0], fr.Bytes()...)
		fr.Release()
	}
	return picture, f, nil
}

// TestConversion has the library turn pictures over, as it does for cameras that are built in upside down (LIBV4LCONTROL_FLAGS), so that
// each frame goes through its conversion, and compares them with the driver's own.
func TestConversion(t *testing.T) {
	all, err := v4l2.Devices()
	if err != nil {
		t.Fatal(err)
	}
	path := ""
	for _, i := range all {
		if i.Driver == "vivid" && i.Capabilities&v4l2.CapVideoCapture != 0 {
			path = i.Path
		}
	}
	switch {
	case path != "":
	case os.Getenv(testutil.VM) != "":
		t.Fatalf("the guest has no vivid, only %v", all)
	default:
		t.Skip("no camera of the driver vivid: make test-vm runs this in a guest that has one")
	}
	testutil.OpenFDs(t)
	plain, f, err := capture(path, v4l2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	lib, err := New()
	if err != nil {
		t.Fatal(err)
	}
	through, _, err := capture(path, v4l2.Options{System: lib})
	if err != nil {
		t.Fatal(err)
	}
	if string(plain) != string(through) {
		t.Error("a picture that needs no conversion came through the library with other bytes")
	}
	// The library asks the C library for the variable, which another process is sure to have.
	file := filepath.Join(t.TempDir(), "turned")
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "LIBV4LCONTROL_CONTROLS=0x6", "LIBV4LCONTROL_FLAGS=0x3", "POOLGEN_TURNED="+path+":"+file) // horizontally and vertically
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	turned, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(turned) != len(plain) {
		t.Fatalf("%s has %d bytes, and turned over %d", f, len(plain), len(turned))
	}
	wrong := 0
	pixels := f.Width * f.Height
	for i := range pixels {
		j := pixels - 1 - i
		if [3]byte(plain[3*i:]) != [3]byte(turned[3*j:]) {
			wrong++
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d pixels are not where they belong in the picture turned over", wrong, pixels)
	}
}

// TestMain is the other process of TestConversion, if the environment says so.
func TestMain(m *testing.M) {
	path, file, ok := strings.Cut(os.Getenv("POOLGEN_TURNED"), ":")
	if !ok {
		os.Exit(m.Run())
	}
	lib, err := New()
	if err == nil {
		var picture []byte
		if picture, _, err = capture(path, v4l2.Options{System: lib}); err == nil {
			err = os.WriteFile(file, picture, 0o600)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
