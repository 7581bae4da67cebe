package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"
)

// oggFile is written under another name and gets its own when it is complete.
type oggFile struct {
	file   *os.File
	name   string
	last   *lastPage
	writer *oggwriter.Writer
	track  *oggwriter.Track
	packet rtp.Packet
}

// onlyFile hides Close from the Ogg writer: the file is synced first.
type onlyFile struct{ f *os.File }

func (o onlyFile) Write(b []byte) (int, error) { return o.f.Write(b) }

// lastPage is where the Ogg writer writes the last page again, to mark it as the last. Positions of that writer are sums of whole
// packets, but the sound seldom fills its last one: here the page also gets the position where the sound ends, and a player drops what
// comes behind it (RFC 7845, section 4.4).
type lastPage struct {
	*os.File
	end int64
}

// WriteAt writes an Ogg page (RFC 3533, section 6) with another position.
func (l *lastPage) WriteAt(page []byte, off int64) (int, error) {
	const lastOfStream = 4
	if len(page) < 27 || page[5]&lastOfStream == 0 {
		return l.File.WriteAt(page, off)
	}
	own := append([]byte(nil), page...)
	binary.LittleEndian.PutUint64(own[6:], uint64(l.end))
	binary.LittleEndian.PutUint32(own[22:], 0)
	binary.LittleEndian.PutUint32(own[22:], oggChecksum(own))
	return l.File.WriteAt(own, off)
}

// oggChecksum is the CRC-32 of RFC 3533: not reflected, begins at 0, ends without a complement, so hash/crc32 does not have it.
func oggChecksum(b []byte) (sum uint32) {
	for _, v := range b {
		sum ^= uint32(v) << 24
		for range 8 {
			high := sum >> 31
			sum = sum<<1 ^ high*0x04c11db7
		}
	}
	return sum
}

func createOgg(name string) (*oggFile, error) {
	o := &oggFile{name: name}
	partial := name + ".partial"
	if st, err := os.Stat(name); err == nil && !st.Mode().IsRegular() {
		partial = name // a device is written as it is
	}
	var err error
	if o.file, err = os.OpenFile(partial, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644); err != nil {
		return nil, err
	}
	const ssrc = 1
	o.packet.Version, o.packet.PayloadType, o.packet.SSRC = 2, 111, ssrc
	o.last = &lastPage{File: o.file}
	o.writer, err = oggwriter.NewWriter(onlyFile{o.file}, oggwriter.WithSampleRate(rate), oggwriter.WithChannelCount(1),
		oggwriter.WithVendor("poolgen examples/voice"), oggwriter.WithSeekableOutput(o.last))
	if err == nil {
		o.track, err = o.writer.NewTrack(ssrc)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("beginning %s: %w", name, err), o.finish(-1))
	}
	return o, nil
}

// write appends a packet, which ends at pts samples.
func (o *oggFile) write(pts int64, data []byte) error {
	o.packet.Timestamp, o.packet.Payload = uint32(pts), data
	o.packet.SequenceNumber++
	if err := o.track.WriteRTP(&o.packet); err != nil {
		return fmt.Errorf("writing %s: %w", o.name, err)
	}
	return nil
}

// finish says where in the stream the sound ends, in samples, and gives the file its name; or, if end is negative, removes what
// there is of it.
func (o *oggFile) finish(end int64) error {
	var err error
	if end >= 0 {
		o.last.end = end
		if err = o.writer.Close(); err == nil && o.file.Name() != o.name {
			err = o.file.Sync()
		}
	}
	err = errors.Join(err, o.file.Close())
	if o.file.Name() != o.name {
		if end >= 0 && err == nil {
			err = os.Rename(o.file.Name(), o.name)
		}
		if end < 0 || err != nil {
			err = errors.Join(err, os.Remove(o.file.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("finishing %s: %w", o.name, err)
	}
	return nil
}
