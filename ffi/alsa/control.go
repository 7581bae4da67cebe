package alsa

import (
	"context"
	"fmt"
)

// Control is an open control device: a sound card's elements, which are its volumes, switches and settings one by one. Mixer has the
// same put together as people know them. Methods may be called from any goroutine; one at a time waits.
type Control struct {
	desk
	h  ptr // snd_ctl_t *; nil after Close
	id ptr // snd_ctl_elem_id_t *
	v  ptr // snd_ctl_elem_value_t *
	o  ptr // snd_ctl_elem_info_t *
	ev ptr // snd_ctl_event_t *
}

// OpenControl opens a control device by alsa-lib's name for it: "hw:0", "hw:Loopback", "default". The caller closes it. Errors are
// *ControlError; errors.Is matches them with an errno, such as ENOENT.
func OpenControl(name string) (*Control, error) {
	c := &Control{desk: desk{name: name}}
	err := c.opening(func() error {
		h := new(ptr)
		if code := c.lib.ctlOpen(h, cString(name), 1); code < 0 { // SND_CTL_NONBLOCK
			return c.fail("opening", code, openMend(name, code))
		}
		c.h = *h
		code := c.make()
		if code < 0 {
			_ = c.free()
			return c.check("making room for values", code)
		}
		err := c.watch(listFDs(func() Code { return c.lib.ctlPollCount(c.h) }, func(fds ptr, n uint32) Code { return c.lib.ctlPoll(c.h, fds, n) }))
		if err == nil {
			err = c.check("subscribing to events", c.lib.ctlSubscribeEvents(c.h, 1))
		}
		if err != nil {
			_ = c.free()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Control) make() Code {
	for _, m := range []struct {
		to  *ptr
		new func(to *ptr) Code
	}{{&c.id, c.lib.elemIdNew}, {&c.v, c.lib.elemValueNew}, {&c.o, c.lib.elemInfoNew}, {&c.ev, c.lib.eventNew}} {
		p := new(ptr) // not in c, which holds Go pointers
		if code := m.new(p); code < 0 {
			return code
		}
		*m.to = *p
	}
	return 0
}

// free frees what alsa-lib has; its functions take nil.
func (c *Control) free() Code {
	l := c.lib
	l.elemIdFree(c.id)
	l.elemValueFree(c.v)
	l.elemInfoFree(c.o)
	l.eventFree(c.ev)
	code := l.ctlClose(c.h)
	c.h, c.id, c.v, c.o, c.ev = nil, nil, nil, nil, nil
	return code
}

// Close frees the control and ends a Wait with ErrClosed. The second call does nothing.
func (c *Control) Close() error { return c.end(c.free) }

// ElementID names a control element. Elements gives whole ones; where one is asked for, Number alone or all but Number is enough.
type ElementID struct {
	Number    uint32 // of this card, until the card is gone; 0: not known
	Interface Interface
	Device    uint32
	Subdevice uint32
	Name      string
	Index     uint32 // among elements of one name
}

func (id ElementID) String() string {
	if id.Name == "" {
		return fmt.Sprintf("element %d", id.Number)
	}
	s := fmt.Sprintf("element %q", id.Name)
	if id.Index > 0 {
		s += fmt.Sprintf(" index %d", id.Index)
	}
	return s
}

// Interface is what an element belongs to. The values are those of snd_ctl_elem_iface_t.
type Interface uint32

const (
	InterfaceCard Interface = iota
	InterfaceHwdep
	InterfaceMixer
	InterfacePCM
	InterfaceRawMIDI
	InterfaceTimer
	InterfaceSequencer
)

// ElementType is the type of an element's values. The values are those of snd_ctl_elem_type_t.
type ElementType uint32

const (
	TypeBool      ElementType = iota + 1
	TypeInteger               // within Min and Max
	TypeEnum                  // the number of one of Items
	TypeBytes                 //
	TypeIEC958                // the 24 bytes of channel status of S/PDIF
	TypeInteger64             // within Min and Max
)

// Element describes a control element.
type Element struct {
	ID             ElementID
	Type           ElementType
	Count          int   // of values, or bytes
	Min, Max, Step int64 // of integers; Step 0: any
	Items          []string
	Readable       bool
	Writable       bool
	Volatile       bool // it changes without an event
	Inactive       bool
	Locked         bool // by some program
	User           bool // made by a program, not by a driver
}

// Elements lists the card's elements in its order.
func (c *Control) Elements() ([]ElementID, error) {
	const op = "listing elements"
	if err := c.begin(op); err != nil {
		return nil, err
	}
	defer c.call.Unlock()
	l, o := c.lib, new(ptr)
	if code := l.elemListNew(o); code < 0 {
		return nil, c.check(op, code)
	}
	list := *o
	defer l.elemListFree(list)
	// The number of elements may change between the two calls: what is there then is listed.
	if code := l.elemListRead(c.h, list); code < 0 {
		return nil, c.check(op, code)
	}
	n := l.elemListGetCount(list)
	if n == 0 {
		return nil, nil
	}
	if code := l.elemListAllocSpace(list, n); code < 0 {
		return nil, c.check(op, code)
	}
	defer l.elemListFreeSpace(list)
	if code := l.elemListRead(c.h, list); code < 0 {
		return nil, c.check(op, code)
	}
	ids := make([]ElementID, l.elemListGetUsed(list))
	for i := range ids {
		l.elemListGetId(list, uint32(i), c.id)
		ids[i] = l.elementID(c.id)
	}
	return ids, nil
}

// elementID is a snd_ctl_elem_id_t in Go.
func (l *library) elementID(id ptr) ElementID {
	return ElementID{
		Number: l.elemIdGetNumid(id), Interface: Interface(l.elemIdGetInterface(id)), Device: l.elemIdGetDevice(id),
		Subdevice: l.elemIdGetSubdevice(id), Name: l.elemIdGetName(id), Index: l.elemIdGetIndex(id),
	}
}

// set makes c.id the element's.
func (c *Control) set(id ElementID) Code {
	if indexNUL(id.Name) {
		return codeEINVAL
	}
	l := c.lib
	l.elemIdSetNumid(c.id, id.Number)
	l.elemIdSetInterface(c.id, uint32(id.Interface))
	l.elemIdSetDevice(c.id, id.Device)
	l.elemIdSetSubdevice(c.id, id.Subdevice)
	l.elemIdSetName(c.id, cString(id.Name))
	l.elemIdSetIndex(c.id, id.Index)
	return 0
}

// Element describes one element.
func (c *Control) Element(id ElementID) (Element, error) {
	op := "describing " + id.String()
	if err := c.begin(op); err != nil {
		return Element{}, err
	}
	defer c.call.Unlock()
	e, code := c.element(id)
	return e, c.check(op, code)
}

// element is Element with call held. c.o is left as the element's description.
func (c *Control) element(id ElementID) (Element, Code) {
	l, o := c.lib, c.o
	if code := c.set(id); code < 0 {
		return Element{}, code
	}
	l.elemInfoSetId(o, c.id)
	if code := l.elemInfoRead(c.h, o); code < 0 {
		return Element{}, code
	}
	l.elemInfoGetId(o, c.id)
	e := Element{
		ID: l.elementID(c.id), Type: ElementType(l.elemInfoGetType(o)), Count: int(l.elemInfoGetCount(o)),
		Readable: l.elemInfoIsReadable(o) > 0, Writable: l.elemInfoIsWritable(o) > 0, Volatile: l.elemInfoIsVolatile(o) > 0,
		Inactive: l.elemInfoIsInactive(o) > 0, Locked: l.elemInfoIsLocked(o) > 0, User: l.elemInfoIsUser(o) > 0,
	}
	switch e.Type {
	case TypeBool:
		e.Max, e.Step = 1, 1
	case TypeInteger:
		e.Min, e.Max, e.Step = int64(l.elemInfoGetMin(o)), int64(l.elemInfoGetMax(o)), int64(l.elemInfoGetStep(o))
	case TypeInteger64:
		e.Min, e.Max, e.Step = l.elemInfoGetMin64(o), l.elemInfoGetMax64(o), l.elemInfoGetStep64(o)
	case TypeIEC958:
		e.Count = iec958Bytes
	case TypeEnum:
		n := l.elemInfoGetItems(o)
		for i := range n {
			l.elemInfoSetItem(o, i)
			if code := l.elemInfoRead(c.h, o); code < 0 {
				return e, code
			}
			e.Items = append(e.Items, l.elemInfoGetItemName(o))
		}
		e.Max, e.Step = int64(n)-1, 1
	}
	return e, 0
}

// Event says what happened to an element.
type Event struct {
	ID      ElementID
	Value   bool // its value changed
	Info    bool // its description changed
	Added   bool
	TLV     bool // its decibels changed
	Removed bool // and nothing else
}

// Wait waits for the next event of any element. Errors are *ControlError: ENODEV when the card is gone, ErrClosed, ErrBusy, or the cause of ctx.
func (c *Control) Wait(ctx context.Context) (Event, error) {
	var e Event
	err := c.wait(ctx, "waiting for an event", func() (bool, Code) {
		l := c.lib
		if code := l.ctlRead(c.h, c.ev); code <= 0 {
			return false, code
		}
		if l.eventGetType(c.ev) != 0 { // SND_CTL_EVENT_ELEM
			return false, 0
		}
		l.eventElemGetId(c.ev, c.id)
		mask := l.eventElemGetMask(c.ev)
		e = Event{ID: l.elementID(c.id)}
		if e.Removed = mask == ^uint32(0); !e.Removed { // SND_CTL_EVENT_MASK_REMOVE
			e.Value, e.Info, e.Added, e.TLV = mask&1 != 0, mask&2 != 0, mask&4 != 0, mask&8 != 0
		}
		return true, 0
	})
	return e, err
}
