package alsa

import "fmt"

// iec958Bytes is the channel status in a snd_aes_iec958_t, its first field.
const iec958Bytes = 24

// access describes the element and takes call, which the caller unlocks if it got no error.
func (c *Control) access(op string, id ElementID) (Element, error) {
	if err := c.begin(op); err != nil {
		return Element{}, err
	}
	e, code := c.element(id)
	if code < 0 {
		c.call.Unlock()
		return e, c.check(op, code)
	}
	c.lib.elemValueSetId(c.v, c.id)
	return e, nil
}

// Read returns an element's values, whose type is a boolean (0 or 1), an integer or an enumeration (the number of an item).
func (c *Control) Read(id ElementID) ([]int64, error) {
	op := "reading " + id.String()
	e, err := c.access(op, id)
	if err != nil {
		return nil, err
	}
	defer c.call.Unlock()
	get, _ := c.values(e.Type)
	if get == nil {
		return nil, c.fail(op, codeEINVAL, "its values are bytes: use ReadBytes")
	}
	if code := c.lib.elemRead(c.h, c.v); code < 0 {
		return nil, c.check(op, code)
	}
	list := make([]int64, e.Count)
	for i := range list {
		list[i] = get(uint32(i))
	}
	return list, nil
}

// values gets and sets numbers in c.v; nil for elements of bytes.
func (c *Control) values(t ElementType) (get func(i uint32) int64, set func(i uint32, v int64)) {
	l := c.lib
	switch t {
	case TypeBool:
		return func(i uint32) int64 { return int64(l.elemValueGetBoolean(c.v, i)) }, func(i uint32, v int64) { l.elemValueSetBoolean(c.v, i, int(v)) }
	case TypeInteger:
		return func(i uint32) int64 { return int64(l.elemValueGetInteger(c.v, i)) }, func(i uint32, v int64) { l.elemValueSetInteger(c.v, i, int(v)) }
	case TypeEnum:
		return func(i uint32) int64 { return int64(l.elemValueGetEnumerated(c.v, i)) }, func(i uint32, v int64) { l.elemValueSetEnumerated(c.v, i, uint32(v)) }
	case TypeInteger64:
		return func(i uint32) int64 { return l.elemValueGetInteger64(c.v, i) }, func(i uint32, v int64) { l.elemValueSetInteger64(c.v, i, v) }
	}
	return nil, nil
}

// Write sets an element's values: as many as it has, each within its range.
func (c *Control) Write(id ElementID, values ...int64) error {
	op := "writing " + id.String()
	e, err := c.access(op, id)
	if err != nil {
		return err
	}
	defer c.call.Unlock()
	if !e.Writable {
		return c.fail(op, codeEPERM, "it is read-only")
	}
	_, set := c.values(e.Type)
	if set == nil {
		return c.fail(op, codeEINVAL, "its values are bytes: use WriteBytes")
	}
	if len(values) != e.Count {
		return c.fail(fmt.Sprintf("writing %d values to %v", len(values), id), codeEINVAL, fmt.Sprintf("it has %d", e.Count))
	}
	for i, v := range values {
		if v < e.Min || v > e.Max {
			return c.fail(fmt.Sprintf("writing %d to %v", v, id), codeEINVAL, fmt.Sprintf("it takes %d to %d", e.Min, e.Max))
		}
		set(uint32(i), v)
	}
	return c.write(op)
}

// write has no answer but the error: a kernel's card does not tell whether anything changed, though alsa-lib's comment says so.
func (c *Control) write(op string) error {
	return c.check(op, c.lib.elemWrite(c.h, c.v))
}

// ReadBytes returns an element's bytes, or the 24 of an IEC 60958 channel status.
func (c *Control) ReadBytes(id ElementID) ([]byte, error) {
	op := "reading " + id.String()
	e, err := c.access(op, id)
	if err != nil {
		return nil, err
	}
	defer c.call.Unlock()
	if e.Type != TypeBytes && e.Type != TypeIEC958 {
		return nil, c.fail(op, codeEINVAL, "its values are numbers: use Read")
	}
	if code := c.lib.elemRead(c.h, c.v); code < 0 {
		return nil, c.check(op, code)
	}
	b := make([]byte, e.Count)
	if e.Type == TypeIEC958 {
		s := new(iec958)
		c.lib.elemValueGetIec958(c.v, s.at())
		copy(b, s.status[:])
		return b, nil
	}
	for i := range b {
		b[i] = c.lib.elemValueGetByte(c.v, uint32(i))
	}
	return b, nil
}

// WriteBytes sets an element's bytes, as many as it has.
func (c *Control) WriteBytes(id ElementID, b []byte) error {
	op := "writing " + id.String()
	e, err := c.access(op, id)
	if err != nil {
		return err
	}
	defer c.call.Unlock()
	if !e.Writable {
		return c.fail(op, codeEPERM, "it is read-only")
	}
	if e.Type != TypeBytes && e.Type != TypeIEC958 {
		return c.fail(op, codeEINVAL, "its values are numbers: use Write")
	}
	if len(b) != e.Count {
		return c.fail(fmt.Sprintf("writing %d bytes to %v", len(b), id), codeEINVAL, fmt.Sprintf("it has %d", e.Count))
	}
	if e.Type == TypeIEC958 {
		s := new(iec958)
		copy(s.status[:], b)
		c.lib.elemValueSetIec958(c.v, s.at())
		return c.write(op)
	}
	for i, v := range b {
		c.lib.elemValueSetByte(c.v, uint32(i), v)
	}
	return c.write(op)
}

// Lock keeps other programs from writing an element until Unlock or Close.
func (c *Control) Lock(id ElementID) error {
	return c.with("locking "+id.String(), id, func() Code { return c.lib.elemLock(c.h, c.id) })
}

// Unlock ends Lock.
func (c *Control) Unlock(id ElementID) error {
	return c.with("unlocking "+id.String(), id, func() Code { return c.lib.elemUnlock(c.h, c.id) })
}

func (c *Control) with(op string, id ElementID, f func() Code) error {
	if _, err := c.access(op, id); err != nil {
		return err
	}
	defer c.call.Unlock()
	return c.check(op, f())
}

// Decibels is the range of an element's values in hundredths of a decibel; Min may be that of a muted element, -9999999. ENXIO if its driver
// does not tell. Give an id that Elements listed, with its number; so with the conversions.
func (c *Control) Decibels(id ElementID) (Range, error) {
	n := new([2]int)
	err := c.with("asking for the decibels of "+id.String(), id, func() Code { return c.lib.ctlGetDBRange(c.h, c.id, &n[0], &n[1]) })
	return Range{n[0], n[1]}, err
}

// ToDecibels is a value of an element in hundredths of a decibel.
func (c *Control) ToDecibels(id ElementID, value int) (int, error) {
	n := new(int)
	err := c.with(fmt.Sprintf("converting %d of %v to decibels", value, id), id, func() Code { return c.lib.ctlConvertToDB(c.h, c.id, value, n) })
	return *n, err
}

// FromDecibels is the value of an element for hundredths of a decibel, the next one up or down if none is exact.
func (c *Control) FromDecibels(id ElementID, hundredths int, up bool) (int, error) {
	n, dir := new(int), int32(0)
	if up {
		dir = 1
	}
	err := c.with(fmt.Sprintf("converting %d hundredths of a decibel for %v", hundredths, id), id, func() Code {
		return c.lib.ctlConvertFromDB(c.h, c.id, hundredths, n, dir)
	})
	return *n, err
}
