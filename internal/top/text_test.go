package top

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestText(t *testing.T) {
	rate, n := 30.04, uint32(7)
	s := &Sample{
		Processes: []Process{{PID: 7, Name: "camera"}, {PID: 9, Name: "view"}},
		Pools: []Pool{
			{ID: "a", Name: "frames", Parts: []Part{{PID: 7}, {PID: 9}}, Capacity: 921600, Max: 16, InUse: 3, HighWater: 9, Gets: &rate, Hits: 12345678,
				BytesInUse: 2764800, Oldest: 75.25, Waiters: 2, Damaged: 1, Closed: true, External: 1, Pending: 4, Saturated: 5, Debug: true},
			{ID: "b", Name: "idle", Parts: []Part{{PID: 7}}, Capacity: 64, Max: 1},
		},
		Subscribers: []Subscriber{
			{PID: 9, Name: "view", Publisher: 7, PublisherAs: "camera", Pool: "frames", Policy: "latest", Slots: 4, Waiting: 1, Holds: &n, Asleep: true, Blocks: true},
			{PID: 0, Policy: "unknown", Slots: 2, Leaving: true, Ended: true},
		},
	}
	s.Allocators = []Allocator{{Name: "cam", Parts: []Part{{PID: 7}}, Used: 65536, HighWater: 131072, Budget: 1 << 20, Classes: 3, Caches: 1, Refusals: 2}}
	for i := range 25 {
		s.Held = append(s.Held, Held{PoolID: "a", Pool: "frames", Block: uint32(i), References: 1, Generation: 3, Age: 80})
	}
	s.Held = append(s.Held, Held{PoolID: "b", Pool: "idle", Block: 2, External: true, Saturated: true, Age: 8.04, Queued: []int{9, 11}},
		Held{PoolID: "b", Pool: "idle", Block: 1, Age: 3661})
	var b strings.Builder
	tables := s.Tables(5 * time.Second)
	for i := range tables {
		b.WriteString(strings.Join(tables[i].Lines(0), "\n") + "\n")
	}
	text := b.String()
	for _, want := range []string{
		"camera/7 +1  frames (closed, debug, 1 external, 2 wait, 4 pending, 5 saturated, 1 DAMAGED)  900 KiB      16       3     9    30.0           -  12.3M ",
		"2.6 MiB  1m15s\n",
		"camera/7     idle ", "0 B  -\n",
		"view/9      camera/7   frames  latest      1/4      7         -       -      -     0     -  asleep awaited\n",
		"?           ?                  unknown     0/2      -         -       -      -     0     -  leaving ended publisher gone\n",
		"camera/7  cam        64.0 KiB  128 KiB  1.0 MiB        3       1         0        2  0\n",
		"held for 5s or longer\n", "and 15 of frames, which -json lists\n",
		"idle    2 (external)    saturated           0        8s  view/9 11\n",
		"idle    1             awaits Reap           0    1h1m1s\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if got := strings.Count(text, "frames  "); got < mostHeld {
		t.Errorf("%d lines of frames in\n%s", got, text)
	}
	for width := range 150 {
		for i := range tables {
			for _, line := range tables[i].Lines(width) {
				if n := len([]rune(line)); width > 0 && n > width {
					t.Fatalf("%d characters for %d: %q", n, width, line)
				}
			}
		}
	}
	s.Held, s.Pools, s.Allocators, s.Watched = nil, nil, nil, 2
	if got := fmt.Sprint(s.Tables(5 * time.Second)); !strings.Contains(got, "no shared pool now") || !strings.Contains(got, "none yet: watched for 2s") {
		t.Error(got)
	}
}
