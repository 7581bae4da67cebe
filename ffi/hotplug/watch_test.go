package hotplug

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/internal/testutil"
)

func mustWatch(t *testing.T, subsystems ...string) *Watcher {
	t.Helper()
	w, err := Watch(subsystems...)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		t.Skipf("this kernel, or its emulation, has no uevents: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// patience is how long tests wait for what must happen. It only guards against hanging.
const patience = 2 * time.Minute

// failure is how Next ends that has no event: meanwhile the kernel may tell what it likes.
func failure(w *Watcher, ctx context.Context) error {
	for {
		if _, err := w.Next(ctx); err != nil && !errors.Is(err, ErrOverrun) {
			return err
		}
	}
}

func limit(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestCancelEndsNext(t *testing.T) {
	testutil.OpenFDs(t)
	w := mustWatch(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if err := failure(w, ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	// The wake-up of the context before does not end the next wait.
	start := time.Now()
	if err := failure(w, limit(t, 200*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if d := time.Since(start); d < 200*time.Millisecond {
		t.Errorf("ended after %v", d)
	}
	if err := failure(w, ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
}

// A wake-up that is left from before is taken back: otherwise every poll would return at once.
func TestLateWakeUpIsCleared(t *testing.T) {
	w := mustWatch(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.wake.Signal()
	done := make(chan error, 1)
	go func() { done <- failure(w, ctx) }()
	fds := []sys.PollFD{{Fd: int32(w.wake.FD()), Events: sys.PollIn}}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if n, err := sys.Poll(fds, 0); err != nil {
			t.Fatal(err)
		} else if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("Next leaves the wake-up, and spins")
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Next: %v", err)
	}
}

func TestCloseEndsEveryNext(t *testing.T) {
	testutil.OpenFDs(t)
	w := mustWatch(t)
	var group sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		group.Go(func() { errs[i] = failure(w, t.Context()) })
	}
	time.Sleep(20 * time.Millisecond)
	for range 2 {
		group.Go(func() {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("Next: %v", err)
		}
	}
	if err := w.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	if _, err := w.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestCloseOnExec(t *testing.T) {
	w := mustWatch(t)
	for _, fd := range []int{w.fd, w.wake.FD()} {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d: flags %#x, %v", fd, flags, err)
		}
	}
}

// A program that may send at all sends what the kernel would.
func TestOtherSendersAreRefused(t *testing.T) {
	w := mustWatch(t)
	address, err := unix.Getsockname(w.fd)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	sent := 0
	for _, to := range []*unix.SockaddrNetlink{{Pid: address.(*unix.SockaddrNetlink).Pid}, {Groups: 1}} {
		switch err := unix.Sendto(fd, []byte(camera), 0, to); {
		case errors.Is(err, unix.EPERM), errors.Is(err, unix.ECONNREFUSED):
			t.Logf("this kernel refuses it first: %v", err)
		case err != nil:
			t.Fatal(err)
		default:
			sent++
		}
	}
	for deadline := time.Now().Add(patience); w.Stats().Foreign < uint64(sent); {
		e, err := w.Next(limit(t, 20*time.Millisecond))
		if err == nil && e.Seq == 1042 {
			t.Fatalf("believed: %+v", e)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d sent; %+v", sent, w.Stats())
		}
	}
	if sent == 0 {
		t.Skip("this user may not send: CAP_NET_ADMIN is needed")
	}
}

// ask makes the kernel send a device's event again.
func ask(t *testing.T, file, action string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(action), 0); err != nil {
		t.Fatal(err)
	}
}

// asked is a file whose events every kernel can repeat: of a camera in a guest, of /dev/null elsewhere.
func asked(t *testing.T) (subsystem, file string) {
	t.Helper()
	file, subsystem = "/sys/class/mem/null/uevent", "mem"
	if os.Getenv(testutil.VM) != "" {
		found, err := filepath.Glob("/sys/class/video4linux/*/uevent")
		if err != nil || len(found) == 0 {
			t.Fatalf("the guest has no camera: %v", err)
		}
		file, subsystem = found[0], Video
	}
	if f, err := os.OpenFile(file, os.O_WRONLY, 0); err != nil {
		t.Skipf("this user may not ask for events: %v", err)
	} else {
		f.Close()
	}
	return subsystem, file
}

func TestKernelRepeatsAnEvent(t *testing.T) {
	subsystem, file := asked(t)
	w := mustWatch(t, subsystem)
	link, err := filepath.EvalSymlinks(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	devices, err := List(subsystem)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(devices, func(d Device) bool { return "/sys"+d.DevPath == link })
	if i < 0 {
		t.Fatalf("List has no %s: %+v", link, devices)
	}
	var last uint64
	for _, action := range []Action{Change, Add} {
		ask(t, file, string(action))
		for {
			e, err := w.Next(limit(t, patience))
			if err != nil {
				t.Fatalf("%v; %+v", err, w.Stats())
			}
			if e.Device != devices[i] || e.Action != action {
				continue // a stranger's
			}
			if e.Seq <= last {
				t.Errorf("sequence %d after %d", e.Seq, last)
			}
			last = e.Seq
			break
		}
		info, err := os.Stat(devices[i].DevName)
		if err != nil || info.Mode()&os.ModeCharDevice == 0 {
			t.Errorf("%s: %v, %v", devices[i].DevName, info, err)
		}
	}
	if s := w.Stats(); s.Events < 2 || s.Malformed != 0 || s.Foreign != 0 {
		t.Errorf("%+v", s)
	}
}

func TestOverrunIsToldAndEnds(t *testing.T) {
	subsystem, file := asked(t)
	w, err := watch(1, []string{subsystem}) // the kernel rounds up to its smallest
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for range 200 {
		ask(t, file, "change")
	}
	overruns := 0
	for range 300 {
		_, err := w.Next(limit(t, 200*time.Millisecond))
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if errors.Is(err, ErrOverrun) {
			overruns++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if s := w.Stats(); overruns == 0 || s.Overruns != uint64(overruns) {
		t.Fatalf("%d overruns in 200 events; %+v", overruns, s)
	}
	ask(t, file, "change")
	e, err := w.Next(limit(t, patience))
	for errors.Is(err, ErrOverrun) { // strangers' events fill the socket too
		ask(t, file, "change")
		e, err = w.Next(limit(t, patience))
	}
	if err != nil || e.Subsystem != subsystem {
		t.Errorf("after the overrun: %+v, %v", e, err)
	}
}

// Cards and cameras that really go and come: their drivers are taken off the device, which the drivers cannot tell from
// its being unplugged, and put back.
func TestUnplugged(t *testing.T) {
	if os.Getenv(testutil.VM) == "" {
		t.Skip("takes drivers away: only in a guest of scripts/vm")
	}
	for _, test := range []struct{ driver, device, subsystem, file string }{
		{"vivid", "vivid.0", Video, "/dev/video"},
		{"snd_aloop", "snd_aloop.0", Sound, "/dev/snd/controlC"},
	} {
		t.Run(test.driver, func(t *testing.T) {
			w := mustWatch(t)
			before, err := List()
			if err != nil {
				t.Fatal(err)
			}
			of := func(all []Device) (own []Device) {
				for _, d := range all {
					if strings.Contains(d.DevPath, "/"+test.device+"/") {
						own = append(own, d)
					}
				}
				return own
			}
			if len(of(before)) == 0 {
				t.Fatalf("no device of %s: %+v", test.device, before)
			}
			driver := filepath.Join("/sys/bus/platform/drivers", test.driver)
			for _, step := range []struct {
				file   string
				action Action
				open   bool
			}{{"unbind", Remove, false}, {"bind", Add, true}} {
				ask(t, filepath.Join(driver, step.file), test.device)
				missing := of(before)
				for len(missing) > 0 {
					e, err := w.Next(limit(t, patience))
					if err != nil {
						t.Fatalf("%s: %v; still without event: %+v", step.file, err, missing)
					}
					if e.Action != step.action {
						continue
					}
					if e.Subsystem != test.subsystem {
						t.Errorf("%s: %+v", step.file, e)
					}
					// Node numbers may differ the second time, and so do the paths.
					missing = slices.DeleteFunc(missing, func(d Device) bool { return filepath.Base(d.DevPath) == filepath.Base(e.DevPath) })
					if _, err := os.Stat(e.DevName); e.DevName != "" && (err == nil) != step.open {
						t.Errorf("%s: at its event, %s: %v", step.file, e.DevName, err)
					}
				}
				after, err := List()
				if err != nil {
					t.Fatal(err)
				}
				if got := len(of(after)); (got == 0) == step.open || step.open && got != len(of(before)) {
					t.Errorf("after %s List has %d devices, before %d", step.file, got, len(of(before)))
				}
			}
			if !slices.ContainsFunc(of(before), func(d Device) bool { return strings.HasPrefix(d.DevName, test.file) }) {
				t.Errorf("no %s: %+v", test.file, of(before))
			}
		})
	}
}
