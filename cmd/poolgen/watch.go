package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/poolgen/poolgen/internal/gen"
)

// A change is acted upon when nothing has followed it for quiet, or after patience: an editor writes a file in several steps.
const (
	quiet    = 100 * time.Millisecond
	patience = 2 * time.Second
)

// watch calls once, and again after each change of a file that c depends on, until ctx is done. An error of once does not end it.
// once returns the folders beyond the patterns that it read.
func watch(ctx context.Context, c gen.Config, stderr io.Writer, once func() ([]string, error)) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching for changes: %w", err)
	}
	defer w.Close()
	said := 0
	for {
		// Folders are watched before they are read: a change between the two is seen.
		if err := watchFolders(w, c, nil); err != nil {
			return err
		}
		more, err := once()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, errSource) && !errors.Is(err, errTold) {
			fmt.Fprintf(stderr, "poolgen: %v\n", err)
		}
		if err := watchFolders(w, c, more); err != nil {
			return err
		}
		if n := len(w.WatchList()); n != said {
			said = n
			fmt.Fprintf(stderr, "poolgen: watching %d folders; Ctrl-C ends it\n", n)
		}
		if err := change(ctx, w); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

func watchFolders(w *fsnotify.Watcher, c gen.Config, more []string) error {
	dirs, err := gen.Folders(c)
	if err != nil {
		return err
	}
	for _, d := range append(dirs, more...) {
		if err := w.Add(d); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("watching %s: %w", d, err)
		}
	}
	return nil
}

// change returns after a change that matters, when it is over.
func change(ctx context.Context, w *fsnotify.Watcher) error {
	var settled, late <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-settled:
			return nil
		case <-late:
			return nil
		case e, ok := <-w.Events:
			if !ok {
				return errors.New("watching for changes: the watcher was closed")
			}
			if !matters(e) {
				continue
			}
			settled = time.After(quiet)
			if late == nil {
				late = time.After(patience)
			}
		case err, ok := <-w.Errors:
			if !ok {
				return errors.New("watching for changes: the watcher was closed")
			}
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return fmt.Errorf("watching for changes: %w", err)
			}
			settled = time.After(quiet) // what was lost may matter
		}
	}
}

// matters reports whether an event can change what is generated. A name without an extension may be a folder that came or went.
func matters(e fsnotify.Event) bool {
	name := filepath.Base(e.Name)
	if e.Op == fsnotify.Chmod || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || strings.HasSuffix(name, "_test.go") {
		return false
	}
	switch filepath.Ext(name) {
	case ".go", ".h", ".mod", ".sum", ".work":
		return true
	case "":
		return e.Has(fsnotify.Create) || e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename)
	}
	return e.Has(fsnotify.Create) && isFolder(e.Name)
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}
