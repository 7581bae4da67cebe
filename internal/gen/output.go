package gen

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// output is one file to be written.
type output struct {
	path    string
	content []byte
	from    origin
}

// render makes the files of a source file.
func (f *file) render(c Config) ([]output, error) {
	stem := strings.TrimSuffix(f.source, ".go")
	goPath, headerPath := stem+goSuffix, stem+headerSuffix
	if c.Output != "" {
		goPath = filepath.Join(c.Dir, c.Output)
		if filepath.IsAbs(c.Output) {
			goPath = c.Output
		}
	}
	if c.Header != "" {
		headerPath = filepath.Join(c.Dir, c.Header)
		if filepath.IsAbs(c.Header) {
			headerPath = c.Header
		}
	}
	list, err := f.renderBinds(stem)
	if err != nil || len(f.pools)+len(f.allocs) == 0 {
		return list, err
	}
	src, err := f.goFile()
	if err != nil {
		return nil, err
	}
	guard := strings.ToUpper(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, f.prefix+"_"+filepath.Base(headerPath)))
	header, err := f.header(guard)
	if err != nil {
		return nil, fmt.Errorf("rendering the header for %s: %w", f.source, err)
	}
	list = append([]output{{path: goPath, content: src}}, list...)
	if header != nil {
		list = append(list, output{path: headerPath, content: header})
	}
	return list, nil
}

// renderBinds makes the two files of the bindings in a source file.
func (f *file) renderBinds(stem string) ([]output, error) {
	if len(f.binds) == 0 {
		return nil, nil
	}
	cgo, nocgo, err := f.bindFiles()
	return []output{{path: stem + cgoSuffix, content: cgo}, {path: stem + nocgoSuffix, content: nocgo}}, err
}

// write writes what differs from the files there are, each at once: a reader never sees half a file. It looks at all of them before it
// writes any.
func write(list []output, c Config, r *Result) error {
	errs := make([]error, len(list))
	fresh := make([]bool, len(list))
	each(len(list), func(i int) { fresh[i], errs[i] = list[i].fresh() })
	if err := firstError(errs); err != nil {
		return err
	}
	for i, o := range list {
		if name := shortened(c.Dir, o.path); fresh[i] {
			r.Unchanged = append(r.Unchanged, name)
		} else {
			r.Written = append(r.Written, name)
		}
	}
	if c.Check {
		return nil
	}
	each(len(list), func(i int) {
		if !fresh[i] {
			errs[i] = replace(list[i])
		}
	})
	if err := firstError(errs); err != nil {
		return fmt.Errorf("writing output: %w", err)
	}
	return nil
}

func firstError(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// fresh reports whether the file is there as it should be.
func (o *output) fresh() (bool, error) {
	old, err := os.ReadFile(o.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("reading the last output: %w", err)
	case bytes.Equal(old, o.content):
		return true, nil
	}
	return false, nil
}

func replace(o output) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(o.path), "."+filepath.Base(o.path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	if _, err = tmp.Write(o.content); err != nil {
		return errors.Join(err, tmp.Close())
	}
	if err = tmp.Chmod(0o644); err != nil {
		return errors.Join(err, tmp.Close())
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), o.path)
}
