package top

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/poolgen/poolgen/runtime/pool"
)

// spin watches the process in arg every 10 ms until it is killed.
func spin(arg string) error {
	w, err := NewWatcher(Options{Processes: []string{arg}, Leaks: time.Second})
	if err != nil {
		return err
	}
	if _, err := w.Sample(); err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		time.Sleep(10 * time.Millisecond)
		if _, err := w.Sample(); err != nil {
			return err
		}
	}
}

// BenchmarkWatched takes and releases blocks of a shared pool alone, and while another process watches it, a hundred times as often as
// poolgen top does by default.
func BenchmarkWatched(b *testing.B) {
	p, err := pool.New(4096, pool.Options{Name: "watched", Max: 64, Prealloc: 64, Shared: true})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	// Some blocks are in use, and all were.
	var all []pool.Buf
	for range 64 {
		x, err := p.Get()
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, x)
	}
	for _, x := range all[8:] {
		x.Release()
	}
	defer func() {
		for _, x := range all[:8] {
			x.Release()
		}
	}()
	round := func(b *testing.B) float64 {
		for b.Loop() {
			x, err := p.Get()
			if err != nil {
				b.Fatal(err)
			}
			x.Release()
		}
		return float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	}
	alone := 0.0
	b.Run("alone", func(b *testing.B) { alone = round(b) })
	watcher := start(b, "spin", strconv.Itoa(os.Getpid()))
	b.Run("watched", func(b *testing.B) {
		if ns := round(b); alone > 0 {
			b.ReportMetric(ns/alone, "x-alone")
		}
	})
	watcher.kill()
}
