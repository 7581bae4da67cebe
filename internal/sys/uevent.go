package sys

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ueventGroup is the multicast group that the kernel itself sends to; udev's own messages go to group 2.
const ueventGroup = 1

// ueventControl has room for one struct ucred and a few messages that nobody asked for.
const ueventControl = 128

// UeventSocket opens a netlink socket that hears the kernel's uevents, non-blocking and close-on-exec. buffer is how many
// bytes the kernel may hold for it; without CAP_NET_ADMIN it stays within net.core.rmem_max. Errors are EMFILE, ENFILE,
// ENOMEM, EPERM and EPROTONOSUPPORT (a kernel without NET or HOTPLUG).
func UeventSocket(buffer int) (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return -1, fmt.Errorf("opening a uevent socket: %w", err)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) != nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
	}
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: ueventGroup})
	}
	if err != nil {
		return -1, errors.Join(fmt.Errorf("setting up a uevent socket: %w", err), unix.Close(fd))
	}
	return fd, nil
}

// RecvUevent takes the next message from fd, a UeventSocket, into buf and returns its length, and whether it is from the
// kernel and whole. Errors are EAGAIN (none is there), ENOBUFS (the kernel had no room and dropped some) and EINTR.
func RecvUevent(fd int, buf []byte) (n int, kernel bool, err error) {
	var control [ueventControl]byte
	n, oobn, flags, from, err := unix.Recvmsg(fd, buf, control[:], 0)
	if err != nil {
		return 0, false, err
	}
	if flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		return n, false, nil
	}
	return n, fromKernel(from, control[:oobn]), nil
}

// fromKernel checks both of what the kernel says of a sender. A socket of a program always has a port, netlink's nl_pid,
// which is not 0 (netlink_autobind). The credentials' process is 0 for the kernel; their user is not looked at, because
// in a user namespace without a user 0 the kernel appears as another.
func fromKernel(from unix.Sockaddr, control []byte) bool {
	sender, ok := from.(*unix.SockaddrNetlink)
	if !ok || sender.Pid != 0 || sender.Groups != ueventGroup {
		return false
	}
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return false
	}
	for i := range messages {
		if cred, err := unix.ParseUnixCredentials(&messages[i]); err == nil {
			return cred.Pid == 0
		}
	}
	return false
}
