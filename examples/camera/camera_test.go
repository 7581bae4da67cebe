package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/poolgen/poolgen/ffi/v4l2"
	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
)

// stripes is a frame of format f: grey that grows from left to right, and chroma 90 and 200.
func stripes(t *testing.T, f v4l2.Format) []byte {
	t.Helper()
	w, h, stride := f.Width, f.Height, f.Planes[0].Stride
	luma := func(x int) byte { return byte(16 + x) }
	switch f.FourCC {
	case v4l2.FmtYUYV:
		b := make([]byte, stride*h)
		for y := range h {
			for x := range w {
				b[y*stride+2*x] = luma(x)
				b[y*stride+2*x+1] = [2]byte{90, 200}[x%2]
			}
		}
		return b
	case v4l2.FmtNV12, v4l2.FmtYUV420:
		b := make([]byte, stride*h*3/2)
		for y := range h {
			for x := range w {
				b[y*stride+x] = luma(x)
			}
		}
		c := b[stride*h:]
		for i := range c {
			switch {
			case f.FourCC == v4l2.FmtNV12:
				c[i] = [2]byte{90, 200}[i%2]
			case i < len(c)/2:
				c[i] = 90
			default:
				c[i] = 200
			}
		}
		return b
	}
	img := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio422)
	for y := range h {
		for x := range w {
			img.Y[img.YOffset(x, y)] = uint8((int(luma(x)) - 16) * 255 / 219)
			img.Cb[img.COffset(x, y)], img.Cr[img.COffset(x, y)] = uint8(128-38*255/224), uint8(128+72*255/224)
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func near(a, b, by byte) bool { return max(a, b)-min(a, b) <= by }

// TestConvert reads one picture in each format, with lines that have padding behind them.
func TestConvert(t *testing.T) {
	for _, fourcc := range readable {
		t.Run(fourcc.String(), func(t *testing.T) {
			f := v4l2.Format{FourCC: fourcc, Width: 64, Height: 32, Planes: []v4l2.Plane{{Stride: 80}}}
			if fourcc == v4l2.FmtYUYV {
				f.Planes[0].Stride = 160
			}
			src := stripes(t, f)
			frames, err := pool.New(len(src), pool.Options{Max: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer frames.Close()
			b, err := frames.Get()
			if err != nil {
				t.Fatal(err)
			}
			copy(b.Bytes(), src)
			fr := v4l2.NewFrame(b)
			defer fr.Release()
			pictures, err := NewPicturePool(pool.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer pictures.Close()
			p, err := pictures.Get()
			if err != nil {
				t.Fatal(err)
			}
			defer p.Release()
			p.Value().Width, p.Value().Height = 64, 32
			SetPictureDataLen(p, 64*32*3/2)
			if err := convert(p, &fr, f); err != nil {
				t.Fatal(err)
			}
			by := byte(0)
			if fourcc == v4l2.FmtMJPEG {
				by = 3
			}
			y, cb, cr := planes(p)
			for i := range y {
				if !near(y[i], byte(16+i%64), by) {
					t.Fatalf("luma at %d,%d is %d", i%64, i/64, y[i])
				}
			}
			for i := range cb {
				if !near(cb[i], 90, by) || !near(cr[i], 200, by) {
					t.Fatalf("chroma at %d,%d is %d and %d", i%32, i/32, cb[i], cr[i])
				}
			}
			for _, stride := range []int{0, f.Planes[0].Stride / 2, 1<<31 - 1} {
				g := f
				g.Planes = []v4l2.Plane{{Stride: stride}}
				if err := convert(p, &fr, g); err == nil && fourcc != v4l2.FmtMJPEG {
					t.Errorf("lines of %d bytes were converted", stride)
				}
			}
			b.SetLen(len(src) / 2)
			if err := convert(p, &fr, f); err == nil {
				t.Error("half a frame was converted")
			}
		})
	}
}

// TestWriters writes to a name that says nothing, and nothing to a still.
func TestWriters(t *testing.T) {
	if _, err := create(filepath.Join(t.TempDir(), "x.avi"), v4l2.Format{}, v4l2.Fraction{}); err == nil || !strings.Contains(err.Error(), ".y4m, .png or .jpg") {
		t.Errorf("create(x.avi): %v", err)
	}
	name := filepath.Join(t.TempDir(), "x.png")
	w, err := create(name, v4l2.Format{}, v4l2.Fraction{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.close(); err == nil {
		t.Error("a still without a picture was closed without an error")
	}
	if _, err := os.Stat(name); err == nil {
		t.Error("an empty still was left")
	}

	// A full disk ends the film with the error, and every picture is given back.
	full := filepath.Join(t.TempDir(), "full.y4m")
	if err := os.Symlink("/dev/full", full); err != nil {
		t.Fatal(err)
	}
	pictures, err := NewPicturePool(pool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w, err = create(full, v4l2.Format{Width: 640, Height: 480}, v4l2.Fraction{Numerator: 1, Denominator: 25})
	if err != nil {
		t.Fatal(err)
	}
	n, err := roll(0, func() (PictureRef, error) {
		p, err := pictures.Wait(t.Context())
		if err == nil {
			p.Value().Width, p.Value().Height = 640, 480
			SetPictureDataLen(p, 640*480*3/2)
		}
		return p, err
	}, w, newPreview(0, io.Discard))
	if !errors.Is(err, syscall.ENOSPC) || n == 0 {
		t.Errorf("%d pictures to a full disk: %v", n, err)
	}
	if err := w.close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("closing a file on a full disk: %v", err)
	}
	if err := pictures.Close(); err != nil {
		t.Error(err)
	}
}

// escapes are what a terminal does not show.
var escapes = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]|▀")

// vivid is the path of the kernel's test camera.
func vivid(t *testing.T) string {
	t.Helper()
	all, err := v4l2.Devices()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Driver == "vivid" && i.Capabilities&v4l2.CapVideoCapture != 0 {
			return i.Path
		}
	}
	if os.Getenv(testutil.VM) != "" {
		t.Fatalf("the guest has no vivid, only %v", all)
	}
	t.Skip("no camera of the driver vivid: make test-vm runs this in a guest that has one")
	return ""
}

// levels counts the colours of the picture's first line, of which vivid's bars have eight.
func levels(m image.Image) int {
	seen := map[color.RGBA]int{}
	for x := range m.Bounds().Dx() {
		r, g, b, _ := m.At(x, 0).RGBA()
		seen[color.RGBA{uint8(r >> 12), uint8(g >> 12), uint8(b >> 12), 0}]++
	}
	n := 0
	for _, c := range seen {
		if c > 10 {
			n++
		}
	}
	return n
}

// TestCamera films vivid into each kind of file.
func TestCamera(t *testing.T) {
	node := vivid(t)
	for _, name := range []string{"film.y4m", "still.png", "still.jpg"} {
		t.Run(name, func(t *testing.T) {
			testutil.OpenFDs(t)
			c := config{device: node, width: 640, height: 360, fps: 25, frames: 8, output: filepath.Join(t.TempDir(), name), preview: 32}
			var out bytes.Buffer
			if err := run(t.Context(), c, &out); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), "8 frames") || !strings.Contains(out.String(), "8 acquired, 0 out") || strings.Count(out.String(), "▀") < 32*9 {
				t.Errorf("it says:\n%s", escapes.ReplaceAllString(out.String(), ""))
			}
			f, err := os.Open(c.output)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var m image.Image
			switch filepath.Ext(name) {
			case ".png":
				m, err = png.Decode(f)
			case ".jpg":
				m, err = jpeg.Decode(f)
			default:
				m, err = lastOfFilm(f, 640, 360, 8)
			}
			if err != nil {
				t.Fatal(err)
			}
			if m.Bounds().Dx() != 640 || m.Bounds().Dy() != 360 || levels(m) < 6 {
				t.Errorf("a picture of %v with %d colours in its first line", m.Bounds(), levels(m))
			}
		})
	}
	var out bytes.Buffer
	if err := run(t.Context(), config{list: true}, &out); err != nil || !strings.Contains(out.String(), node) || !strings.Contains(out.String(), "YUYV") {
		t.Errorf("-list: %v\n%s", err, out.String())
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	c := config{device: node, width: 640, height: 360, fps: 25, output: filepath.Join(t.TempDir(), "x.y4m")}
	if err := run(stopped, c, io.Discard); err != nil {
		t.Errorf("stopped at once: %v", err)
	}
}

// lastOfFilm reads a Y4M file of n frames.
func lastOfFilm(r io.Reader, w, h, n int) (image.Image, error) {
	b := bufio.NewReader(r)
	head, err := b.ReadString('\n')
	if err != nil || !strings.HasPrefix(head, fmt.Sprintf("YUV4MPEG2 W%d H%d F", w, h)) {
		return nil, fmt.Errorf("header %q, %v", head, err)
	}
	img := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	for i := range n {
		if line, err := b.ReadString('\n'); line != "FRAME\n" {
			return nil, fmt.Errorf("frame %d begins with %q, %v", i, line, err)
		}
		for _, plane := range [][]byte{img.Y, img.Cb, img.Cr} {
			if _, err := io.ReadFull(b, plane); err != nil {
				return nil, fmt.Errorf("frame %d: %w", i, err)
			}
		}
	}
	if rest, err := io.ReadAll(b); len(rest) > 0 || err != nil {
		return nil, fmt.Errorf("%d bytes behind the last frame, %v", len(rest), err)
	}
	return img, nil
}
