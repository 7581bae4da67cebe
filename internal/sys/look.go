package sys

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"
)

// File is what a file is known by: the numbers of its device and its own, as /proc/PID/maps has them.
type File struct {
	Major, Minor uint32
	Inode        uint64
}

// ErrNotRegular is the error for a device, a pipe, a folder and the like.
var ErrNotRegular = errors.New("not a regular file")

// Look opens a file of another process, such as /proc/PID/fd/N, for reading. What is no regular file is not opened, because opening it
// can have effects. The descriptor is close-on-exec. The size is in bytes. Errors are ErrNotRegular and those of open(2).
func Look(path string) (fd int, file File, size int64, err error) {
	// O_PATH opens nothing: a device that stands there by now is not touched.
	at, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, File{}, 0, err
	}
	defer unix.Close(at)
	var st unix.Stat_t
	if err := unix.Fstat(at, &st); err != nil {
		return -1, File{}, 0, err
	}
	if file, err = known(&st); err != nil {
		return -1, file, 0, err
	}
	fd, err = unix.Open("/proc/self/fd/"+strconv.Itoa(at), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return fd, file, st.Size, err
}

// Known is what Look knows of a file, without opening it.
func Known(path string) (File, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return File{}, err
	}
	return known(&st)
}

func known(st *unix.Stat_t) (File, error) {
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return File{}, ErrNotRegular
	}
	dev := uint64(st.Dev) //nolint:unconvert // it has other types on other machines
	return File{unix.Major(dev), unix.Minor(dev), st.Ino}, nil
}

// Regular is nil if the descriptor fd is a regular file's, and otherwise an error that says so.
func Regular(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	_, err := known(&st)
	return err
}

// ReadAt reads up to len(b) bytes of the file fd from offset on; fewer only at its end.
func ReadAt(fd int, b []byte, offset int64) (int, error) {
	n := 0
	for n < len(b) {
		m, err := unix.Pread(fd, b[n:], offset+int64(n))
		if err == unix.EINTR {
			continue
		}
		if m <= 0 || err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}
