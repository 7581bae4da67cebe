package v4l2

import (
	"fmt"
	"strings"
)

// ControlType is what a control's value is (V4L2_CTRL_TYPE_*).
type ControlType uint32

const (
	ControlInteger     ControlType = ctrlTypeInteger
	ControlBoolean     ControlType = ctrlTypeBoolean
	ControlMenu        ControlType = ctrlTypeMenu        // the index of one of Control.Menu
	ControlButton      ControlType = ctrlTypeButton      // does something when it is set, to any value
	ControlInteger64   ControlType = ctrlTypeInteger64   // 64 bits
	ControlClass       ControlType = ctrlTypeCtrlClass   // the heading of those that follow
	ControlString      ControlType = ctrlTypeString      // of Min to Max bytes
	ControlBitmask     ControlType = ctrlTypeBitmask     // bits of Max
	ControlIntegerMenu ControlType = ctrlTypeIntegerMenu // the index of one of Control.Menu, which stands for its Value
	ControlU8          ControlType = ctrlTypeU8          // an array of bytes
	ControlU16         ControlType = ctrlTypeU16         // an array of 16-bit numbers
	ControlU32         ControlType = ctrlTypeU32         // an array of 32-bit numbers
	ControlArea        ControlType = ctrlTypeArea        // struct v4l2_area: width and height, 32 bits each
)

func (t ControlType) String() string {
	switch t {
	case ControlU8:
		return "bytes"
	case ControlU16:
		return "16-bit numbers"
	case ControlU32:
		return "32-bit numbers"
	case ControlArea:
		return "area"
	}
	names := [...]string{"", "integer", "boolean", "menu", "button", "64-bit integer", "class", "string", "bitmask", "integer menu"}
	if 0 < t && int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("structure %#x", uint32(t))
}

// ControlFlags are bits of V4L2_CTRL_FLAG_*.
type ControlFlags uint32

const (
	ControlDisabled       ControlFlags = ctrlFlagDisabled       // cannot be used
	ControlGrabbed        ControlFlags = ctrlFlagGrabbed        // cannot be changed now
	ControlReadOnly       ControlFlags = ctrlFlagReadOnly       //
	ControlUpdate         ControlFlags = ctrlFlagUpdate         // a change changes other controls
	ControlInactive       ControlFlags = ctrlFlagInactive       // has no effect now, because of another control
	ControlSlider         ControlFlags = ctrlFlagSlider         // best shown as a slider
	ControlWriteOnly      ControlFlags = ctrlFlagWriteOnly      //
	ControlVolatile       ControlFlags = ctrlFlagVolatile       // changes by itself
	ControlHasPayload     ControlFlags = ctrlFlagHasPayload     // a string, an array or a structure: use ControlData
	ControlExecuteOnWrite ControlFlags = ctrlFlagExecuteOnWrite // setting the value that it has does something too
	ControlModifyLayout   ControlFlags = ctrlFlagModifyLayout   // a change changes the format of the frames
)

// Control describes a control of a device (struct v4l2_query_ext_ctrl).
type Control struct {
	ID       uint32 // CIDBrightness and the like, or the driver's own
	Name     string
	Type     ControlType
	Min, Max int64 // of a value; of the length for a string
	Step     uint64
	Default  int64
	Flags    ControlFlags
	Dims     []int // of an array, the slowest first; nil for a single value
	Elems    int   // values in the array; 1 for a single value
	ElemSize int   // bytes of each
	Menu     []MenuItem
}

// MenuItem is a choice of a menu.
type MenuItem struct {
	Index int
	Name  string // of ControlMenu
	Value int64  // of ControlIntegerMenu
}

func (c *Control) String() string {
	return fmt.Sprintf("%s (%#x, %s)", c.Name, c.ID, c.Type)
}

// limits say what values the control takes.
func (c *Control) limits() string {
	switch {
	case c.Flags&ControlReadOnly != 0:
		return "it can only be read"
	case c.Flags&ControlHasPayload != 0 && c.Type == ControlString:
		return fmt.Sprintf("it takes from %d to %d bytes, in steps of %d", c.Min, c.Max, c.Step)
	case c.Flags&ControlHasPayload != 0:
		return fmt.Sprintf("it takes %d values of %d bytes", c.Elems, c.ElemSize)
	case c.Type == ControlMenu || c.Type == ControlIntegerMenu:
		var l []string
		for _, m := range c.Menu {
			l = append(l, fmt.Sprint(m.Index))
		}
		return "it takes one of " + strings.Join(l, ", ")
	case c.Type == ControlBitmask:
		return fmt.Sprintf("it takes bits of %#x", uint64(c.Max))
	}
	return fmt.Sprintf("it takes from %d to %d, in steps of %d", c.Min, c.Max, c.Step)
}
