package v4l2

import (
	"fmt"
	"time"
)

// Field is how a frame's lines come (V4L2_FIELD_*).
type Field uint32

const (
	FieldAny          Field = fieldAny          // in a request: the driver chooses
	FieldNone         Field = fieldNone         // progressive
	FieldTop          Field = fieldTop          // only the top field
	FieldBottom       Field = fieldBottom       // only the bottom field
	FieldInterlaced   Field = fieldInterlaced   // both fields, line by line
	FieldSeqTB        Field = fieldSeqTb        // both, the top one first, behind each other
	FieldSeqBT        Field = fieldSeqBt        // both, the bottom one first, behind each other
	FieldAlternate    Field = fieldAlternate    // fields by turns, each a frame with the sequence number of both
	FieldInterlacedTB Field = fieldInterlacedTb // line by line, the top field was taken first
	FieldInterlacedBT Field = fieldInterlacedBt // line by line, the bottom field was taken first
)

func (f Field) String() string {
	names := [...]string{"any", "none", "top", "bottom", "interlaced", "seq-tb", "seq-bt", "alternate", "interlaced-tb", "interlaced-bt"}
	if int(f) < len(names) {
		return names[f]
	}
	return fmt.Sprintf("field %d", uint32(f))
}

// Colorspace is V4L2_COLORSPACE_*.
type Colorspace uint32

const (
	ColorspaceDefault   Colorspace = colorspaceDefault
	ColorspaceSMPTE170M Colorspace = colorspaceSmpte170m
	ColorspaceSMPTE240M Colorspace = colorspaceSmpte240m
	ColorspaceRec709    Colorspace = colorspaceRec709
	Colorspace470M      Colorspace = colorspace470SystemM
	Colorspace470BG     Colorspace = colorspace470SystemBg
	ColorspaceJPEG      Colorspace = colorspaceJpeg
	ColorspaceSRGB      Colorspace = colorspaceSrgb
	ColorspaceOpRGB     Colorspace = colorspaceOprgb
	ColorspaceBT2020    Colorspace = colorspaceBt2020
	ColorspaceRaw       Colorspace = colorspaceRaw
	ColorspaceDCIP3     Colorspace = colorspaceDciP3
)

// Fraction is a ratio, such as a time in seconds.
type Fraction struct{ Numerator, Denominator uint32 }

func (f Fraction) String() string { return fmt.Sprintf("%d/%d", f.Numerator, f.Denominator) }

// Duration is the fraction in seconds, to the nanosecond; 0 for a denominator of 0.
func (f Fraction) Duration() time.Duration {
	if f.Denominator == 0 {
		return 0
	}
	return time.Duration(uint64(f.Numerator) * uint64(time.Second) / uint64(f.Denominator))
}

// Rect is a rectangle in pixels.
type Rect struct {
	Left, Top     int32
	Width, Height uint32
}
