package v4l2

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"
)

// Target is a rectangle that a driver lets be read or set (V4L2_SEL_TGT_*).
type Target uint32

const (
	TargetCrop           Target = selTgtCrop           // what is taken of the picture
	TargetCropDefault    Target = selTgtCropDefault    // the whole useful picture
	TargetCropBounds     Target = selTgtCropBounds     // where Crop may lie
	TargetNativeSize     Target = selTgtNativeSize     // the sensor's own
	TargetCompose        Target = selTgtCompose        // where it goes in the frame
	TargetComposeDefault Target = selTgtComposeDefault // the whole frame
	TargetComposeBounds  Target = selTgtComposeBounds  // where Compose may lie
	TargetComposePadded  Target = selTgtComposePadded  // what the driver writes of the frame
)

// SelectionFlags say how a rectangle may be changed (V4L2_SEL_FLAG_*).
type SelectionFlags uint32

const (
	SelectionGE         SelectionFlags = selFlagGe         // as large or larger
	SelectionLE         SelectionFlags = selFlagLe         // as large or smaller
	SelectionKeepConfig SelectionFlags = selFlagKeepConfig // do not change the rest of the pipeline
)

// Selection is a rectangle of a queue now.
func (d *Device) Selection(q Queue, t Target) (Rect, error) {
	return d.selection(q, t, Rect{}, 0, iocGSelection, fmt.Sprintf("asking for the selection %#x", uint32(t)))
}

// SetSelection sets a rectangle and returns what the driver really set.
func (d *Device) SetSelection(q Queue, t Target, r Rect, flags SelectionFlags) (Rect, error) {
	return d.selection(q, t, r, flags, iocSSelection, fmt.Sprintf("setting the selection %#x to %dx%d at %d,%d", uint32(t), r.Width, r.Height, r.Left, r.Top))
}

func (d *Device) selection(q Queue, t Target, r Rect, flags SelectionFlags, request uint32, op string) (Rect, error) {
	typ, err := d.queueType(q)
	if err != nil {
		return Rect{}, err
	}
	// These calls take the single-planar type for either kind of driver (VIDIOC_G_SELECTION).
	switch typ {
	case bufTypeVideoCaptureMplane:
		typ = bufTypeVideoCapture
	case bufTypeVideoOutputMplane:
		typ = bufTypeVideoOutput
	}
	k := &kSelection{Type: typ, Target: uint32(t), Flags: uint32(flags), R: kRect(r)}
	if err := d.ioctl(request, unsafe.Pointer(k)); err != nil {
		m := ""
		if errors.Is(err, syscall.ERANGE) {
			m = "the rectangle cannot be had with these flags"
		}
		return Rect{}, d.fail(op, err, m)
	}
	return Rect(k.R), nil
}

// Standard is an analogue video standard.
type Standard struct {
	ID       uint64 // bits of V4L2_STD_*
	Name     string
	Interval Fraction // between frames, in seconds
	Lines    int      // of a frame, the blank ones included
}

// Standards lists the standards of the input or output in use. It is empty where there are none, as with a webcam.
func (d *Device) Standards() ([]Standard, error) {
	var l []Standard
	err := d.list("listing standards", func(i uint32) error {
		k := &kStandard{Index: i}
		if err := d.ioctl(iocEnumstd, unsafe.Pointer(k)); err != nil {
			return err
		}
		l = append(l, Standard{k.Id, text(k.Name[:]), Fraction(k.Frameperiod), int(k.Framelines)})
		return nil
	})
	return l, err
}

// Standard is the standard in use, as bits of V4L2_STD_*.
func (d *Device) Standard() (uint64, error) { return d.standard(iocGStd, 0, "asking for the standard") }

// SetStandard chooses among the standards in the bits of std. It may change the format.
func (d *Device) SetStandard(std uint64) error {
	_, err := d.standard(iocSStd, std, fmt.Sprintf("setting the standard %#x", std))
	return err
}

// DetectStandard looks at what comes in; 0 is no signal.
func (d *Device) DetectStandard() (uint64, error) {
	return d.standard(iocQuerystd, 0, "detecting the standard")
}

func (d *Device) standard(request uint32, std uint64, op string) (uint64, error) {
	k := new(uint64)
	*k = std
	if err := d.ioctl(request, unsafe.Pointer(k)); err != nil {
		return 0, d.fail(op, err)
	}
	return *k, nil
}

// Timings are digital video timings, as of HDMI (struct v4l2_bt_timings).
type Timings struct {
	Width, Height  int // of the visible picture, in pixels and lines
	Interlaced     bool
	PixelClock     uint64 // in hertz
	HFront, HSync  uint32 // horizontal front porch and sync length, in pixels
	HBack          uint32 // horizontal back porch, in pixels
	VFront, VSync  uint32 // the same in lines
	VBack          uint32
	Polarities     uint32 // V4L2_DV_VSYNC_POS_POL, V4L2_DV_HSYNC_POS_POL
	Standards      uint32 // V4L2_DV_BT_STD_*
	Flags          uint32 // V4L2_DV_FL_*
	secondVertical [3]uint32
}

// FrameRate is frames a second, to a thousandth in the denominator; zero if the timings do not say.
func (t Timings) FrameRate() Fraction {
	total := uint64(uint32(t.Width)+t.HFront+t.HSync+t.HBack) * uint64(uint32(t.Height)+t.VFront+t.VSync+t.VBack)
	if t.Interlaced {
		total += uint64(uint32(t.Width)+t.HFront+t.HSync+t.HBack) * uint64(t.secondVertical[0]+t.secondVertical[1]+t.secondVertical[2])
	}
	if total == 0 || t.PixelClock == 0 {
		return Fraction{}
	}
	return Fraction{uint32((t.PixelClock*1000 + total/2) / total), 1000}
}

// bt is the timings' member of the union, which is packed: it begins behind the type's 4 bytes.
func (k *kDvTimings) bt() *kBtTimings { return (*kBtTimings)(unsafe.Add(unsafe.Pointer(k), 4)) }

func (k *kDvTimings) timings() Timings {
	b := k.bt()
	return Timings{Width: int(b.Width), Height: int(b.Height), Interlaced: b.Interlaced != 0, PixelClock: b.Pixelclock,
		HFront: b.Hfrontporch, HSync: b.Hsync, HBack: b.Hbackporch, VFront: b.Vfrontporch, VSync: b.Vsync, VBack: b.Vbackporch,
		Polarities: b.Polarities, Standards: b.Standards, Flags: b.Flags,
		secondVertical: [3]uint32{b.Il_vfrontporch, b.Il_vsync, b.Il_vbackporch}}
}

// TimingsList lists the timings that the input or output in use has; empty where there are none.
func (d *Device) TimingsList() ([]Timings, error) {
	var l []Timings
	err := d.list("listing timings", func(i uint32) error {
		k := &kEnumDvTimings{Index: i}
		if err := d.ioctl(iocEnumDvTimings, unsafe.Pointer(k)); err != nil {
			return err
		}
		l = append(l, k.Timings.timings())
		return nil
	})
	return l, err
}

// Timings are those in use.
func (d *Device) Timings() (Timings, error) {
	return d.askTimings(iocGDvTimings, "asking for the timings")
}

// DetectTimings looks at what comes in. The error wraps syscall.ENOLINK without a signal, ENOLCK for one that is not stable, and ERANGE for
// one that the device cannot take.
func (d *Device) DetectTimings() (Timings, error) {
	return d.askTimings(iocQueryDvTimings, "detecting the timings")
}

func (d *Device) askTimings(request uint32, op string) (Timings, error) {
	k := new(kDvTimings)
	if err := d.ioctl(request, unsafe.Pointer(k)); err != nil {
		m := ""
		switch {
		case errors.Is(err, syscall.ENOLINK):
			m = "there is no signal"
		case errors.Is(err, syscall.ENOLCK):
			m = "the signal is not stable yet: try again"
		case errors.Is(err, syscall.ERANGE):
			m = "the signal is outside of what the device takes"
		}
		return Timings{}, d.fail(op, err, m)
	}
	return k.timings(), nil
}

// SetTimings sets the timings, as from DetectTimings after a source change. It changes the format.
func (d *Device) SetTimings(t Timings) error {
	k := &kDvTimings{Type: dvBt656_1120}
	b := k.bt()
	*b = kBtTimings{Width: uint32(t.Width), Height: uint32(t.Height), Pixelclock: t.PixelClock,
		Hfrontporch: t.HFront, Hsync: t.HSync, Hbackporch: t.HBack, Vfrontporch: t.VFront, Vsync: t.VSync, Vbackporch: t.VBack,
		Il_vfrontporch: t.secondVertical[0], Il_vsync: t.secondVertical[1], Il_vbackporch: t.secondVertical[2],
		Polarities: t.Polarities, Standards: t.Standards, Flags: t.Flags}
	if t.Interlaced {
		b.Interlaced = 1
	}
	if err := d.ioctl(iocSDvTimings, unsafe.Pointer(k)); err != nil {
		return d.fail(fmt.Sprintf("setting the timings %dx%d", t.Width, t.Height), err)
	}
	return nil
}
