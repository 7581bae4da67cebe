package store

// appender adds records to a file, small ones together.
type appender struct {
	f     file
	salt  uint32
	small []byte // headers and small frames on their way to the file
	at    int64  // where small goes
}

func (a *appender) start(f file, salt uint32, at int64) {
	if a.small == nil {
		a.small = make([]byte, 0, 64<<10)
	}
	a.f, a.salt, a.at, a.small = f, salt, at, a.small[:0]
}

// end is where the next record goes.
func (a *appender) end() int64 { return a.at + int64(len(a.small)) }

// add adds a record, whose frame is stored as in stored.
func (a *appender) add(crc checksum, e entry, stored []byte) error {
	const large = 16 << 10
	if len(a.small)+recordSize+min(len(stored), large) > cap(a.small) {
		if err := a.drain(); err != nil {
			return err
		}
	}
	n := len(a.small)
	a.small = a.small[:n+recordSize]
	crc.putRecord(a.small[n:], a.salt, e)
	if len(stored) < large {
		a.small = append(a.small, stored...)
		return nil
	}
	if err := a.drain(); err != nil {
		return err
	}
	_, err := a.f.WriteAt(stored, a.at)
	a.at += int64(len(stored))
	return err
}

// drain writes what is in small.
func (a *appender) drain() error {
	if len(a.small) == 0 {
		return nil
	}
	_, err := a.f.WriteAt(a.small, a.at)
	a.at += int64(len(a.small))
	a.small = a.small[:0]
	return err
}
