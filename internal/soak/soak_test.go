package soak

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/ipc"
)

// childArg begins the arguments of a victim: then come its role and the role's own.
const childArg = "soak-victim"

// TestMain is the victim, or the tests.
func TestMain(m *testing.M) {
	if len(os.Args) < 3 || os.Args[1] != childArg {
		os.Exit(m.Run())
	}
	b, err := openBook(3)
	if err == nil {
		err = map[string]func(*book, []string) error{
			"subscribe": victimSubscribes, "publish": victimPublishes, "frames": victimWritesFrames, "read": victimReadsFrames,
			"produce": victimProduces, "consume": victimConsumes,
		}[os.Args[2]](b, os.Args[3:])
		if err == nil {
			err = errors.New("it has nothing to do any more")
		}
		b.fail(err)
	}
	fmt.Fprintln(os.Stderr, os.Args, err)
	os.Exit(1)
}

// lanes are all kinds of rounds.
func lanes(t *testing.T, seed uint64) []*lane {
	all := []*lane{
		subscriberLane(t, seed, ipc.Block), subscriberLane(t, seed+1, ipc.DropOldest), publisherLane(t, seed+2), publisherLane(t, seed+3),
		frameWriterLane(t, seed+4, false), frameWriterLane(t, seed+5, true), frameReaderLane(t, seed+6),
		producerLane(t, seed+7), consumerLane(t, seed+8),
	}
	if argv := victimInC(t, "gcc"); argv != nil {
		l := subscriberLane(t, seed+9, ipc.DropOldest)
		l.kind, l.argv = "ipc subscribers in C", argv
		p := publisherLane(t, seed+11)
		p.kind, p.argv = "ipc publishers in C", argv
		all = append(all, l, p)
	}
	if argv := victimInC(t, "arm-linux-gnueabihf-gcc", "qemu-arm-static"); argv != nil {
		l := subscriberLane(t, seed+10, ipc.Latest)
		l.kind, l.argv = "ipc subscribers in C for arm", argv
		all = append(all, l)
	}
	return all
}

// TestSoak kills processes. -args -rounds N says how many; without, a few hundred, or what a few seconds allow.
func TestSoak(t *testing.T) {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	rounds := flags.Int("rounds", 0, "kills; 0: the short form")
	seed := flags.Uint64("seed", uint64(time.Now().UnixNano()), "of the random moments, which the machine's load moves too")
	only := flags.String("only", "", "only kinds of victims with this in their name")
	if err := flags.Parse(flag.Args()); err != nil {
		t.Fatal(err)
	}
	if *rounds == 0 && testutil.Emulated() {
		t.Skip("qemu's user emulation may stand still when a program with this many threads starts another; the arm guest of make test-vm runs this")
	}
	limit := time.Duration(0)
	if *rounds == 0 {
		*rounds, limit = 360, 5*time.Second
		if testing.Short() || runtime.GOARCH == "arm" {
			*rounds, limit = 45, 3*time.Second
		}
	}
	t.Logf("%d rounds, seed %d", *rounds, *seed)
	all := slices.DeleteFunc(lanes(t, *seed), func(l *lane) bool { return !strings.Contains(l.kind, *only) })
	if err := soak(t, all, *rounds, limit); err != nil {
		t.Error(err)
	}
	for _, l := range all {
		if err := l.close(); err != nil {
			t.Errorf("%s: closing: %v", l.kind, err)
		}
	}
}

// soak runs the lanes side by side, in batches; between two of them everything stands still and is counted.
func soak(t *testing.T, all []*lane, rounds int, limit time.Duration) error {
	start, shown := time.Now(), time.Now()
	batch := 5 * len(all)
	var fds, maps, goroutines int
	for left := rounds; left > 0; left -= batch {
		n := min(batch, left)
		var tickets, mistakes atomic.Int64
		errs := make([]error, len(all))
		var wg sync.WaitGroup
		for i, l := range all {
			wg.Go(func() {
				// Each kind has its turn in the first batch.
				for first := left == rounds; first || tickets.Add(1) <= int64(n) && mistakes.Load() == 0; first = false {
					if err := l.round(); err != nil {
						mistakes.Add(1)
						errs[i] = fmt.Errorf("%s, round %d: %w", l.kind, l.kills, err)
						return
					}
					l.kills++
					if l.book.ready.Load() == 0 {
						l.early++
					}
				}
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		now := func() (int, int, int) {
			f, m, err := holdings()
			if err != nil {
				t.Fatal(err)
			}
			return f, m, runtime.NumGoroutine()
		}
		if left == rounds {
			// The first count is the lowest of a while: what the last round let go of may still be on its way.
			fds, maps, goroutines = now()
			for range 50 {
				time.Sleep(time.Millisecond)
				f, m, g := now()
				fds, maps, goroutines = min(fds, f), min(maps, m), min(goroutines, g)
			}
		}
		var f, m, g int
		err := eventually(func() string {
			return fmt.Sprintf("leaked: %d descriptors, %d mappings, %d goroutines, after %d, %d and %d", f, m, g, fds, maps, goroutines)
		}, func() bool { f, m, g = now(); return f <= fds && m <= maps && g <= goroutines })
		if err != nil {
			return err
		}
		if time.Since(shown) > 30*time.Second {
			shown = time.Now()
			fmt.Printf("%s %s\n", time.Now().UTC().Format("15:04:05"), report(all, start))
		}
		if limit > 0 && time.Since(start) > limit {
			break
		}
	}
	t.Log(report(all, start))
	return nil
}

// report says what was done. A frame that is lost and not counted, one that comes twice, or a leak ends the soak before.
func report(all []*lane, start time.Time) string {
	var kills, early int
	var frames, lost uint64
	kinds := map[string]int{}
	var order []string
	for _, l := range all {
		kills += l.kills
		early += l.early
		frames += l.frames
		lost += l.lost
		if kinds[l.kind] == 0 {
			order = append(order, l.kind)
		}
		kinds[l.kind] += l.kills
	}
	for i, k := range order {
		order[i] = fmt.Sprintf("%d %s", kinds[k], k)
	}
	d := time.Since(start)
	return fmt.Sprintf("%d rounds in %.0f s, %.0f a second: killed %s, %d of them while they started; %d frames, %d lost and counted; lost 0, doubled 0, leaked 0",
		kills, d.Seconds(), float64(kills)/d.Seconds(), strings.Join(order, ", "), early, frames, lost)
}

// pause lets a moment pass, or none.
func pause(n int) {
	if n%5 == 0 {
		runtime.Gosched()
	}
	for range n % 64 {
		sys.PageSize()
	}
}
