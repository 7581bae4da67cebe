//go:build !cgo

package opus

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/poolgen/poolgen/runtime/dl"
)

// library is libopus, loaded at run time. Each field is the address of a C function, whose prototype stands beside it.
type library struct {
	call dl.Caller

	getVersionString uintptr // const char *opus_get_version_string(void)
	encGetSize       uintptr // int opus_encoder_get_size(int channels)
	encInit          uintptr // int opus_encoder_init(OpusEncoder *st, opus_int32 Fs, int channels, int application)
	enc              uintptr // opus_int32 opus_encode(OpusEncoder *st, const opus_int16 *pcm, int frame_size, unsigned char *data, opus_int32 max_data_bytes)
	encCtl           uintptr // int opus_encoder_ctl(OpusEncoder *st, int request, ...): an opus_int32 or an opus_int32 *
	decGetSize       uintptr // int opus_decoder_get_size(int channels)
	decInit          uintptr // int opus_decoder_init(OpusDecoder *st, opus_int32 Fs, int channels)
	dec              uintptr // int opus_decode(OpusDecoder *st, const unsigned char *data, opus_int32 len, opus_int16 *pcm, int frame_size, int decode_fec)
	decCtl           uintptr // int opus_decoder_ctl(OpusDecoder *st, int request, ...)
}

func openLibrary() (*library, error) {
	return openFrom(dl.Library{Sonames: []string{"libopus.so.0"}, Package: "libopus0"})
}

func openFrom(of dl.Library) (*library, error) {
	lib, err := dl.Open(of)
	if err != nil {
		return nil, fmt.Errorf("opus: %w", err)
	}
	l := &library{}
	for name, fn := range map[string]*uintptr{
		"opus_get_version_string": &l.getVersionString,
		"opus_encoder_get_size":   &l.encGetSize, "opus_encoder_init": &l.encInit, "opus_encode": &l.enc, "opus_encoder_ctl": &l.encCtl,
		"opus_decoder_get_size": &l.decGetSize, "opus_decoder_init": &l.decInit, "opus_decode": &l.dec, "opus_decoder_ctl": &l.decCtl,
	} {
		p, e := lib.Sym(name)
		*fn, err = p, errors.Join(err, e)
	}
	if err != nil {
		return nil, fmt.Errorf("opus: %w", err)
	}
	return l, nil
}

// arg is a C int or opus_int32 in a register or stack slot.
func arg(v int32) uintptr { return uintptr(uint32(v)) }

// version is what libopus calls itself.
func (l *library) version() string {
	p := l.call.Call(l.getVersionString, 0, 0, 0, 0, 0, 0, 0, 0)
	// The string is static in libopus.
	s := *(*unsafe.Pointer)(unsafe.Pointer(&p))
	n := 0
	for *(*byte)(unsafe.Add(s, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(s), n))
}

func (l *library) encoderSize(channels int32) int32 {
	return int32(l.call.Call(l.encGetSize, arg(channels), 0, 0, 0, 0, 0, 0, 0))
}

func (l *library) decoderSize(channels int32) int32 {
	return int32(l.call.Call(l.decGetSize, arg(channels), 0, 0, 0, 0, 0, 0, 0))
}

func (l *library) encoderInit(st unsafe.Pointer, rate, channels, application int32) int32 {
	return int32(l.call.Call(l.encInit, uintptr(st), arg(rate), arg(channels), arg(application), 0, 0, 0, 0))
}

func (l *library) decoderInit(st unsafe.Pointer, rate, channels int32) int32 {
	return int32(l.call.Call(l.decInit, uintptr(st), arg(rate), arg(channels), 0, 0, 0, 0, 0))
}

func (l *library) encode(st, pcm unsafe.Pointer, samples int32, data unsafe.Pointer, size int32) int32 {
	return int32(l.call.Call(l.enc, uintptr(st), uintptr(pcm), arg(samples), uintptr(data), arg(size), 0, 0, 0))
}

func (l *library) decode(st, data unsafe.Pointer, size int32, pcm unsafe.Pointer, samples, fec int32) int32 {
	return int32(l.call.Call(l.dec, uintptr(st), uintptr(data), arg(size), uintptr(pcm), arg(samples), arg(fec), 0, 0))
}

func (l *library) encoderSet(st unsafe.Pointer, request, value int32) int32 {
	return int32(l.call.Call(l.encCtl, uintptr(st), arg(request), arg(value), 0, 0, 0, 0, 0))
}

func (l *library) encoderGet(st unsafe.Pointer, request int32) (value, result int32) {
	v := new(int32)
	r := l.call.Call(l.encCtl, uintptr(st), arg(request), uintptr(unsafe.Pointer(v)), 0, 0, 0, 0, 0)
	return *v, int32(r)
}

func (l *library) decoderSet(st unsafe.Pointer, request, value int32) int32 {
	return int32(l.call.Call(l.decCtl, uintptr(st), arg(request), arg(value), 0, 0, 0, 0, 0))
}

func (l *library) decoderGet(st unsafe.Pointer, request int32) (value, result int32) {
	v := new(int32)
	r := l.call.Call(l.decCtl, uintptr(st), arg(request), uintptr(unsafe.Pointer(v)), 0, 0, 0, 0, 0)
	return *v, int32(r)
}
