package sys

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Lock takes the lock of flock(2) on what fd has open, for as long as that is open. The error is EWOULDBLOCK if another has it.
func Lock(fd int) error { return flock(fd, unix.LOCK_EX|unix.LOCK_NB) }

// LockShared is Lock for one of many: it fails only while Lock has it, and Lock fails while it has.
func LockShared(fd int) error { return flock(fd, unix.LOCK_SH|unix.LOCK_NB) }

func flock(fd, how int) error {
	for {
		if err := unix.Flock(fd, how); err != unix.EINTR {
			return err
		}
	}
}

// Unlock ends Lock and closes fd. A process that another goroutine starts at this moment has a copy of fd until its exec: closing alone would
// leave the lock with that.
func Unlock(fd int) error { return errors.Join(unix.Flock(fd, unix.LOCK_UN), Close(fd)) }

// IsLocked reports whether an error of Lock says that another has the lock.
func IsLocked(err error) bool { return errors.Is(err, unix.EWOULDBLOCK) }

// Reopen opens the file behind fd once more, close-on-exec, so that it has a position and locks of its own. It needs /proc.
func Reopen(fd int, writable bool) (int, error) {
	flags := unix.O_CLOEXEC
	if writable {
		flags |= unix.O_RDWR
	}
	for {
		own, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), flags, 0)
		if err != unix.EINTR {
			return own, err
		}
	}
}

// Datasync writes what was changed in the file fd to its disk, by way of mappings too. Errors are EIO, ENOSPC and EDQUOT.
func Datasync(fd int) error {
	for {
		if err := unix.Fdatasync(fd); err != unix.EINTR {
			return err
		}
	}
}

// Truncate sets the size of the file fd.
func Truncate(fd int, size int64) error {
	for {
		if err := unix.Ftruncate(fd, size); err != unix.EINTR {
			return err
		}
	}
}
