package v4l2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"unsafe"
)

// value is the union of a struct v4l2_ext_control, which is packed: 8 bytes behind id, size and reserved2.
func (k *kExtControl) value() []byte {
	return (*[unsafe.Sizeof(*k)]byte)(unsafe.Pointer(k))[unsafe.Offsetof(k.Value):]
}

// Controls lists the device's controls of every type, the headings (ControlClass) among them, in the order of their IDs.
func (d *Device) Controls() ([]Control, error) {
	var l []Control
	var id uint32
	for range maxListed {
		k := &kQueryExtCtrl{Id: id | ctrlFlagNextCtrl | ctrlFlagNextCompound}
		err := d.ioctl(iocQueryExtCtrl, unsafe.Pointer(k))
		if errors.Is(err, syscall.EINVAL) || id == 0 && errors.Is(err, syscall.ENOTTY) {
			return l, nil
		}
		if err == nil && k.Id <= id {
			err = d.fail("listing controls", syscall.EIO, fmt.Sprintf("the driver names control %#x after %#x", k.Id, id))
		}
		if err != nil {
			return nil, d.fail("listing controls", err)
		}
		id = k.Id
		c, err := d.describe(k)
		if err != nil {
			return nil, err
		}
		l = append(l, c)
	}
	return nil, d.fail("listing controls", syscall.E2BIG, fmt.Sprintf("the driver lists more than %d", maxListed))
}

// Control describes one control. The error wraps syscall.EINVAL for one that the device does not have.
func (d *Device) Control(id uint32) (Control, error) {
	k := &kQueryExtCtrl{Id: id}
	if err := d.ioctl(iocQueryExtCtrl, unsafe.Pointer(k)); err != nil {
		m := ""
		if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTTY) {
			m = "the device has no such control: Controls lists those that it has"
		}
		return Control{}, d.fail(fmt.Sprintf("asking for control %#x", id), err, m)
	}
	return d.describe(k)
}

func (d *Device) describe(k *kQueryExtCtrl) (Control, error) {
	c := Control{ID: k.Id, Name: text(k.Name[:]), Type: ControlType(k.Type), Min: k.Minimum, Max: k.Maximum, Step: k.Step, Default: k.Default_value,
		Flags: ControlFlags(k.Flags), Elems: int(k.Elems), ElemSize: int(k.Elem_size)}
	for _, n := range k.Dims[:min(k.Nr_of_dims, uint32(len(k.Dims)))] {
		c.Dims = append(c.Dims, int(n))
	}
	if c.Type != ControlMenu && c.Type != ControlIntegerMenu {
		return c, nil
	}
	for i := max(c.Min, 0); i <= min(c.Max, maxListed); i++ {
		m := &kQuerymenu{Id: c.ID, Index: uint32(i)}
		err := d.ioctl(iocQuerymenu, unsafe.Pointer(m))
		if errors.Is(err, syscall.EINVAL) {
			continue // menus have holes
		}
		if err != nil {
			return c, d.fail(fmt.Sprintf("listing the menu of %s", &c), err)
		}
		item := MenuItem{Index: int(i)}
		if c.Type == ControlMenu {
			item.Name = text(m.Name[:])
		} else {
			item.Value = int64(binary.NativeEndian.Uint64(m.Name[:])) // a union
		}
		c.Menu = append(c.Menu, item)
	}
	return c, nil
}

// Setting is a control and its value, for SetControls.
type Setting struct {
	ID    uint32
	Value int64
}

// ControlValue reads a control that is a number: integer, boolean, menu, bitmask.
func (d *Device) ControlValue(id uint32) (int64, error) {
	c, err := d.Control(id)
	if err != nil {
		return 0, err
	}
	op := "reading " + c.String()
	if c.Flags&ControlHasPayload != 0 {
		return 0, d.fail(op, syscall.EINVAL, "it is no number: use ControlData or ControlText")
	}
	k := []kExtControl{{Id: id}}
	if _, err := d.controls(iocGExtCtrls, k); err != nil {
		m := ""
		if c.Flags&ControlWriteOnly != 0 {
			m = "it can only be set"
		}
		return 0, d.fail(op, err, m)
	}
	return k[0].number(c.Type), nil
}

// SetControl sets a control that is a number, and returns what the driver set, which may be rounded to the step.
func (d *Device) SetControl(id uint32, v int64) (int64, error) {
	s := []Setting{{id, v}}
	if err := d.SetControls(s); err != nil {
		return 0, err
	}
	return s[0].Value, nil
}

// SetControls sets controls that are numbers together, all or none where the driver can, and writes what the driver set into s.
func (d *Device) SetControls(s []Setting) error {
	k := make([]kExtControl, len(s))
	l := make([]Control, len(s))
	for i, v := range s {
		c, err := d.Control(v.ID)
		if err != nil {
			return err
		}
		if c.Flags&ControlHasPayload != 0 {
			return d.fail("setting "+c.String(), syscall.EINVAL, "it is no number: use SetControlData or SetControlText")
		}
		fits := v.Value == int64(int32(v.Value)) || c.Type == ControlInteger64 || c.Type == ControlBitmask && v.Value == int64(uint32(v.Value))
		if !fits {
			return d.fail(fmt.Sprintf("setting %s to %d", &c, v.Value), syscall.ERANGE, c.limits())
		}
		k[i].Id, l[i] = v.ID, c
		k[i].set(c.Type, v.Value)
	}
	if len(s) == 0 {
		return nil
	}
	at, err := d.controls(iocSExtCtrls, k)
	if err == nil {
		for i := range s {
			s[i].Value = k[i].number(l[i].Type)
		}
		return nil
	}
	if at >= len(s) {
		if len(s) > 1 { // the driver did not say which: asking for a try tells
			at, _ = d.controls(iocTryExtCtrls, k)
		}
		at = min(at, len(s)-1)
	}
	m := ""
	switch c := &l[at]; {
	case errors.Is(err, syscall.EBUSY):
		m = "it cannot be changed now, while a stream has buffers or another program has the control"
	case errors.Is(err, syscall.ERANGE), errors.Is(err, syscall.EINVAL), c.Flags&ControlReadOnly != 0:
		m = c.limits()
	}
	return d.fail(fmt.Sprintf("setting %s to %d", &l[at], s[at].Value), err, m)
}

// number is a control's value.
func (k *kExtControl) number(t ControlType) int64 {
	switch b := k.value(); t {
	case ControlInteger64:
		return int64(binary.NativeEndian.Uint64(b))
	case ControlBitmask:
		return int64(binary.NativeEndian.Uint32(b))
	default:
		return int64(int32(binary.NativeEndian.Uint32(b)))
	}
}

func (k *kExtControl) set(t ControlType, v int64) {
	if t == ControlInteger64 {
		binary.NativeEndian.PutUint64(k.value(), uint64(v))
		return
	}
	binary.NativeEndian.PutUint32(k.value(), uint32(v))
}

// controls passes k, and returns the index of the control that was refused, or one beyond the end.
func (d *Device) controls(request uint32, k []kExtControl) (int, error) {
	// A System may pass c to C, whose rules want what it points to pinned.
	var pin runtime.Pinner
	pin.Pin(&k[0])
	defer pin.Unpin()
	c := &kExtControls{Ctrl_class: ctrlWhichCurVal, Count: uint32(len(k)), Controls: &k[0]}
	err := d.ioctl(request, unsafe.Pointer(c))
	return int(min(c.Error_idx, uint32(len(k)))), err
}

// ControlData reads a control that is a string, an array or a structure, as the bytes that the kernel has: numbers in the byte order of the
// machine, structures as in linux/v4l2-controls.h.
func (d *Device) ControlData(id uint32) ([]byte, error) {
	c, err := d.Control(id)
	if err != nil {
		return nil, err
	}
	op := "reading " + c.String()
	if c.Flags&ControlHasPayload == 0 {
		return nil, d.fail(op, syscall.EINVAL, "it is a number: use ControlValue")
	}
	// A dynamic array may have grown since: the driver then says how large it is.
	for size := c.Elems * c.ElemSize; ; {
		if size <= 0 || size > 1<<24 {
			return nil, d.fail(op, syscall.EIO, fmt.Sprintf("the driver says it has %d bytes", size))
		}
		b := make([]byte, size)
		n, err := d.payload(iocGExtCtrls, id, b)
		if errors.Is(err, syscall.ENOSPC) && n > size {
			size = n
			continue
		}
		if err != nil {
			return nil, d.fail(op, err)
		}
		return b[:min(n, size)], nil
	}
}

// SetControlData sets a control that is a string (with its zero byte), an array or a structure.
func (d *Device) SetControlData(id uint32, b []byte) error {
	c, err := d.Control(id)
	if err != nil {
		return err
	}
	op := fmt.Sprintf("setting %s to %d bytes", &c, len(b))
	if c.Flags&ControlHasPayload == 0 {
		return d.fail(op, syscall.EINVAL, "it is a number: use SetControl")
	}
	if len(b) == 0 {
		return d.fail(op, syscall.EINVAL, c.limits())
	}
	if _, err := d.payload(iocSExtCtrls, id, bytes.Clone(b)); err != nil {
		m := ""
		if !errors.Is(err, syscall.EBUSY) && !gone(err) {
			m = c.limits()
		}
		return d.fail(op, err, m)
	}
	return nil
}

// payload passes b, which is on the heap, and returns the size that the driver has.
func (d *Device) payload(request uint32, id uint32, b []byte) (int, error) {
	k := []kExtControl{{Id: id, Size: uint32(len(b))}}
	// The word is bytes to the collector: pinning keeps b where it is.
	var pin runtime.Pinner
	pin.Pin(&b[0])
	defer pin.Unpin()
	setWord(k[0].value()[:unsafe.Sizeof(uintptr(0))], uintptr(unsafe.Pointer(&b[0])))
	_, err := d.controls(request, k)
	return int(min(k[0].Size, 1<<30)), err
}

// ControlText reads a control that is a string.
func (d *Device) ControlText(id uint32) (string, error) {
	b, err := d.ControlData(id)
	return text(b), err
}

// SetControlText sets a control that is a string. Control.Min, Max and Step say how many bytes it takes.
func (d *Device) SetControlText(id uint32, s string) error {
	return d.SetControlData(id, append([]byte(s), 0))
}
