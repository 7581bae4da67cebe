package store

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// A segment is a file of little-endian words:
//
//	header   32 bytes   magic, salt, number, first ID, 0, CRC
//	records             each 44 bytes, see putRecord, and the frame as stored
//	index               40 bytes a record, see putEntry: only when it is sealed
//	trailer  64 bytes   magic, salt, records, where the index begins, oldest and newest time, first and last ID, CRC of the index, CRC
//
// Checksums are CRC-32C. The salt is a random number that the name has too, so that no copy of a record that is part of a frame, or that is
// left on the disk, passes as a record of this file; and so the header may be damaged.
const (
	headerSize  = 32
	recordSize  = 44
	entrySize   = 40
	trailerSize = 64

	headerMagic  = 0x31676573_6e677070 // "ppgnseg1"
	trailerMagic = 0x31786469_6e677070 // "ppgnidx1"
	recordMagic  = 0x46b29e71
)

// codec is how a frame is stored.
type codec uint8

const (
	asIs codec = iota
	zstdFrame
	codecs
)

// entry is where a frame is in its segment.
type entry struct {
	id     ID
	time   int64
	offset int64  // of the record
	stored uint32 // bytes behind the record's header
	size   uint32 // bytes of the frame
	sum    uint32 // CRC of the frame
	codec  codec
}

// end is where the next record begins.
func (e *entry) end() int64 { return e.offset + recordSize + int64(e.stored) }

const (
	maxFrame = 1 << 30 // bytes; no pool has larger blocks
	maxID    = 1 << 63 // all are below it, so that one more is no overflow
)

// sane reports whether the numbers fit each other and a segment of size bytes. What is compressed is smaller than its frame.
func (e *entry) sane(size int64) bool {
	return e.codec < codecs && e.offset >= headerSize && e.offset <= size-recordSize && int64(e.stored) <= size-recordSize-e.offset &&
		(e.stored == e.size || e.codec != asIs && e.stored < e.size) && e.size <= maxFrame && e.id < maxID
}

type checksum struct{ table *crc32.Table }

func newChecksum() checksum { return checksum{crc32.MakeTable(crc32.Castagnoli)} }

func (c checksum) of(b []byte) uint32               { return crc32.Checksum(b, c.table) }
func (c checksum) more(sum uint32, b []byte) uint32 { return crc32.Update(sum, c.table, b) }
func (c checksum) close(b []byte, n int)            { binary.LittleEndian.PutUint32(b[n-4:], c.of(b[:n-4])) }
func (c checksum) closed(b []byte, n int) bool {
	return binary.LittleEndian.Uint32(b[n-4:]) == c.of(b[:n-4])
}
func word(b []byte, at int) uint32       { return binary.LittleEndian.Uint32(b[at:]) }
func double(b []byte, at int) uint64     { return binary.LittleEndian.Uint64(b[at:]) }
func setWord(b []byte, at int, v uint32) { binary.LittleEndian.PutUint32(b[at:], v) }
func setDouble[T ~int64 | ~uint64](b []byte, at int, v T) {
	binary.LittleEndian.PutUint64(b[at:], uint64(v))
}

func (c checksum) putHeader(b []byte, salt, number uint32, first ID) {
	clear(b[:headerSize])
	setDouble(b, 0, uint64(headerMagic))
	setWord(b, 8, salt)
	setWord(b, 12, number)
	setDouble(b, 16, first)
	c.close(b, headerSize)
}

// first is the first ID that a segment may have, if its header is whole.
func (c checksum) first(b []byte, salt uint32) (ID, bool) {
	id := ID(double(b, 16))
	return id, double(b, 0) == headerMagic && word(b, 8) == salt && id < maxID && c.closed(b, headerSize)
}

func (c checksum) putRecord(b []byte, salt uint32, e entry) {
	setWord(b, 0, recordMagic)
	setWord(b, 4, uint32(e.codec))
	setWord(b, 8, salt)
	setWord(b, 12, e.size)
	setDouble(b, 16, e.id)
	setDouble(b, 24, e.time)
	setWord(b, 32, e.stored)
	setWord(b, 36, e.sum)
	c.close(b, recordSize)
}

// record reads the header of a record at an offset.
func (c checksum) record(b []byte, salt uint32, offset int64) (entry, bool) {
	if word(b, 0) != recordMagic || word(b, 8) != salt || !c.closed(b, recordSize) || word(b, 4) >= uint32(codecs) {
		return entry{}, false
	}
	return entry{
		id: ID(double(b, 16)), time: int64(double(b, 24)), offset: offset,
		stored: word(b, 32), size: word(b, 12), sum: word(b, 36), codec: codec(word(b, 4)),
	}, true
}

func putEntry(b []byte, e entry) {
	setDouble(b, 0, e.id)
	setDouble(b, 8, e.time)
	setDouble(b, 16, e.offset)
	setWord(b, 24, e.stored)
	setWord(b, 28, e.size)
	setWord(b, 32, e.sum)
	setWord(b, 36, uint32(e.codec))
}

func getEntry(b []byte) entry {
	return entry{
		id: ID(double(b, 0)), time: int64(double(b, 8)), offset: int64(double(b, 16)),
		stored: word(b, 24), size: word(b, 28), sum: word(b, 32), codec: codec(min(word(b, 36), math.MaxUint8)),
	}
}

// extent is what a segment holds.
type extent struct {
	count       int
	first, last ID
	min, max    int64 // times
	size        int64 // bytes of header and records, and so where the index begins
}

// add notes one more record.
func (x *extent) add(e entry) {
	if x.count == 0 {
		x.first, x.min, x.max = e.id, e.time, e.time
	}
	x.count++
	x.last, x.min, x.max, x.size = e.id, min(x.min, e.time), max(x.max, e.time), e.end()
}

// sane reports whether the numbers fit each other: so many records have room, and so many IDs.
func (x *extent) sane() bool {
	return x.count >= 0 && x.size >= headerSize && int64(x.count) <= (x.size-headerSize)/recordSize && x.size <= 1<<40 && x.last < maxID &&
		(x.count == 0 || x.min <= x.max && x.first <= x.last && x.last-x.first >= ID(x.count-1))
}

// total is the size of a sealed segment.
func (x *extent) total() int64 { return x.size + int64(x.count)*entrySize + trailerSize }

// index is what seals a segment: the entries and the trailer.
func (c checksum) index(salt uint32, x extent, entries []entry) []byte {
	b := make([]byte, len(entries)*entrySize+trailerSize)
	for i, e := range entries {
		putEntry(b[i*entrySize:], e)
	}
	t := b[len(entries)*entrySize:]
	setDouble(t, 0, uint64(trailerMagic))
	setWord(t, 8, salt)
	setWord(t, 12, uint32(x.count))
	setDouble(t, 16, x.size)
	setDouble(t, 24, x.min)
	setDouble(t, 32, x.max)
	setDouble(t, 40, x.first)
	setDouble(t, 48, x.last)
	setWord(t, 56, c.of(b[:len(entries)*entrySize]))
	c.close(t, trailerSize)
	return b
}

// trailer reads the trailer of a segment of size bytes in all, and the checksum of its index.
func (c checksum) trailer(t []byte, salt uint32, size int64) (extent, uint32, bool) {
	x := extent{
		count: int(int32(word(t, 12))), size: int64(double(t, 16)), min: int64(double(t, 24)), max: int64(double(t, 32)),
		first: ID(double(t, 40)), last: ID(double(t, 48)),
	}
	ok := double(t, 0) == trailerMagic && word(t, 8) == salt && c.closed(t, trailerSize) && x.sane() && x.total() == size
	return x, word(t, 56), ok
}
