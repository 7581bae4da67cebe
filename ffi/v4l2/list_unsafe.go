package v4l2

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"
)

// FormatDesc is a pixel format that a queue has.
type FormatDesc struct {
	FourCC      FourCC
	Description string // by the kernel, for people
	Compressed  bool
	Emulated    bool // a library converts it
}

// maxListed ends lists of drivers that never say that they are over.
const maxListed = 4096

// list calls one for the numbers 0, 1, ... until the driver says that there are no more.
func (d *Device) list(op string, one func(i uint32) error) error {
	for i := range uint32(maxListed) {
		err := one(i)
		if errors.Is(err, syscall.EINVAL) || i == 0 && errors.Is(err, syscall.ENOTTY) || errors.Is(err, syscall.ENODATA) {
			return nil
		}
		if err != nil {
			return d.fail(op, err)
		}
	}
	return d.fail(op, syscall.E2BIG, fmt.Sprintf("the driver lists more than %d", maxListed))
}

// Formats lists the pixel formats of a queue.
func (d *Device) Formats(q Queue) ([]FormatDesc, error) {
	typ, err := d.queueType(q)
	if err != nil {
		return nil, err
	}
	var l []FormatDesc
	err = d.list("listing formats", func(i uint32) error {
		k := &kFmtdesc{Index: i, Type: typ}
		if err := d.ioctl(iocEnumFmt, unsafe.Pointer(k)); err != nil {
			return err
		}
		l = append(l, FormatDesc{FourCC(k.Pixelformat), text(k.Description[:]), k.Flags&fmtFlagCompressed != 0, k.Flags&fmtFlagEmulated != 0})
		return nil
	})
	return l, err
}

// Range is a set of numbers from Min to Max in steps of Step, which is 0 where Min is Max.
type Range struct{ Min, Max, Step uint32 }

// FrameSize is a frame size, or a range of them, in pixels.
type FrameSize struct{ Width, Height Range }

// FrameSizes lists the sizes that the driver has for a pixel format. It is empty where the driver does not say.
func (d *Device) FrameSizes(f FourCC) ([]FrameSize, error) {
	var l []FrameSize
	err := d.list(fmt.Sprintf("listing frame sizes for %s", f), func(i uint32) error {
		k := &kFrmsizeenum{Index: i, Format: uint32(f)}
		if err := d.ioctl(iocEnumFramesizes, unsafe.Pointer(k)); err != nil {
			return err
		}
		if k.Type == frmsizeTypeDiscrete {
			w, h := k.Discrete.Width, k.Discrete.Height
			l = append(l, FrameSize{Range{w, w, 0}, Range{h, h, 0}})
			return nil
		}
		s := (*kFrmsizeStepwise)(unsafe.Pointer(&k.Discrete)) // a union
		l = append(l, FrameSize{Range{s.Min_width, s.Max_width, s.Step_width}, Range{s.Min_height, s.Max_height, s.Step_height}})
		return syscall.EINVAL // there is one range only
	})
	return l, err
}

// IntervalRange is a time between frames in seconds, or a range of them. Step is zero where Min is Max.
type IntervalRange struct{ Min, Max, Step Fraction }

// FrameIntervals lists the times between frames that the driver has for a pixel format and frame size. It is empty where the driver
// does not say.
func (d *Device) FrameIntervals(f FourCC, width, height int) ([]IntervalRange, error) {
	var l []IntervalRange
	err := d.list(fmt.Sprintf("listing frame intervals for %dx%d %s", width, height, f), func(i uint32) error {
		k := &kFrmivalenum{Index: i, Format: uint32(f), Width: uint32(width), Height: uint32(height)}
		if err := d.ioctl(iocEnumFrameintervals, unsafe.Pointer(k)); err != nil {
			return err
		}
		if k.Type == frmivalTypeDiscrete {
			v := Fraction(k.Discrete)
			l = append(l, IntervalRange{v, v, Fraction{}})
			return nil
		}
		s := (*kFrmivalStepwise)(unsafe.Pointer(&k.Discrete)) // a union
		l = append(l, IntervalRange{Fraction(s.Min), Fraction(s.Max), Fraction(s.Step)})
		return syscall.EINVAL
	})
	return l, err
}

// Input is a source of video, such as a camera or a connector.
type Input struct {
	Index     int
	Name      string
	Camera    bool   // not a tuner or a touch sensor
	Status    uint32 // V4L2_IN_ST_*: 0 is well; see NoSignal
	Standards uint64 // bits of V4L2_STD_*; 0 if it has none
	Timings   bool   // it has digital video timings, as HDMI does
}

// NoSignal reports whether the driver says that nothing comes in: no power, no signal or no colour.
func (i Input) NoSignal() bool { return i.Status&(inputStatusNoPower|inputStatusNoSignal) != 0 }

// Inputs lists what can be captured from.
func (d *Device) Inputs() ([]Input, error) {
	var l []Input
	err := d.list("listing inputs", func(i uint32) error {
		k := &kInput{Index: i}
		if err := d.ioctl(iocEnuminput, unsafe.Pointer(k)); err != nil {
			return err
		}
		l = append(l, Input{int(k.Index), text(k.Name[:]), k.Type == inputTypeCamera, k.Status, k.Std, k.Capabilities&inCapDvTimings != 0})
		return nil
	})
	return l, err
}

// OutputPort is a destination of video, such as a connector.
type OutputPort struct {
	Index     int
	Name      string
	Standards uint64 // bits of V4L2_STD_*; 0 if it has none
	Timings   bool   // it has digital video timings, as HDMI does
}

// Outputs lists where video can be sent to.
func (d *Device) Outputs() ([]OutputPort, error) {
	var l []OutputPort
	err := d.list("listing outputs", func(i uint32) error {
		k := &kOutput{Index: i}
		if err := d.ioctl(iocEnumoutput, unsafe.Pointer(k)); err != nil {
			return err
		}
		l = append(l, OutputPort{int(k.Index), text(k.Name[:]), k.Std, k.Capabilities&outCapDvTimings != 0})
		return nil
	})
	return l, err
}

func (d *Device) number(request uint32, op string, v int) (int, error) {
	k := new(int32)
	*k = int32(v)
	if err := d.ioctl(request, unsafe.Pointer(k)); err != nil {
		return 0, d.fail(op, err)
	}
	return int(*k), nil
}

// Input is the number of the input in use.
func (d *Device) Input() (int, error) { return d.number(iocGInput, "asking for the input", 0) }

// SetInput chooses an input. It may change the format.
func (d *Device) SetInput(i int) error {
	_, err := d.number(iocSInput, fmt.Sprintf("choosing input %d", i), i)
	return err
}

// Output is the number of the output in use.
func (d *Device) Output() (int, error) { return d.number(iocGOutput, "asking for the output", 0) }

// SetOutput chooses an output. It may change the format.
func (d *Device) SetOutput(i int) error {
	_, err := d.number(iocSOutput, fmt.Sprintf("choosing output %d", i), i)
	return err
}
