package v4l2_test

import (
	"testing"

	"github.com/poolgen/poolgen/ffi/v4l2"
	"github.com/poolgen/poolgen/internal/testutil"
)

// TestVividMultiPlanar reads formats whose planes lie apart, by every kind of memory, through the API that single-planar ones have.
func TestVividMultiPlanar(t *testing.T) {
	formats := map[v4l2.FourCC][]int{ // sizes of the planes
		v4l2.FmtNV12M:   {320 * 180, 320 * 90},
		v4l2.FmtYUV420M: {320 * 180, 160 * 90, 160 * 90},
		v4l2.FmtYUYV:    {640 * 180},
	}
	for fourcc, sizes := range formats {
		for _, name := range []string{"MMAP", "USERPTR", "DMABUF"} {
			t.Run(fourcc.String()+"/"+name, func(t *testing.T) {
				testutil.OpenFDs(t)
				d := find(t, "001-vid-cap")
				if d.Info().Capabilities&v4l2.CapVideoCaptureMplane == 0 {
					t.Fatalf("%s: %s", d.Path(), d.Info().Capabilities)
				}
				if err := d.SetInput(0); err != nil {
					t.Fatal(err)
				}
				osd := named(t, d, "OSD Text Mode")
				if _, err := d.SetControl(osd.ID, 2); err != nil {
					t.Fatal(err)
				}
				defer d.SetControl(osd.ID, osd.Default)
				f, err := d.SetFormat(v4l2.Capture, v4l2.Format{FourCC: fourcc, Width: 320, Height: 180})
				if err != nil || f.FourCC != fourcc || len(f.Planes) != len(sizes) {
					t.Fatalf("SetFormat = %s with %d planes, %v", f, len(f.Planes), err)
				}
				c := v4l2.StreamConfig{}
				switch name {
				case "USERPTR":
					c = v4l2.StreamConfig{Memory: v4l2.MemoryUserptr, Pool: pages(t, f.Size(), 6*len(sizes))}
				case "DMABUF":
					c = v4l2.StreamConfig{Memory: v4l2.MemoryDMABUF, Import: exportedBy(t, "001-vid-out", f, 4)}
				}
				s := start(t, d, c)
				for i := range 4 {
					fr := read(t, s)
					if fr.NumPlanes() != len(sizes) || len(fr.Planes()) != len(sizes) {
						t.Fatalf("frame %d has %d planes", i, fr.NumPlanes())
					}
					for j, want := range sizes {
						b := fr.Plane(j).Bytes()
						if len(b) != want {
							t.Errorf("plane %d of frame %d has %d bytes, want %d", j, i, len(b), want)
						}
						if n := spread(b); n < 2 {
							t.Errorf("plane %d of frame %d has %d values", j, i, n)
						}
					}
					again := fr.Retain()
					fr.Release()
					if s.Stats().Held != 1 && name != "USERPTR" {
						t.Errorf("%d frames are held, one plane's reference is left", s.Stats().Held)
					}
					again.Release()
				}
				if st := s.Stats(); st.Held != 0 || st.Frames != 4 {
					t.Errorf("Stats = %+v", st)
				}
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// spread counts the values that a plane has often.
func spread(b []byte) (n int) {
	var seen [256]int
	for _, v := range b {
		seen[v]++
	}
	for _, c := range seen {
		if c > len(b)/50 {
			n++
		}
	}
	return n
}
