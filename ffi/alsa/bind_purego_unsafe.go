//go:build !cgo

package alsa

import (
	"sync"
	"unsafe"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/runtime/dl"
)

// Pointers to what alsa-lib allocates: snd_pcm_t *, snd_pcm_hw_params_t *, snd_pcm_sw_params_t *.
type (
	handle   unsafe.Pointer
	hwParams unsafe.Pointer
	swParams = unsafe.Pointer
)

// library is libasound as loaded. Each field is the C function of its comment; snd_pcm_sframes_t and snd_pcm_uframes_t are long.
type library struct {
	openFn         func(h *handle, name string, dir int32, mode int32) Code  // int snd_pcm_open(snd_pcm_t **, const char *, snd_pcm_stream_t, int)
	close          func(h handle) Code                                       // int snd_pcm_close(snd_pcm_t *)
	nonblock       func(h handle, on int32) Code                             // int snd_pcm_nonblock(snd_pcm_t *, int)
	hwMalloc       func(hw *hwParams) Code                                   // int snd_pcm_hw_params_malloc(snd_pcm_hw_params_t **)
	hwFree         func(hw hwParams)                                         // void snd_pcm_hw_params_free(snd_pcm_hw_params_t *)
	hwAny          func(h handle, hw hwParams) Code                          // int snd_pcm_hw_params_any(snd_pcm_t *, snd_pcm_hw_params_t *)
	hwSetAccess    func(h handle, hw hwParams, access int32) Code            // int snd_pcm_hw_params_set_access(.., snd_pcm_access_t)
	hwSetFormatFn  func(h handle, hw hwParams, f int32) Code                 // int snd_pcm_hw_params_set_format(.., snd_pcm_format_t)
	hwTestFormatFn func(h handle, hw hwParams, f int32) Code                 // int snd_pcm_hw_params_test_format(.., snd_pcm_format_t)
	hwChannelsMin  func(hw hwParams, n *uint32) Code                         // int snd_pcm_hw_params_get_channels_min(const snd_pcm_hw_params_t *, unsigned *)
	hwChannelsMax  func(hw hwParams, n *uint32) Code                         // int snd_pcm_hw_params_get_channels_max(..)
	hwSetChannels  func(h handle, hw hwParams, n uint32) Code                // int snd_pcm_hw_params_set_channels(.., unsigned)
	hwRateMin      func(hw hwParams, n *uint32, dir *int32) Code             // int snd_pcm_hw_params_get_rate_min(const snd_pcm_hw_params_t *, unsigned *, int *)
	hwRateMax      func(hw hwParams, n *uint32, dir *int32) Code             // int snd_pcm_hw_params_get_rate_max(..)
	hwSetRateFn    func(h handle, hw hwParams, n uint32, dir int32) Code     // int snd_pcm_hw_params_set_rate(.., unsigned, int)
	hwRateNear     func(h handle, hw hwParams, n *uint32, dir *int32) Code   // int snd_pcm_hw_params_set_rate_near(.., unsigned *, int *)
	hwPeriodNear   func(h handle, hw hwParams, n *uint, dir *int32) Code     // int snd_pcm_hw_params_set_period_size_near(.., snd_pcm_uframes_t *, int *)
	hwBufferNear   func(h handle, hw hwParams, n *uint) Code                 // int snd_pcm_hw_params_set_buffer_size_near(.., snd_pcm_uframes_t *)
	hwApply        func(h handle, hw hwParams) Code                          // int snd_pcm_hw_params(snd_pcm_t *, snd_pcm_hw_params_t *)
	hwGetRate      func(hw hwParams, n *uint32, dir *int32) Code             // int snd_pcm_hw_params_get_rate(..)
	hwGetChannels  func(hw hwParams, n *uint32) Code                         // int snd_pcm_hw_params_get_channels(..)
	hwGetFormat    func(hw hwParams, f *int32) Code                          // int snd_pcm_hw_params_get_format(.., snd_pcm_format_t *)
	hwGetPeriod    func(hw hwParams, n *uint, dir *int32) Code               // int snd_pcm_hw_params_get_period_size(.., snd_pcm_uframes_t *, int *)
	hwGetBuffer    func(hw hwParams, n *uint) Code                           // int snd_pcm_hw_params_get_buffer_size(.., snd_pcm_uframes_t *)
	swMalloc       func(sw *swParams) Code                                   // int snd_pcm_sw_params_malloc(snd_pcm_sw_params_t **)
	swFree         func(sw swParams)                                         // void snd_pcm_sw_params_free(snd_pcm_sw_params_t *)
	swCurrent      func(h handle, sw swParams) Code                          // int snd_pcm_sw_params_current(snd_pcm_t *, snd_pcm_sw_params_t *)
	swStart        func(h handle, sw swParams, n uint) Code                  // int snd_pcm_sw_params_set_start_threshold(.., snd_pcm_uframes_t)
	swAvailMin     func(h handle, sw swParams, n uint) Code                  // int snd_pcm_sw_params_set_avail_min(.., snd_pcm_uframes_t)
	swSet          func(h handle, sw swParams) Code                          // int snd_pcm_sw_params(snd_pcm_t *, snd_pcm_sw_params_t *)
	prepare        func(h handle) Code                                       // int snd_pcm_prepare(snd_pcm_t *)
	resume         func(h handle) Code                                       // int snd_pcm_resume(snd_pcm_t *)
	drop           func(h handle) Code                                       // int snd_pcm_drop(snd_pcm_t *)
	drain          func(h handle) Code                                       // int snd_pcm_drain(snd_pcm_t *)
	state          func(h handle) State                                      // snd_pcm_state_t snd_pcm_state(snd_pcm_t *)
	avail          func(h handle) int                                        // snd_pcm_sframes_t snd_pcm_avail(snd_pcm_t *)
	delayFn        func(h handle, n *int) Code                               // int snd_pcm_delay(snd_pcm_t *, snd_pcm_sframes_t *)
	fdCount        func(h handle) int32                                      // int snd_pcm_poll_descriptors_count(snd_pcm_t *)
	fdList         func(h handle, fds unsafe.Pointer, n uint32) int32        // int snd_pcm_poll_descriptors(snd_pcm_t *, struct pollfd *, unsigned)
	hintList       func(card int32, iface string, list *unsafe.Pointer) Code // int snd_device_name_hint(int, const char *, void ***)
	hintGet        func(h unsafe.Pointer, id string) unsafe.Pointer          // char *snd_device_name_get_hint(const void *, const char *)
	hintFree       func(list unsafe.Pointer) Code                            // int snd_device_name_free_hint(void **)
	free           func(p unsafe.Pointer)                                    // void free(void *)

	// What a period needs goes through call, which does not allocate.
	call    dl.Caller
	readFn  uintptr // snd_pcm_sframes_t snd_pcm_readi(snd_pcm_t *, void *, snd_pcm_uframes_t)
	writeFn uintptr // snd_pcm_sframes_t snd_pcm_writei(snd_pcm_t *, const void *, snd_pcm_uframes_t)
	events  uintptr // int snd_pcm_poll_descriptors_revents(snd_pcm_t *, struct pollfd *, unsigned, unsigned short *)

	ear *ear
}

// load opens libasound once in a process and keeps it.
var load = sync.OnceValues(func() (*library, error) {
	return loadFrom(libasound())
})

func libasound() dl.Library {
	return dl.Library{Sonames: []string{"libasound.so.2"}, Package: "libasound2"}
}

func loadFrom(name dl.Library) (*library, error) {
	so, err := dl.Open(name)
	if err != nil {
		return nil, err
	}
	l := &library{}
	for _, f := range []struct {
		fn   any
		name string
	}{
		{&l.openFn, "snd_pcm_open"},
		{&l.close, "snd_pcm_close"},
		{&l.nonblock, "snd_pcm_nonblock"},
		{&l.hwMalloc, "snd_pcm_hw_params_malloc"},
		{&l.hwFree, "snd_pcm_hw_params_free"},
		{&l.hwAny, "snd_pcm_hw_params_any"},
		{&l.hwSetAccess, "snd_pcm_hw_params_set_access"},
		{&l.hwSetFormatFn, "snd_pcm_hw_params_set_format"},
		{&l.hwTestFormatFn, "snd_pcm_hw_params_test_format"},
		{&l.hwChannelsMin, "snd_pcm_hw_params_get_channels_min"},
		{&l.hwChannelsMax, "snd_pcm_hw_params_get_channels_max"},
		{&l.hwSetChannels, "snd_pcm_hw_params_set_channels"},
		{&l.hwRateMin, "snd_pcm_hw_params_get_rate_min"},
		{&l.hwRateMax, "snd_pcm_hw_params_get_rate_max"},
		{&l.hwSetRateFn, "snd_pcm_hw_params_set_rate"},
		{&l.hwRateNear, "snd_pcm_hw_params_set_rate_near"},
		{&l.hwPeriodNear, "snd_pcm_hw_params_set_period_size_near"},
		{&l.hwBufferNear, "snd_pcm_hw_params_set_buffer_size_near"},
		{&l.hwApply, "snd_pcm_hw_params"},
		{&l.hwGetRate, "snd_pcm_hw_params_get_rate"},
		{&l.hwGetChannels, "snd_pcm_hw_params_get_channels"},
		{&l.hwGetFormat, "snd_pcm_hw_params_get_format"},
		{&l.hwGetPeriod, "snd_pcm_hw_params_get_period_size"},
		{&l.hwGetBuffer, "snd_pcm_hw_params_get_buffer_size"},
		{&l.swMalloc, "snd_pcm_sw_params_malloc"},
		{&l.swFree, "snd_pcm_sw_params_free"},
		{&l.swCurrent, "snd_pcm_sw_params_current"},
		{&l.swStart, "snd_pcm_sw_params_set_start_threshold"},
		{&l.swAvailMin, "snd_pcm_sw_params_set_avail_min"},
		{&l.swSet, "snd_pcm_sw_params"},
		{&l.prepare, "snd_pcm_prepare"},
		{&l.resume, "snd_pcm_resume"},
		{&l.drop, "snd_pcm_drop"},
		{&l.drain, "snd_pcm_drain"},
		{&l.state, "snd_pcm_state"},
		{&l.avail, "snd_pcm_avail"},
		{&l.delayFn, "snd_pcm_delay"},
		{&l.fdCount, "snd_pcm_poll_descriptors_count"},
		{&l.fdList, "snd_pcm_poll_descriptors"},
		{&l.hintList, "snd_device_name_hint"},
		{&l.hintGet, "snd_device_name_get_hint"},
		{&l.hintFree, "snd_device_name_free_hint"},
		{&l.free, "free"}, // of the C library that libasound depends on
	} {
		if err := so.Func(f.fn, f.name); err != nil {
			return nil, err
		}
	}
	for _, f := range []struct {
		fn   *uintptr
		name string
	}{
		{&l.readFn, "snd_pcm_readi"},
		{&l.writeFn, "snd_pcm_writei"},
		{&l.events, "snd_pcm_poll_descriptors_revents"},
	} {
		if *f.fn, err = so.Sym(f.name); err != nil {
			return nil, err
		}
	}
	l.ear, err = newEar(so)
	return l, err
}

func (l *library) open(name string, dir Direction) (handle, Code) {
	h := new(handle)
	code := l.openFn(h, name, int32(dir), 1) // SND_PCM_NONBLOCK
	return *h, code
}

func (l *library) hwNew(h handle) (hwParams, Code) {
	hw := new(hwParams)
	if code := l.hwMalloc(hw); code < 0 {
		return nil, code
	}
	if code := l.hwAny(h, *hw); code < 0 {
		l.hwFree(*hw)
		return nil, code
	}
	return *hw, 0
}

func (l *library) hwSetInterleaved(h handle, hw hwParams) Code {
	return l.hwSetAccess(h, hw, 3) // SND_PCM_ACCESS_RW_INTERLEAVED
}

func (l *library) hwSetFormat(h handle, hw hwParams, f Format) Code {
	return l.hwSetFormatFn(h, hw, int32(f)-1)
}

func (l *library) hwTestFormat(h handle, hw hwParams, f Format) Code {
	return l.hwTestFormatFn(h, hw, int32(f)-1)
}

func (l *library) hwChannels(hw hwParams) (lo, hi uint32, code Code) {
	n := new([2]uint32)
	code = min(l.hwChannelsMin(hw, &n[0]), l.hwChannelsMax(hw, &n[1]))
	return n[0], n[1], code
}

func (l *library) hwRates(hw hwParams) (lo, hi uint32, code Code) {
	n, dir := new([2]uint32), new(int32)
	code = min(l.hwRateMin(hw, &n[0], dir), l.hwRateMax(hw, &n[1], dir))
	return n[0], n[1], code
}

func (l *library) hwSetRate(h handle, hw hwParams, rate uint32) Code {
	return l.hwSetRateFn(h, hw, rate, 0)
}

func (l *library) hwSetRateNear(h handle, hw hwParams, rate uint32) (uint32, Code) {
	n := new(uint32)
	*n = rate
	code := l.hwRateNear(h, hw, n, new(int32))
	return *n, code
}

func (l *library) hwSetPeriodNear(h handle, hw hwParams, frames int) (int, Code) {
	n := new(uint)
	*n = uint(frames)
	code := l.hwPeriodNear(h, hw, n, new(int32))
	return int(*n), code
}

func (l *library) hwSetBufferNear(h handle, hw hwParams, frames int) (int, Code) {
	n := new(uint)
	*n = uint(frames)
	code := l.hwBufferNear(h, hw, n)
	return int(*n), code
}

func (l *library) hwCurrent(hw hwParams) (Config, Code) {
	rate, channels, format, dir := new(uint32), new(uint32), new(int32), new(int32)
	period, buffer := new(uint), new(uint)
	code := min(l.hwGetRate(hw, rate, dir), l.hwGetChannels(hw, channels), l.hwGetFormat(hw, format),
		l.hwGetPeriod(hw, period, dir), l.hwGetBuffer(hw, buffer))
	return Config{Rate: int(*rate), Channels: int(*channels), Format: Format(*format + 1), Period: int(*period), Buffer: int(*buffer)}, code
}

func (l *library) swApply(h handle, start, wake int) Code {
	sw := new(swParams)
	if code := l.swMalloc(sw); code < 0 {
		return code
	}
	defer l.swFree(*sw)
	return min(l.swCurrent(h, *sw), l.swStart(h, *sw, uint(start)), l.swAvailMin(h, *sw, uint(wake)), l.swSet(h, *sw))
}

// readi fills b, which holds at least that many frames and is not empty. say gets what alsa-lib says about a negative result,
// ended by a zero byte.
func (l *library) readi(h handle, b []byte, frames int, say []byte) int {
	return l.move(l.readFn, h, b, frames, say)
}

// writei plays b, and is otherwise readi.
func (l *library) writei(h handle, b []byte, frames int, say []byte) int {
	return l.move(l.writeFn, h, b, frames, say)
}

func (l *library) move(fn uintptr, h handle, b []byte, frames int, say []byte) int {
	before := l.ear.attend()
	n := int(l.call.Call(fn, uintptr(unsafe.Pointer(h)), uintptr(unsafe.Pointer(&b[0])), uintptr(frames), 0, 0, 0, 0, 0))
	text := l.ear.leave(before)
	if n >= 0 {
		text = ""
	}
	say[copy(say[:len(say)-1], text)] = 0
	return n
}

func (l *library) delay(h handle) (int, Code) {
	n := new(int)
	code := l.delayFn(h, n)
	return *n, code
}

func (l *library) pollCount(h handle) int { return int(l.fdCount(h)) }

func (l *library) pollDescriptors(h handle, fds []sys.PollFD) int {
	return int(l.fdList(h, unsafe.Pointer(&fds[0]), uint32(len(fds))))
}

// pollRevents turns what poll(2) found in fds into one set of events.
func (l *library) pollRevents(h handle, fds []sys.PollFD, events *uint16) Code {
	return Code(int32(l.call.Call(l.events, uintptr(unsafe.Pointer(h)), uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)), uintptr(unsafe.Pointer(events)), 0, 0, 0, 0)))
}

func (l *library) hints() ([]hint, Code) {
	first := new(unsafe.Pointer)
	if code := l.hintList(-1, "pcm", first); code < 0 {
		return nil, code
	}
	defer l.hintFree(*first)
	get := func(entry unsafe.Pointer, id string) string {
		s := l.hintGet(entry, id)
		defer l.free(s)
		return goString(s)
	}
	var all []hint
	for at := (*unsafe.Pointer)(*first); *at != nil; at = (*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(at), unsafe.Sizeof(*at))) {
		all = append(all, hint{get(*at, "NAME"), get(*at, "DESC"), get(*at, "IOID")})
	}
	return all, 0
}

// goString copies a C string, which may be nil.
func goString(p unsafe.Pointer) string {
	if p == nil {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(p), n))
}
