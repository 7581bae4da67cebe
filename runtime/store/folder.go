package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/poolgen/poolgen/internal/sys"
)

// folder is all that a store asks of a file system. Tests put one in its place that fails, is slow, and loses power.
type folder interface {
	Names() ([]string, error)
	Create(name string) (file, error) // must not exist
	Open(name string) (file, error)   // for reading, and for writing unless the store is read-only
	Rename(from, to string) error
	Remove(name string) error
	Sync() error // makes Create, Rename and Remove last
	Close() error
}

// file is an open file of a folder. Only what was written before a Sync that succeeded lasts.
type file interface {
	io.ReaderAt
	io.WriterAt
	Size() (int64, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// osFolder is a folder of the operating system.
type osFolder struct {
	path string
	dir  *os.File
	lock int // a descriptor; -1 if there is none
	mode int // for Open
}

type osFile struct{ *os.File }

// openFolder makes the folder if it is not there, and locks it; to read only, it must be there, and others may read it too.
func openFolder(path string, readOnly bool) (*osFolder, error) {
	d := &osFolder{path: path, lock: -1, mode: os.O_RDWR}
	lock := func() error { return lockFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, sys.Lock, &d.lock) }
	if readOnly {
		d.mode = os.O_RDONLY
		lock = func() error { return lockFile(filepath.Join(path, "lock"), os.O_RDONLY, sys.LockShared, &d.lock) }
	} else if err := makeFolder(path, syncFolder); err != nil {
		return nil, err
	}
	var err error
	if d.dir, err = os.Open(path); err != nil {
		return nil, err
	}
	// A folder without a lock was never written to by a store, or is a copy.
	if err := lock(); err != nil && !(readOnly && errors.Is(err, fs.ErrNotExist)) {
		d.dir.Close()
		return nil, err
	}
	return d, nil
}

// makeFolder makes a folder, and those above it that are not there. sync makes the names in a folder last.
func makeFolder(path string, sync func(string) error) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir():
		return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	above := filepath.Dir(filepath.Clean(path))
	if err := makeFolder(above, sync); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return sync(above)
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func lockFile(path string, mode int, lock func(fd int) error, fd *int) error {
	f, err := os.OpenFile(path, mode, 0o666)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := sys.Dup(int(f.Fd()))
	if err != nil {
		return err
	}
	if err = lock(n); sys.IsLocked(err) {
		err = ErrBusy
	}
	if err != nil {
		return errors.Join(fmt.Errorf("locking %s: %w", path, err), sys.Close(n))
	}
	*fd = n
	return nil
}

func (d *osFolder) Names() ([]string, error) {
	entries, err := os.ReadDir(d.path)
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func (d *osFolder) Create(name string) (file, error) {
	f, err := os.OpenFile(filepath.Join(d.path, name), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o666)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (d *osFolder) Open(name string) (file, error) {
	f, err := os.OpenFile(filepath.Join(d.path, name), d.mode, 0)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (d *osFolder) Rename(from, to string) error {
	return os.Rename(filepath.Join(d.path, from), filepath.Join(d.path, to))
}

func (d *osFolder) Remove(name string) error { return os.Remove(filepath.Join(d.path, name)) }
func (d *osFolder) Sync() error              { return d.dir.Sync() }

func (d *osFolder) Close() error {
	if d.lock < 0 {
		return d.dir.Close()
	}
	// A process that is being started has a copy of the descriptor until its exec, so closing alone would not unlock.
	return errors.Join(d.dir.Close(), sys.Unlock(d.lock))
}

func (f osFile) Sync() error { return sys.Datasync(int(f.Fd())) }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
