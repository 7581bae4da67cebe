package metrics

import (
	"context"
	"errors"
	"os"
	"runtime/pprof"
	"sync"
	"syscall"

	"github.com/poolgen/poolgen/internal/sys"
)

// trigger asks the kernel to tell of stalls (Documentation/accounting/psi.rst, "Monitoring for pressure thresholds").
type trigger struct {
	file *os.File
	end  *sys.Event
	wg   sync.WaitGroup
}

// A stall of 150 ms within 2 seconds: without CAP_SYS_RESOURCE the window must be a multiple of 2 s.
const triggerText = "some 150000 2000000"

// newTrigger calls stalled, on a goroutine of its own, when tasks stall. It fails where the kernel has no PSI or does not permit triggers.
func newTrigger(path string, stalled func()) (*trigger, error) {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if _, err := f.WriteString(triggerText + "\x00"); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	end, err := sys.NewEvent()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	t := &trigger{file: f, end: end}
	fds := []sys.PollFD{{Fd: int32(f.Fd()), Events: sys.PollPri}, {Fd: int32(end.FD()), Events: sys.PollIn}}
	t.wg.Go(func() {
		pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("poolgen", "watch")))
		for {
			_, err := sys.Poll(fds, -1)
			if err != nil || fds[0].Revents&sys.PollErr != 0 || fds[1].Revents != 0 {
				return
			}
			if fds[0].Revents&sys.PollPri != 0 {
				stalled()
			}
		}
	})
	return t, nil
}

func (t *trigger) close() error {
	t.end.Signal()
	t.wg.Wait()
	return errors.Join(t.file.Close(), t.end.Close())
}
