package v4l2_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/ffi/v4l2"
	"github.com/poolgen/poolgen/internal/testutil"
)

// TestVividPeer captures the same still picture with v4l2-ctl, in several formats, and compares every byte.
func TestVividPeer(t *testing.T) {
	d := find(t, "vid-cap")
	tool := testutil.RequireTool(t, "v4l2-ctl", "v4l-utils")
	small(t, d)
	osd := named(t, d, "OSD Text Mode")
	const none = 2
	if _, err := d.SetControl(osd.ID, none); err != nil {
		t.Fatal(err)
	}
	defer d.SetControl(osd.ID, osd.Default)
	for _, fourcc := range []v4l2.FourCC{v4l2.FmtYUYV, v4l2.FmtNV12, v4l2.FmtYUV420, v4l2.FmtRGB24, v4l2.FmtGREY} {
		f, err := d.SetFormat(v4l2.Capture, v4l2.Format{FourCC: fourcc, Width: 320, Height: 180})
		if err != nil {
			t.Fatal(err)
		}
		s := start(t, d, v4l2.StreamConfig{})
		fr := read(t, s)
		mine := bytes.Clone(fr.Bytes())
		fr.Release()
		s.Close()

		file := filepath.Join(t.TempDir(), "frame")
		out, err := exec.Command(tool, "-d", d.Path(), "--stream-mmap", "--stream-count=1", "--stream-to="+file).CombinedOutput()
		if err != nil {
			t.Fatalf("v4l2-ctl: %v\n%s", err, out)
		}
		peers, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(mine) != f.Size() || !bytes.Equal(mine, peers) {
			t.Errorf("%s: the frames differ: %d bytes, v4l2-ctl's has %d", f, len(mine), len(peers))
		}
	}

	// What the tool lists is what this package lists.
	out, err := exec.Command(tool, "-d", d.Path(), "--list-formats").CombinedOutput()
	if err != nil {
		t.Fatalf("v4l2-ctl: %v\n%s", err, out)
	}
	formats, err := d.Formats(v4l2.Capture)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(out), "]: '"); n != len(formats) {
		t.Errorf("v4l2-ctl lists %d formats, Formats %d", n, len(formats))
	}
	for _, f := range formats {
		if !strings.Contains(string(out), fmt.Sprintf("'%-4s", strings.TrimSuffix(f.FourCC.String(), "-BE"))) || !strings.Contains(string(out), "("+f.Description) {
			t.Errorf("v4l2-ctl does not list %s, %q:\n%s", f.FourCC, f.Description, out)
		}
	}
	out, err = exec.Command(tool, "-d", d.Path(), "--list-ctrls").CombinedOutput()
	if err != nil {
		t.Fatalf("v4l2-ctl: %v\n%s", err, out)
	}
	controls, err := d.Controls()
	if err != nil {
		t.Fatal(err)
	}
	mine := map[string]bool{}
	for _, c := range controls {
		mine[fmt.Sprintf("%#08x", c.ID)] = c.Type != v4l2.ControlClass
	}
	theirs := regexp.MustCompile(`0x00[0-9a-f]{6} \(`).FindAllString(string(out), -1)
	for _, id := range theirs {
		id = strings.TrimSuffix(id, " (")
		if !mine[id] {
			t.Errorf("Controls does not list %s, which v4l2-ctl does", id)
		}
		delete(mine, id)
	}
	for id, value := range mine {
		if value {
			t.Errorf("Controls lists %s, v4l2-ctl does not", id)
		}
	}
	if len(theirs) < 50 {
		t.Errorf("v4l2-ctl lists %d controls:\n%s", len(theirs), out)
	}
}

// TestVividGStreamer captures the same still picture with GStreamer's v4l2src, in several formats, and compares every byte.
func TestVividGStreamer(t *testing.T) {
	d := find(t, "vid-cap")
	tool := testutil.RequireTool(t, "gst-launch-1.0", "gstreamer1.0-tools")
	small(t, d)
	osd := named(t, d, "OSD Text Mode")
	const none = 2
	if _, err := d.SetControl(osd.ID, none); err != nil {
		t.Fatal(err)
	}
	defer d.SetControl(osd.ID, osd.Default)
	for name, fourcc := range map[string]v4l2.FourCC{"YUY2": v4l2.FmtYUYV, "NV12": v4l2.FmtNV12, "I420": v4l2.FmtYUV420, "RGB": v4l2.FmtRGB24, "GRAY8": v4l2.FmtGREY} {
		f, err := d.SetFormat(v4l2.Capture, v4l2.Format{FourCC: fourcc, Width: 320, Height: 180})
		if err != nil {
			t.Fatal(err)
		}
		s := start(t, d, v4l2.StreamConfig{})
		fr := read(t, s)
		mine := bytes.Clone(fr.Bytes())
		fr.Release()
		s.Close()

		file := filepath.Join(t.TempDir(), "frame")
		cmd := exec.Command(tool, "-q", "v4l2src", "device="+d.Path(), "num-buffers=1", "!", "video/x-raw,format="+name+",width=320,height=180", "!", "filesink", "location="+file)
		cmd.Env = append(os.Environ(), "GST_REGISTRY_FORK=no", "GST_REGISTRY="+filepath.Join(t.TempDir(), "registry"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
		peers, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(mine) != f.Size() || !bytes.Equal(mine, peers) {
			t.Errorf("%s: the frames differ: %d bytes, GStreamer's has %d\n%s", f, len(mine), len(peers), out)
		}
	}
}

// TestVividCompliance runs the kernel developers' own checks before and after this package has used the camera in every way: it leaves the
// driver as it was.
func TestVividCompliance(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a minute: make test-vm without -short runs it")
	}
	d := find(t, "vid-cap")
	// The tool knows no more formats behind one whose description it does not expect, so a test before may have left one that it calls unknown.
	small(t, d)
	path := d.Path()
	d.Close()
	tool := testutil.RequireTool(t, "v4l2-compliance", "v4l-utils")
	check := func() string {
		out, _ := exec.Command(tool, "-d", path).CombinedOutput() // its status is the number of failures
		m := regexp.MustCompile(`Total for .*: (\d+), Succeeded: (\d+), Failed: (\d+)`).FindString(string(out))
		if m == "" {
			t.Fatalf("v4l2-compliance says:\n%s", out)
		}
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "fail:") || strings.Contains(line, ": FAIL") {
				m += "\n" + strings.TrimSpace(line)
			}
		}
		return m
	}
	before := check()
	for _, memory := range []string{"MMAP", "USERPTR", "DMABUF"} {
		t.Run(memory, func(t *testing.T) {
			d := find(t, "vid-cap")
			f := small(t, d)
			s := start(t, d, config(t, memory, f, 1))
			held := read(t, s)
			for range 5 {
				fr := read(t, s)
				fr.Release()
			}
			d.Close()
			held.Release()
		})
	}
	if after := check(); after != before {
		t.Errorf("v4l2-compliance: %s; before: %s", after, before)
	} else {
		t.Log(after)
	}
}
