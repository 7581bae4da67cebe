package opus

import (
	"fmt"

	"github.com/poolgen/poolgen/runtime/pool"
)

// clone copies the state, options and all, to a block of its own.
func (c *core) clone(from *pool.Pool) (*core, error) {
	if !c.state.valid() {
		return nil, ErrClosed
	}
	o := &core{lib: c.lib, kind: c.kind, rate: c.rate, channels: c.channels, layout: c.layout, out: &answers{}}
	var err error
	if o.state, err = newState(c.kind.String(), c.state.size, from); err != nil {
		return nil, err
	}
	return o, o.copyFrom(c)
}

// copyFrom makes the state that of o: a state has no pointer into itself (opus.h), so the bytes are enough.
func (c *core) copyFrom(o *core) error {
	switch {
	case !c.state.valid() || !o.state.valid():
		return ErrClosed
	case c.kind != o.kind || c.rate != o.rate || c.channels != o.channels || c.state.size != o.state.size || !c.layout.equal(o.layout):
		return fmt.Errorf("opus: copying the state of a %s of %d Hz, %d channels, %v to a %s of %d Hz, %d channels, %v: both must be alike",
			o.kind, o.rate, o.channels, o.layout, c.kind, c.rate, c.channels, c.layout)
	}
	copy(c.state.buf.Bytes(), o.state.buf.Bytes())
	if o.weights.Pool() != nil {
		o.weights.Retain()
	}
	if c.weights.Pool() != nil {
		c.weights.Release()
	}
	c.weights = o.weights
	return nil
}

func (e *encoder) clone(from *pool.Pool) (encoder, error) {
	c, err := e.core.clone(from)
	if err != nil {
		return encoder{}, err
	}
	o := newEncoder(c)
	o.duration = e.duration
	return o, nil
}

func (e *encoder) copyFrom(o *encoder) error {
	if err := e.core.copyFrom(o.core); err != nil {
		return err
	}
	e.duration = o.duration
	return nil
}

func (d *decoder) clone(from *pool.Pool) (decoder, error) {
	c, err := d.core.clone(from)
	if err != nil {
		return decoder{}, err
	}
	o := newDecoder(c)
	o.last, o.dred = d.last, d.dred
	return o, nil
}

func (d *decoder) copyFrom(o *decoder) error {
	if err := d.core.copyFrom(o.core); err != nil {
		return err
	}
	d.last = o.last
	return nil
}

// Clone makes a second encoder that goes on where this one is, options and all; its state is a block of from, or with nil of a pool of its
// own. The caller closes it.
func (e *Encoder) Clone(from *pool.Pool) (*Encoder, error) {
	o, err := e.clone(from)
	if err != nil {
		return nil, err
	}
	return &Encoder{o}, nil
}

// CopyFrom makes e go on where o is, options and all, by a copy of EncoderSize bytes: a clone taken earlier is restored, or one is
// brought up to date. Both must have been made for the same rate and channels.
func (e *Encoder) CopyFrom(o *Encoder) error { return e.copyFrom(&o.encoder) }

// Clone makes a second decoder that goes on where this one is, options and all; its state is a block of from, or with nil of a pool of its
// own. Both use one DRED, if any. The caller closes it.
func (d *Decoder) Clone(from *pool.Pool) (*Decoder, error) {
	o, err := d.clone(from)
	if err != nil {
		return nil, err
	}
	return &Decoder{o}, nil
}

// CopyFrom makes d go on where o is, options and all, by a copy of DecoderSize bytes: a clone taken earlier is restored, or one is
// brought up to date. Both must have been made for the same rate and channels.
func (d *Decoder) CopyFrom(o *Decoder) error { return d.copyFrom(&o.decoder) }

// Clone is that of Encoder.
func (e *MultistreamEncoder) Clone(from *pool.Pool) (*MultistreamEncoder, error) {
	o, err := e.clone(from)
	if err != nil {
		return nil, err
	}
	return &MultistreamEncoder{o}, nil
}

// CopyFrom is that of Encoder; both must have one layout.
func (e *MultistreamEncoder) CopyFrom(o *MultistreamEncoder) error { return e.copyFrom(&o.encoder) }

// Clone is that of Decoder.
func (d *MultistreamDecoder) Clone(from *pool.Pool) (*MultistreamDecoder, error) {
	o, err := d.clone(from)
	if err != nil {
		return nil, err
	}
	return &MultistreamDecoder{o}, nil
}

// CopyFrom is that of Decoder; both must have one layout.
func (d *MultistreamDecoder) CopyFrom(o *MultistreamDecoder) error { return d.copyFrom(&o.decoder) }

// Clone is that of Encoder.
func (e *ProjectionEncoder) Clone(from *pool.Pool) (*ProjectionEncoder, error) {
	o, err := e.clone(from)
	if err != nil {
		return nil, err
	}
	return &ProjectionEncoder{o}, nil
}

// CopyFrom is that of Encoder.
func (e *ProjectionEncoder) CopyFrom(o *ProjectionEncoder) error { return e.copyFrom(&o.encoder) }

// Clone is that of Decoder.
func (d *ProjectionDecoder) Clone(from *pool.Pool) (*ProjectionDecoder, error) {
	o, err := d.clone(from)
	if err != nil {
		return nil, err
	}
	return &ProjectionDecoder{o}, nil
}

// CopyFrom is that of Decoder; the matrix goes along.
func (d *ProjectionDecoder) CopyFrom(o *ProjectionDecoder) error { return d.copyFrom(&o.decoder) }
