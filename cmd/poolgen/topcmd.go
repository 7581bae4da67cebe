package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/poolgen/poolgen/internal/top"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// baseline is how long the watching takes that gives the first sample its rates, at most.
const baseline = 250 * time.Millisecond

// Bounds of -interval.
const (
	shortest = 10 * time.Millisecond
	longest  = time.Hour
)

// topRun is what the top command was asked for.
type topRun struct {
	all            bool // no process was named
	json           bool
	count          int
	interval       time.Duration
	leaks          time.Duration
	stdout, stderr io.Writer
	screen         *screen // nil: samples are printed one after the other
}

func topCommand(stdout, stderr io.Writer) *cobra.Command {
	t := topRun{stdout: stdout, stderr: stderr}
	cmd := &cobra.Command{
		Use:   "top [pid|name]...",
		Short: "Watch the shared pools of running programs, without touching them",
		Long: `top shows the pools of running programs: blocks in use, how fast they go round, who has them,
and which have been held for long. It looks at processes by number or name, or at all that
you may look at. Only pools with pool.Options.Shared, and shared allocators, can be seen. It
reads; the programs do not notice. Another user's programs need root or CAP_SYS_PTRACE.

PEAK is the most blocks that were in use at once, OLDEST at least the age of the oldest block
in use, seen since top was started. A name is followed by +1 where one more process has the
pool. QUEUED are frames that wait for a subscriber, HOLDS all blocks that it has.

-leaks lists the blocks held for so long, the oldest first; with -n the first sample comes
when top has watched that long. -json prints an object on a line for each sample, with
version, time, interval_seconds, watched_seconds, processes, pools, allocators, subscribers,
held, notes and hidden. Ctrl-C ends it; it ends by itself when all processes named by number have.`,
		Example: `  poolgen top
  poolgen top -leaks=10s camera
  poolgen top -json -n 1 4711`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case t.interval < shortest || t.interval > longest:
				return fmt.Errorf("-interval=%v: choose from %v to %v", t.interval, shortest, longest)
			case t.count < 0:
				return fmt.Errorf("-n %d: choose how many samples, 0 for no end", t.count)
			case t.leaks < 0 || cmd.Flags().Changed("leaks") && t.leaks == 0:
				return fmt.Errorf("-leaks=%v: choose how long a block may be held, as in 10s", t.leaks)
			}
			w, err := top.NewWatcher(top.Options{Processes: args, Leaks: t.leaks})
			if err != nil {
				return err
			}
			t.all = len(args) == 0
			if !t.json {
				t.screen = newScreen(stdout)
			}
			return t.run(cmd.Context(), w)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&t.json, "json", false, "print JSON, an object a line")
	f.IntVarP(&t.count, "count", "n", 0, "end after so many samples; 0 goes on")
	f.DurationVar(&t.interval, "interval", time.Second, "time between samples")
	f.DurationVar(&t.leaks, "leaks", 0, "list blocks held for so long, as in 10s")
	return cmd
}

// run takes samples until ctx ends, or as many as were asked for.
func (t *topRun) run(ctx context.Context, w *top.Watcher) error {
	s, err := w.Sample()
	if err != nil {
		return err
	}
	if t.count > 0 && t.leaks > 0 {
		fmt.Fprintf(t.stderr, "poolgen: the first sample comes after %v, because blocks are as old as they were watched\n", t.leaks)
	}
	notes := s.Notes
	next := time.Now().Add(min(t.interval, baseline))
	for printed := 0; ; next = later(next, t.interval) {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Until(next)):
		}
		if s, err = w.Sample(); err != nil {
			return err
		}
		s.Notes = append(s.Notes, notes...) // of those that were not printed
		if t.count > 0 && printed == 0 && s.Watched < t.leaks.Seconds() && !w.Over() {
			notes = s.Notes
			continue
		}
		notes = nil
		if err := t.print(s); err != nil {
			return fmt.Errorf("printing a sample: %w", err)
		}
		if printed++; printed == t.count || w.Over() {
			return nil
		}
	}
}

// later is the next time to take a sample: an interval after the last, or after now, if the last took longer than that.
func later(last time.Time, interval time.Duration) time.Time {
	next, now := last.Add(interval), time.Now()
	if next.Before(now) {
		return now.Add(interval)
	}
	return next
}

// print writes one sample.
func (t *topRun) print(s *top.Sample) error {
	if t.json {
		return json.NewEncoder(t.stdout).Encode(s)
	}
	if t.screen != nil {
		return t.screen.show(s, t)
	}
	for _, n := range s.Notes {
		fmt.Fprintf(t.stderr, "poolgen: %s\n", n)
	}
	_, err := io.WriteString(t.stdout, strings.Join(lines(s, t, 0), "\n")+"\n\n")
	return err
}

// lines lays a sample out for people, at most width characters wide; 0 means any.
func lines(s *top.Sample, t *topRun, width int) []string {
	n, u := len(s.Pools), len(s.Subscribers)
	head := fmt.Sprintf("%s  %s, %s, %s", s.Time.Format("15:04:05"), several(n, "pool"), several(u, "subscriber"), several(len(s.Processes), "process"))
	if t.all && s.Hidden > 0 {
		head += fmt.Sprintf("; %d not yours to look at", s.Hidden)
	}
	list := []string{top.Cut(head, width)}
	for _, table := range s.Tables(t.leaks) {
		list = append(append(list, ""), table.Lines(width)...)
	}
	return list
}

func several(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "s"):
		what += "e"
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// screen is a terminal on which each sample takes the place of the one before.
type screen struct {
	f     *os.File
	begun bool
	notes []string // the last ones
}

// screenNotes is how many notes stay on the screen.
const screenNotes = 5

// newScreen is the screen behind w, or nil if it is no terminal that can.
func newScreen(w io.Writer) *screen {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" || os.Getenv("TERM") == "" || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return &screen{f: f}
}

// show writes over what the screen shows, without clearing it first, which would flicker.
func (c *screen) show(s *top.Sample, t *topRun) error {
	width, height, err := term.GetSize(int(c.f.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		width, height = 80, 24
	}
	for _, n := range s.Notes {
		c.notes = append(c.notes, s.Time.Format("15:04:05 ")+n)
	}
	c.notes = c.notes[max(len(c.notes)-screenNotes, 0):]
	all := lines(s, t, width)
	room := height - 1
	if len(c.notes) > 0 {
		room -= len(c.notes) + 1
	}
	if len(all) > room && room > 1 {
		hidden := len(all) - room + 1
		all = append(all[:room-1], top.Cut(fmt.Sprintf("%d lines more: make the window higher, or name fewer processes", hidden), width))
	}
	if len(c.notes) > 0 {
		all = append(all, "")
		for _, n := range c.notes {
			all = append(all, top.Cut(n, width))
		}
	}
	const home, clear, restOfLine, restOfScreen = "\x1b[H", "\x1b[2J", "\x1b[K\n", "\x1b[J"
	text := home
	if !c.begun {
		c.begun = true
		text = home + clear
	}
	_, err = io.WriteString(c.f, text+strings.Join(all, restOfLine)+restOfLine+restOfScreen)
	return err
}
