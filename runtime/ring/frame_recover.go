package ring

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/poolgen/poolgen/internal/sys"
)

// format commits the memory of a new file and writes its superblock.
func (g frameGeometry) format(fd int) error {
	for _, part := range g.parts() {
		if err := commit(fd, part[0], part[1]); err != nil {
			return err
		}
	}
	own, err := sys.Dup(fd)
	if err != nil {
		return err
	}
	m, err := mapFrames(own, g, true)
	if err != nil {
		return errors.Join(err, sys.Close(own))
	}
	w := g.static(rand.Uint64())
	m.super.sum = entrySum(sums(), w[:])
	m.super.static = w
	return errors.Join(m.revoke(), m.unmap())
}

// commit takes memory or disk space for n bytes at off of a file, which are zero.
func commit(fd int, off, n int64) error {
	err := sys.Allocate(fd, off, n)
	if errors.Is(err, errors.ErrUnsupported) {
		// File systems without fallocate, such as FAT.
		err = withFile(fd, func(f *os.File) error {
			zeros := make([]byte, area)
			for at := off; at < off+n; at += area {
				if _, err := f.WriteAt(zeros[:min(area, off+n-at)], at); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("committing %d bytes: %w", n, err)
	}
	return nil
}

// withFile calls f with a file for fd.
func withFile(fd int, f func(*os.File) error) error {
	own, err := sys.Dup(fd)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(own), "frame ring")
	return errors.Join(f(file), file.Close())
}

// takeOver locks, checks and mends the ring of a writer that has ended. fd stays the caller's; byPath says that it is no other process's.
func takeOver(fd int, name string, byPath bool) (*FrameWriter, error) {
	lock, err := sys.Reopen(fd, true)
	if err != nil {
		return nil, fmt.Errorf("opening it once more, to lock it: %w", err)
	}
	w, err := lockedWriter(fd, lock, name, byPath)
	if err != nil {
		return nil, errors.Join(err, sys.Unlock(lock))
	}
	return w, nil
}

func lockedWriter(fd, lock int, name string, byPath bool) (*FrameWriter, error) {
	if err := sys.Lock(lock); err != nil {
		if sys.IsLocked(err) {
			return nil, fmt.Errorf("another writer has it: %w", ErrBusy)
		}
		return nil, fmt.Errorf("locking: %w", err)
	}
	g, size, err := readStatic(fd)
	if err == nil {
		err = g.safe(fd, byPath)
	}
	if err != nil {
		return nil, err
	}
	if size < g.size() { // which safe lets through in a file
		if err := sys.Truncate(fd, g.size()); err != nil {
			return nil, fmt.Errorf("mending a file that was truncated: %w", err)
		}
		if from := max(size, entryOffset); from < g.size() {
			if err := commit(fd, from, g.size()-from); err != nil {
				return nil, fmt.Errorf("mending a file that was truncated: %w", err)
			}
		}
	}
	if g.flags&flagFile != 0 {
		if err := g.fillHoles(fd); err != nil {
			return nil, err
		}
	}
	own, err := sys.Dup(fd)
	if err != nil {
		return nil, err
	}
	m, err := mapFrames(own, g, true)
	if err != nil {
		return nil, errors.Join(err, sys.Close(own))
	}
	m.guard.lock, m.guard.last = lock, m.end
	w := &FrameWriter{m: m, name: name, table: sums(), live: make([]frameEntry, g.frames)}
	w.recover()
	m.wakeReaders() // the one before may have died between publishing and waking
	return w, nil
}

// fillHoles makes sure that no store into the mapped file can be a SIGBUS: one that was copied may have holes that the disk has no room for.
func (g frameGeometry) fillHoles(fd int) error {
	for _, part := range g.parts() {
		if err := sys.Allocate(fd, part[0], part[1]); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return fmt.Errorf("committing the holes of %d bytes: %w", part[1], err)
		}
	}
	return nil
}

// safe makes sure that no other process can truncate what is mapped: memory must be sealed, whatever it says of itself. A file cannot be, and is
// taken only from who opened it by its path.
func (g frameGeometry) safe(fd int, byPath bool) error {
	if byPath && g.flags&flagFile != 0 {
		if err := sys.Regular(fd); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		return nil
	}
	size, sealed, err := sys.SealedSize(fd)
	switch {
	case (err != nil || !sealed) && g.flags&flagFile != 0:
		return fmt.Errorf("%w: descriptor %d lacks F_SEAL_SHRINK, who it came from could truncate it under this program: open a ring in a file by its path", ErrCorrupt, fd)
	case err != nil || !sealed:
		return fmt.Errorf("%w: descriptor %d lacks F_SEAL_SHRINK, its other holder could truncate it under this program", ErrCorrupt, fd)
	case size < g.size():
		return fmt.Errorf("%w: truncated from %d bytes to %d", ErrCorrupt, g.size(), size)
	}
	return nil
}

// parts are offset and size of what is ever touched.
func (g frameGeometry) parts() [3][2]int64 {
	return [...][2]int64{{0, 256}, {doorOffset, 64}, {entryOffset, g.size() - entryOffset}}
}

// readStatic reads and checks the superblock of a file, with its size.
func readStatic(fd int) (g frameGeometry, size int64, err error) {
	size, err = sys.FileSize(fd)
	if err != nil {
		return g, 0, err
	}
	b := make([]byte, (staticWords+1)*4)
	n := 0
	err = withFile(fd, func(f *os.File) error {
		n, err = f.ReadAt(b, 0)
		return err
	})
	if err != nil && !errors.Is(err, io.EOF) {
		return g, 0, fmt.Errorf("reading the superblock: %w", err)
	}
	if g, err = parseStatic(b[:n]); err != nil {
		return g, 0, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return g, size, nil
}

// recover finds out where the writer before this one was. Doing it again changes nothing.
func (w *FrameWriter) recover() {
	m, s := w.m, w.m.super
	next, oldest := s.next.settle(), s.oldest.settle()
	if m.flags&flagFile != 0 {
		next = w.newest(next)
	}
	n := uint64(m.frames)
	if oldest > next || next-oldest > n {
		oldest = next - min(next, n)
	}
	// From the newest back, each frame must lie before the ones after it, and all of them within one round.
	w.next, w.oldest, w.cursor = next, next, 0
	found := false
	var back uint32
	for seq := next; seq > oldest; seq-- {
		e, ok := m.getEntry(w.table, seq-1)
		if !ok {
			if m.flags&flagFile == 0 {
				break
			}
			continue // readers find it too, and those whose payload is damaged
		}
		if !found {
			found, w.cursor, back = true, min(e.off+e.span(), m.frameGeometry.bytes), 0
		}
		// How far its start is behind the cursor, going round.
		dist := w.cursor - e.off
		if e.off >= w.cursor {
			dist += m.frameGeometry.bytes
		}
		if dist < back+e.span() || dist > m.frameGeometry.bytes {
			break
		}
		back = dist
		w.live[e.seq%n] = e
		w.oldest = e.seq
	}
	// Damaged frames in between take no room: they lie where their neighbour does.
	for seq := w.oldest; seq < next; seq++ {
		if e := &w.live[seq%n]; e.seq != seq || e.length == 0 && e.off == 0 {
			*e = frameEntry{seq: seq, off: w.live[(max(seq, w.oldest+1)-1)%n].off}
		}
	}
	s.oldest.store(w.oldest)
	s.next.store(next)
	s.ended.Store(0)
}

// newest is one more than the highest number of an entry whose checksum is right. Without any it is what the superblock says.
func (w *FrameWriter) newest(stored uint64) uint64 {
	var newest uint64
	for slot := range w.m.frames {
		word := w.m.entry(uint64(slot)).load()
		seq := uint64(word[1])<<32 | uint64(word[0])
		if seq%uint64(w.m.frames) != uint64(slot) || seq == ^uint64(0) {
			continue
		}
		if _, ok := w.m.getEntry(w.table, seq); ok {
			newest = max(newest, seq+1)
		}
	}
	if newest == 0 {
		return stored
	}
	return newest
}

// CreateFrameFile makes a frame ring in a file, or takes over the one that is there, with its frames, if it has the same options. It
// survives the end of the program at any instruction. Every frame has a checksum, so that after the end of the machine, or when the
// file was damaged, what is not whole is left out and counted as missed. Errors wrap ErrBusy while another writer has the file and
// ErrCorrupt if it is no frame ring or its superblock is damaged. The file must not be truncated while it is in use: see the package's text.
func CreateFrameFile(path string, o FrameOptions) (*FrameWriter, error) {
	g, err := o.geometry(flagFile)
	if err == nil {
		var w *FrameWriter
		if w, err = createFrames(path, g); err == nil {
			return w, nil
		}
	}
	return nil, fmt.Errorf("poolgen: opening frame ring %s: %w", path, err)
}

func createFrames(path string, g frameGeometry) (*FrameWriter, error) {
	for range 10 {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if errors.Is(err, os.ErrNotExist) {
			// Whole before it has its name; if another was faster, that one is it.
			if err := newFrameFile(path, g); err != nil && !errors.Is(err, os.ErrExist) {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		has, _, err := readStatic(int(f.Fd()))
		if err != nil {
			return nil, err
		}
		if has != g {
			return nil, fmt.Errorf("it has %d frames of up to %d bytes in %d, flags %d, not %d of %d in %d, flags %d: use the same options, or remove it",
				has.frames, has.largest, has.bytes, has.flags, g.frames, g.largest, g.bytes, g.flags)
		}
		return takeOver(int(f.Fd()), path, true)
	}
	return nil, errors.New("it keeps disappearing")
}

func newFrameFile(path string, g frameGeometry) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".poolgen-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := f.Truncate(g.size()); err != nil {
		return err
	}
	if err := g.format(int(f.Fd())); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	err = os.Link(f.Name(), path)
	if err != nil && !errors.Is(err, os.ErrExist) {
		err = os.Rename(f.Name(), path) // file systems without links, such as FAT
	}
	return err
}
