package alsa

import "strconv"

// Format is how one sample is stored. The values are those of snd_pcm_format_t plus one, so that 0 means none was asked for.
type Format uint8

// LE is little-endian, BE big-endian; S is signed, U unsigned; Packed samples take 3 bytes, others of 18 to 24 bits the low bits of 4.
const (
	S8          Format = 1
	U8          Format = 2
	S16LE       Format = 3
	S16BE       Format = 4
	U16LE       Format = 5
	U16BE       Format = 6
	S24LE       Format = 7
	S24BE       Format = 8
	U24LE       Format = 9
	U24BE       Format = 10
	S32LE       Format = 11
	S32BE       Format = 12
	U32LE       Format = 13
	U32BE       Format = 14
	Float32LE   Format = 15 // -1 to 1
	Float32BE   Format = 16
	Float64LE   Format = 17
	Float64BE   Format = 18
	IEC958LE    Format = 19 // subframes of IEC 60958 (S/PDIF), 4 bytes
	IEC958BE    Format = 20
	MuLaw       Format = 21
	ALaw        Format = 22
	S20LE       Format = 26
	S20BE       Format = 27
	U20LE       Format = 28
	U20BE       Format = 29
	S24Packed   Format = 33 // little-endian
	S24PackedBE Format = 34
	U24Packed   Format = 35
	U24PackedBE Format = 36
	S20Packed   Format = 37
	S20PackedBE Format = 38
	U20Packed   Format = 39
	U20PackedBE Format = 40
	S18Packed   Format = 41
	S18PackedBE Format = 42
	U18Packed   Format = 43
	U18PackedBE Format = 44
	DSDU8       Format = 49 // 8 samples of one bit
	DSDU16LE    Format = 50
	DSDU32LE    Format = 51
	DSDU16BE    Format = 52
	DSDU32BE    Format = 53
)

type formatRow struct {
	format Format
	name   string // alsa-lib's
	bytes  int
}

// formatTable lists what Format knows, most usual first. What has no whole bytes a sample, or none of a fixed size, is left out.
func formatTable() []formatRow {
	return []formatRow{
		{S16LE, "S16_LE", 2}, {S32LE, "S32_LE", 4}, {S24LE, "S24_LE", 4}, {S24Packed, "S24_3LE", 3}, {Float32LE, "FLOAT_LE", 4},
		{S16BE, "S16_BE", 2}, {S32BE, "S32_BE", 4}, {Float64LE, "FLOAT64_LE", 8}, {U8, "U8", 1}, {S8, "S8", 1}, {MuLaw, "MU_LAW", 1},
		{ALaw, "A_LAW", 1}, {U16LE, "U16_LE", 2}, {U16BE, "U16_BE", 2}, {S24BE, "S24_BE", 4}, {U24LE, "U24_LE", 4}, {U24BE, "U24_BE", 4},
		{U32LE, "U32_LE", 4}, {U32BE, "U32_BE", 4}, {Float32BE, "FLOAT_BE", 4}, {Float64BE, "FLOAT64_BE", 8},
		{IEC958LE, "IEC958_SUBFRAME_LE", 4}, {IEC958BE, "IEC958_SUBFRAME_BE", 4}, {S20LE, "S20_LE", 4}, {S20BE, "S20_BE", 4},
		{U20LE, "U20_LE", 4}, {U20BE, "U20_BE", 4}, {S24PackedBE, "S24_3BE", 3}, {U24Packed, "U24_3LE", 3}, {U24PackedBE, "U24_3BE", 3},
		{S20Packed, "S20_3LE", 3}, {S20PackedBE, "S20_3BE", 3}, {U20Packed, "U20_3LE", 3}, {U20PackedBE, "U20_3BE", 3},
		{S18Packed, "S18_3LE", 3}, {S18PackedBE, "S18_3BE", 3}, {U18Packed, "U18_3LE", 3}, {U18PackedBE, "U18_3BE", 3},
		{DSDU8, "DSD_U8", 1}, {DSDU16LE, "DSD_U16_LE", 2}, {DSDU32LE, "DSD_U32_LE", 4}, {DSDU16BE, "DSD_U16_BE", 2}, {DSDU32BE, "DSD_U32_BE", 4},
	}
}

func (f Format) row() formatRow {
	for _, r := range formatTable() {
		if r.format == f {
			return r
		}
	}
	return formatRow{name: "format " + strconv.Itoa(int(f))}
}

// Bytes is the size of one sample, 0 if f is not one of the constants.
func (f Format) Bytes() int { return f.row().bytes }

// String is alsa-lib's name, as in aplay -f.
func (f Format) String() string { return f.row().name }

// Access is how frames move between a program and a device.
type Access uint8

const (
	// RWInterleaved copies frames, each with a sample of every channel.
	RWInterleaved Access = iota
	// RWPlanar copies channels that lie apart: a buffer holds all samples of the first, then all of the second, and so on.
	RWPlanar
	// MMapInterleaved shares the device's ring, in which frames lie whole.
	MMapInterleaved
	// MMapPlanar shares the device's ring, in which the channels lie apart.
	MMapPlanar
)

// String is alsa-lib's name.
func (a Access) String() string {
	names := [...]string{"RW_INTERLEAVED", "RW_NONINTERLEAVED", "MMAP_INTERLEAVED", "MMAP_NONINTERLEAVED"}
	if int(a) < len(names) {
		return names[a]
	}
	return "access " + strconv.Itoa(int(a))
}

// MMap reports whether the program reaches the device's own memory, by PCM.Begin.
func (a Access) MMap() bool { return a >= MMapInterleaved && a <= MMapPlanar }

// planar reports whether a buffer holds the channels one after another.
func (a Access) planar() bool { return a == RWPlanar || a == MMapPlanar }

// c is the value of snd_pcm_access_t, in which RW comes after MMAP.
func (a Access) c() uint32 { return (uint32(a) + 3) % 5 }

func accessOf(c uint32) Access { return Access((c + 2) % 5) }

// Clock is what a device's timestamps count from.
type Clock uint8

const (
	ClockMonotonic    Clock = iota // CLOCK_MONOTONIC: since the machine started, which time.Now's monotonic part counts too
	ClockMonotonicRaw              // CLOCK_MONOTONIC_RAW: the same without NTP's corrections
	ClockRealtime                  // CLOCK_REALTIME: since 1970, with its jumps
)

func (c Clock) String() string {
	names := [...]string{"monotonic", "monotonic raw", "realtime"}
	if int(c) < len(names) {
		return names[c]
	}
	return "clock " + strconv.Itoa(int(c))
}

// c is the value of snd_pcm_tstamp_type_t: gettimeofday, monotonic, monotonic raw.
func (c Clock) c() uint32 { return (uint32(c) + 1) % 3 }

func clockOf(c uint32) Clock { return Clock((c + 2) % 3) }
