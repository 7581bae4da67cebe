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
	list := []output{{path: goPath, content: src}}
	if header != nil {
		list = append(list, output{path: headerPath, content: header})
	}
	return list, nil
}

// write writes what differs from the files there are, each at once: a reader never sees half a file.
func write(list []output, c Config, r *Result) error {
	for _, o := range list {
		old, err := os.ReadFile(o.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("reading the last output: %w", err)
		}
		name := shortened(c.Dir, o.path)
		if err == nil && bytes.Equal(old, o.content) {
			r.Unchanged = append(r.Unchanged, name)
			continue
		}
		if !c.Check {
			if err := replace(o); err != nil {
				return fmt.Errorf("writing output: %w", err)
			}
		}
		r.Written = append(r.Written, name)
	}
	return nil
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
