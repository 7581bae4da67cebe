package sys

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestSenderOfUevent(t *testing.T) {
	kernel := &unix.SockaddrNetlink{Groups: ueventGroup}
	creds := func(pid int32) []byte { return unix.UnixCredentials(&unix.Ucred{Pid: pid}) }
	for _, test := range []struct {
		name    string
		from    unix.Sockaddr
		control []byte
		want    bool
	}{
		{"kernel", kernel, creds(0), true},
		{"a program's socket", &unix.SockaddrNetlink{Pid: 4711, Groups: ueventGroup}, creds(0), false},
		{"a program's process", kernel, creds(4711), false},
		{"without credentials", kernel, nil, false},
		{"credentials cut", kernel, creds(0)[:unix.SizeofCmsghdr+4], false},
		{"descriptors for credentials", kernel, unix.UnixRights(3), false},
		{"garbage for credentials", kernel, []byte{1, 2, 3}, false},
		{"sent to the socket alone", &unix.SockaddrNetlink{}, creds(0), false},
		{"udev's group", &unix.SockaddrNetlink{Groups: 2}, creds(0), false},
		{"another family", &unix.SockaddrUnix{}, creds(0), false},
		{"no sender", nil, creds(0), false},
	} {
		if got := fromKernel(test.from, test.control); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
