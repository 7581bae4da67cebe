package v4l2

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"unsafe"
)

// Format is the format of a queue's frames.
type Format struct {
	FourCC        FourCC
	Width, Height int // in pixels; 0 for metadata
	Field         Field
	Planes        []Plane // the driver decides their number; what is asked for may be nil or have zeros

	Colorspace   Colorspace
	Transfer     uint32 // V4L2_XFER_FUNC_*, 0 for the colorspace's own
	Encoding     uint32 // V4L2_YCBCR_ENC_* or V4L2_HSV_ENC_*, 0 for the colorspace's own
	Quantization uint32 // V4L2_QUANTIZATION_*, 0 for the colorspace's own
	Premul       bool   // the colours are premultiplied with alpha
}

// Plane is the layout of one plane of a format.
type Plane struct {
	Stride int // bytes from one line to the next; 0 for compressed formats
	Size   int // bytes at most
}

func (f Format) String() string {
	if f.Width == 0 && f.Height == 0 {
		return f.FourCC.String()
	}
	return fmt.Sprintf("%dx%d %s", f.Width, f.Height, f.FourCC)
}

func (f Format) clone() Format {
	f.Planes = slices.Clone(f.Planes)
	return f
}

// Size is the size of a frame in bytes at most, all planes together.
func (f Format) Size() int {
	n := 0
	for _, p := range f.Planes {
		n += p.Size
	}
	return n
}

// Format is the queue's format now.
func (d *Device) Format(q Queue) (Format, error) {
	typ, err := d.queueType(q)
	if err != nil {
		return Format{}, err
	}
	k := &kFormat{Type: typ}
	if err := d.ioctl(iocGFmt, unsafe.Pointer(k)); err != nil {
		return Format{}, d.fail("asking for the format", err)
	}
	return k.format(), nil
}

// SetFormat sets the queue's format and returns what the driver really set, which may differ in everything.
func (d *Device) SetFormat(q Queue, f Format) (Format, error) {
	return d.askFormat(q, f, iocSFmt, "setting")
}

// TryFormat returns what SetFormat would set, and sets nothing.
func (d *Device) TryFormat(q Queue, f Format) (Format, error) {
	return d.askFormat(q, f, iocTryFmt, "trying")
}

func (d *Device) askFormat(q Queue, f Format, request uint32, doing string) (Format, error) {
	typ, err := d.queueType(q)
	if err != nil {
		return Format{}, err
	}
	op := fmt.Sprintf("%s the format %s", doing, f)
	if f.Width < 0 || f.Height < 0 || f.Width > 1<<20 || f.Height > 1<<20 {
		return Format{}, d.fail(op, syscall.EINVAL, "width and height must be from 0 to 1048576")
	}
	if len(f.Planes) > maxPlanes {
		return Format{}, d.fail(op, syscall.EINVAL, fmt.Sprintf("it has %d planes: at most %d", len(f.Planes), maxPlanes))
	}
	k := kernelFormat(typ, f)
	if err := d.ioctl(request, unsafe.Pointer(k)); err != nil {
		m := ""
		switch {
		case errors.Is(err, syscall.EBUSY):
			m = "a stream has buffers of the old format: close it first"
		case errors.Is(err, syscall.EINVAL):
			m = "Formats lists what the driver has"
		}
		return Format{}, d.fail(op, err, m)
	}
	return k.format(), nil
}

func kernelFormat(typ uint32, f Format) *kFormat {
	k := &kFormat{Type: typ}
	plane := func(i int) (p Plane) {
		if i < len(f.Planes) {
			p = f.Planes[i]
		}
		return p
	}
	switch {
	case isMeta(typ):
		m := (*kMetaFormat)(unsafe.Pointer(&k.Fmt))
		m.Dataformat, m.Buffersize = uint32(f.FourCC), uint32(plane(0).Size)
	case multiPlanar(typ):
		m := (*kPixFormatMplane)(unsafe.Pointer(&k.Fmt))
		*m = kPixFormatMplane{Width: uint32(f.Width), Height: uint32(f.Height), Pixelformat: uint32(f.FourCC), Field: uint32(f.Field),
			Colorspace: uint32(f.Colorspace), Num_planes: uint8(len(f.Planes)), Flags: flagsOf(f),
			Ycbcr_enc: uint8(f.Encoding), Quantization: uint8(f.Quantization), Xfer_func: uint8(f.Transfer)}
		for i := range f.Planes {
			m.Plane_fmt[i] = kPlanePixFormat{Sizeimage: uint32(f.Planes[i].Size), Bytesperline: uint32(f.Planes[i].Stride)}
		}
	default:
		m := (*kPixFormat)(unsafe.Pointer(&k.Fmt))
		*m = kPixFormat{Width: uint32(f.Width), Height: uint32(f.Height), Pixelformat: uint32(f.FourCC), Field: uint32(f.Field),
			Bytesperline: uint32(plane(0).Stride), Sizeimage: uint32(plane(0).Size), Colorspace: uint32(f.Colorspace),
			Priv: pixPrivMagic, Flags: uint32(flagsOf(f)), Ycbcr_enc: f.Encoding, Quantization: f.Quantization, Xfer_func: f.Transfer}
	}
	return k
}

func flagsOf(f Format) uint8 {
	if f.Premul {
		return pixFlagPremul
	}
	return 0
}

// format reads what the driver wrote.
func (k *kFormat) format() Format {
	switch {
	case isMeta(k.Type):
		m := (*kMetaFormat)(unsafe.Pointer(&k.Fmt))
		return Format{FourCC: FourCC(m.Dataformat), Planes: []Plane{{Size: int(m.Buffersize)}}}
	case multiPlanar(k.Type):
		m := (*kPixFormatMplane)(unsafe.Pointer(&k.Fmt))
		f := Format{FourCC: FourCC(m.Pixelformat), Width: int(m.Width), Height: int(m.Height), Field: Field(m.Field),
			Colorspace: Colorspace(m.Colorspace), Transfer: uint32(m.Xfer_func), Encoding: uint32(m.Ycbcr_enc),
			Quantization: uint32(m.Quantization), Premul: m.Flags&pixFlagPremul != 0}
		for _, p := range m.Plane_fmt[:min(max(m.Num_planes, 1), maxPlanes)] {
			f.Planes = append(f.Planes, Plane{Stride: int(p.Bytesperline), Size: int(p.Sizeimage)})
		}
		return f
	}
	m := (*kPixFormat)(unsafe.Pointer(&k.Fmt))
	f := Format{FourCC: FourCC(m.Pixelformat), Width: int(m.Width), Height: int(m.Height), Field: Field(m.Field),
		Colorspace: Colorspace(m.Colorspace), Planes: []Plane{{Stride: int(m.Bytesperline), Size: int(m.Sizeimage)}}}
	if m.Priv == pixPrivMagic {
		f.Transfer, f.Encoding, f.Quantization = m.Xfer_func, m.Ycbcr_enc, m.Quantization
		f.Premul = m.Flags&pixFlagPremul != 0
	}
	return f
}

// Interval is the time between frames now, in seconds: 1/30 for 30 frames a second.
func (d *Device) Interval(q Queue) (Fraction, error) {
	return d.askInterval(q, Fraction{}, iocGParm, "asking for the frame interval")
}

// SetInterval sets the time between frames, in seconds, and returns what the driver really set.
func (d *Device) SetInterval(q Queue, f Fraction) (Fraction, error) {
	return d.askInterval(q, f, iocSParm, fmt.Sprintf("setting the frame interval %s", f))
}

func (d *Device) askInterval(q Queue, f Fraction, request uint32, op string) (Fraction, error) {
	typ, err := d.queueType(q)
	if err != nil {
		return Fraction{}, err
	}
	k := &kStreamparm{Type: typ}
	// struct v4l2_outputparm begins as v4l2_captureparm does, and has its interval in the same place.
	p := (*kCaptureparm)(unsafe.Pointer(&k.Parm))
	p.Timeperframe = kFract(f)
	if err := d.ioctl(request, unsafe.Pointer(k)); err != nil {
		return Fraction{}, d.fail(op, err)
	}
	if p.Capability&capTimeperframe == 0 {
		return Fraction{}, d.fail(op, syscall.ENOTTY, "the driver has no frame interval")
	}
	return Fraction(p.Timeperframe), nil
}
