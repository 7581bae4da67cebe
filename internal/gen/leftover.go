package gen

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// leftover finds files that poolgen wrote beside a source file that asks for them no more: its annotation is gone, it was renamed or removed,
// or C can no longer share any of its structs. wanted are the outputs that there should be. A source that build constraints keep out
// of this run keeps its files. With -o or -header it is not known where outputs were before, so nothing is taken for left over.
func leftover(pkgs []*listed, wanted map[string]bool, c Config, texts *sources) ([]string, error) {
	if c.Output+c.Header != "" {
		return nil, nil
	}
	var list []string
	for _, p := range pkgs {
		if p.DepOnly || p.fixed() || p.Dir == "" {
			continue
		}
		entries, err := os.ReadDir(p.Dir)
		if err != nil {
			return nil, fmt.Errorf("looking for files left over: %w", err)
		}
		sources := p.files()
		for _, e := range entries {
			path := filepath.Join(p.Dir, e.Name())
			stem, ours := stemOf(path)
			if !ours || !e.Type().IsRegular() || wanted[path] || !texts.read(path).generated {
				continue
			}
			if source := stem + ".go"; slices.Contains(sources, source) || !texts.read(source).annotated {
				list = append(list, path)
			}
		}
	}
	slices.Sort(list)
	return list, nil
}

// stemOf is the path of the source file, without .go, beside which an output of that name is written by default.
func stemOf(path string) (string, bool) {
	for _, suffix := range []string{goSuffix, headerSuffix, cgoSuffix, nocgoSuffix} {
		if stem, ok := strings.CutSuffix(path, suffix); ok {
			return stem, true
		}
	}
	return "", false
}

// remove removes files, unless nothing is to be written, and notes them.
func remove(list []string, c Config, r *Result) error {
	for _, path := range list {
		if !c.Check {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("removing a file left over: %w", err)
			}
		}
		r.Removed = append(r.Removed, shortened(c.Dir, path))
	}
	return nil
}
