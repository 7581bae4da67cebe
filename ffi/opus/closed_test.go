package opus_test

import (
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/ffi/opus"
	"github.com/poolgen/poolgen/runtime/pool"
)

// coders are one of each type, stereo, and of streams.
func coders(t *testing.T) (list []any) {
	t.Helper()
	add := func(v any, err error) {
		t.Helper()
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			t.Logf("not in this libopus: %v", err)
		case err != nil:
			t.Fatal(err)
		default:
			list = append(list, v)
		}
	}
	e, d := encoder(t, opus.EncoderConfig{}), decoder(t)
	list = append(list, e, d)
	layout := opus.Layout{Streams: 1, Coupled: 1, Mapping: []byte{0, 1}}
	me, err := opus.NewMultistreamEncoder(opus.MultistreamEncoderConfig{SampleRate: rate, Channels: 2, Layout: layout})
	add(me, err)
	es, err := me.Stream(0)
	add(es, err)
	md, err := opus.NewMultistreamDecoder(opus.MultistreamDecoderConfig{SampleRate: rate, Channels: 2, Layout: layout})
	add(md, err)
	ds, err := md.Stream(0)
	add(ds, err)
	pe, err := opus.NewProjectionEncoder(opus.ProjectionEncoderConfig{SampleRate: rate, Channels: 4})
	add(pe, err)
	if err == nil {
		matrix, _, err := pe.Demixing()
		if err != nil {
			t.Fatal(err)
		}
		streams, coupled := pe.Streams()
		pd, err := opus.NewProjectionDecoder(opus.ProjectionDecoderConfig{SampleRate: rate, Channels: 4, Streams: streams, Coupled: coupled, Demixing: matrix})
		add(pd, err)
	}
	r, err := opus.NewRepacketizer(nil)
	add(r, err)
	dred, err := opus.NewDRED(nil)
	add(dred, err)
	return list
}

// Every method of every type, also those that are still to come, answers ErrClosed after Close, or needs no state.
func TestEveryMethodAfterClose(t *testing.T) {
	blocks, err := pool.New(max(opus.MaxPacket, 960*4*4), pool.Options{Max: 2})
	if err != nil {
		t.Fatal(err)
	}
	var bufs [2]pool.Buf
	for i := range bufs {
		if bufs[i], err = blocks.Get(); err != nil {
			t.Fatal(err)
		}
	}
	list := coders(t)
	open := coders(t)
	for _, v := range list {
		if c, ok := v.(interface{ Close() error }); ok {
			if err := errors.Join(c.Close(), c.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	// These need no state.
	free := map[string]bool{"Close": true, "Channels": true, "SampleRate": true, "Streams": true, "Layout": true}
	ints := map[string]int{"SetBitrate": 64_000, "SetLSBDepth": 16, "Parse": rate}
	called := 0
	for _, v := range list {
		for m := range reflect.ValueOf(v).Methods() {
			if free[m.Name] {
				continue
			}
			fn := reflect.ValueOf(v).MethodByName(m.Name)
			var args []reflect.Value
			for i := range fn.Type().NumIn() {
				in := fn.Type().In(i)
				switch {
				case in == reflect.TypeFor[pool.Buf]():
					b := bufs[i%2]
					b.SetLen(960 * 4)
					args = append(args, reflect.ValueOf(b))
				case in == reflect.TypeFor[[]byte]():
					args = append(args, reflect.ValueOf([]byte{0xfc, 1, 2, 3}))
				case in.Kind() == reflect.Slice:
					args = append(args, reflect.MakeSlice(in, 960*4, 960*4))
				case in.Kind() == reflect.Pointer && in != reflect.TypeFor[*pool.Pool]():
					other := reflect.Zero(in)
					for _, o := range open {
						if reflect.TypeOf(o) == in {
							other = reflect.ValueOf(o)
						}
					}
					args = append(args, other)
				case in == reflect.TypeFor[opus.FrameSize]():
					args = append(args, reflect.ValueOf(opus.FrameSize20ms))
				case in == reflect.TypeFor[opus.Bandwidth]():
					args = append(args, reflect.ValueOf(opus.Fullband))
				case in.Kind() == reflect.Int:
					n := 1
					if ints[m.Name] != 0 {
						n = ints[m.Name]
					}
					args = append(args, reflect.ValueOf(n))
				default:
					args = append(args, reflect.Zero(in))
				}
			}
			out := fn.Call(args)
			called++
			if err, _ := out[len(out)-1].Interface().(error); !errors.Is(err, opus.ErrClosed) {
				t.Errorf("%T.%s after Close: %v", v, m.Name, err)
			}
		}
	}
	if called < 150 {
		t.Errorf("%d methods were called", called)
	}
	for _, b := range bufs {
		b.Release()
	}
	if err := blocks.Close(); err != nil {
		t.Errorf("after Close something is held: %v", err)
	}
	for _, v := range open {
		if c, ok := v.(interface{ Close() error }); ok {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// A pool whose blocks are too small for a state is refused with both sizes, and has its block back.
func TestStatesThatDoNotFit(t *testing.T) {
	small, err := pool.New(64, pool.Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range coders(t) {
		clone := reflect.ValueOf(v).MethodByName("Clone")
		if !clone.IsValid() {
			continue
		}
		out := clone.Call([]reflect.Value{reflect.ValueOf(small)})
		err, _ := out[1].Interface().(error)
		if err == nil || !strings.Contains(err.Error(), "has 64 bytes, the state of the ") || !out[0].IsNil() {
			t.Errorf("%T: %v, %v", v, out[0], err)
		}
		if s := small.Stats(); s.Outstanding != 0 {
			t.Errorf("%T: %d blocks are out", v, s.Outstanding)
		}
		if c, ok := v.(interface{ Close() error }); ok {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := opus.NewRepacketizer(small); err == nil {
		t.Error("a repacketizer fits in 64 bytes")
	}
	if err := small.Close(); err != nil {
		t.Error(err)
	}
	// A byte is enough to be too few.
	size, err := opus.EncoderSize(2)
	if err != nil {
		t.Fatal(err)
	}
	short, err := pool.New((size-1)&^63, pool.Options{Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	if e, err := opus.NewEncoder(opus.EncoderConfig{SampleRate: rate, Channels: 2, State: short}); err == nil {
		t.Errorf("a state of %d bytes fits in %d", size, (size-1)&^63)
		_ = e.Close()
	}
	if err := short.Close(); err != nil {
		t.Error(err)
	}
}

// Numbers that no C int holds, or that libopus would multiply beyond one, are refused, never cut to some that are right.
func TestSizesOfNonsense(t *testing.T) {
	numbers := []int{0, -1, 3, 256, math.MaxInt32, -math.MaxInt32}
	if one := int64(1); strconv.IntSize == 64 {
		numbers = append(numbers, int(one<<32+1), int(-one<<32+1)) // of which 1 is left in 32 bits
	}
	for _, streams := range [][2]int{{200, 56}, {256, 0}, {1, 2}} {
		if n, err := opus.MultistreamEncoderSize(streams[0], streams[1]); !errors.Is(err, opus.BadArg) || n != 0 {
			t.Errorf("streams %v: %d bytes, %v", streams, n, err)
		}
	}
	if n, err := opus.MultistreamDecoderSize(200, 55); err != nil || n < 200*1000 {
		t.Errorf("as many streams as there can be: %d bytes, %v", n, err)
	}
	for _, n := range numbers {
		sizes := map[string]func() (int, error){
			"encoder": func() (int, error) { return opus.EncoderSize(n) },
			"decoder": func() (int, error) { return opus.DecoderSize(n) },
		}
		if n != 3 { // streams or channels that there are
			sizes["multistream encoder"] = func() (int, error) { return opus.MultistreamEncoderSize(n, 0) }
			sizes["multistream encoder, stereo"] = func() (int, error) { return opus.MultistreamEncoderSize(max(n, 1), n|1<<20) }
			sizes["multistream decoder"] = func() (int, error) { return opus.MultistreamDecoderSize(n, 0) }
			sizes["surround encoder"] = func() (int, error) { return opus.SurroundEncoderSize(n, 255) }
			sizes["surround encoder of a family"] = func() (int, error) { return opus.SurroundEncoderSize(2, n|1<<20) }
			sizes["projection encoder"] = func() (int, error) { return opus.ProjectionEncoderSize(n) }
			sizes["projection decoder"] = func() (int, error) { return opus.ProjectionDecoderSize(n, 1, 0) }
			sizes["projection decoder's streams"] = func() (int, error) { return opus.ProjectionDecoderSize(4, n, 0) }
		}
		for name, size := range sizes {
			if got, err := size(); err == nil || got != 0 {
				t.Errorf("%s of %d: %d bytes, %v", name, n, got, err)
			}
		}
	}
}
