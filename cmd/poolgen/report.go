package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"github.com/poolgen/poolgen/internal/gen"
)

// reporter tells what a run found and did, in the forms that were asked for.
type reporter struct {
	stdout, stderr io.Writer
	check, verbose bool
	asJSON         bool
	sarif          string // a file, - for standard output, or ""
	paint          paint  // for stderr
}

// jsonReport is what -json writes: one object for a run, on one line. All lists are there even when they are empty; file names are
// relative to the folder of the run, with slashes, unless the file is outside of it.
type jsonReport struct {
	Version     int              `json:"version"`     // 1; a later one only adds members
	Diagnostics []jsonDiagnostic `json:"diagnostics"` // what is wrong with the source, by file, line and column
	Written     []string         `json:"written"`     // files that were written
	Removed     []string         `json:"removed"`     // files that were removed, since no source asks for them any more
	Stale       []string         `json:"stale"`       // files that would have been written or removed, with -check
	Unchanged   []string         `json:"unchanged"`   // files that are as they should be
	Skipped     int              `json:"skipped"`     // packages that were not read again, since nothing has changed
	Error       string           `json:"error"`       // what was wrong with the command line or the environment, or ""
}

type jsonDiagnostic struct {
	Code    string `json:"code"` // such as PG0012; poolgen explain tells more
	File    string `json:"file"`
	Line    int    `json:"line"`   // from 1; 0 when it is about the whole file
	Column  int    `json:"column"` // from 1, in bytes
	Message string `json:"message"`
}

// report returns errSource when the source is wrong or a file is stale, and err, which it has told then, when that is not nil.
func (p *reporter) report(r *gen.Result, err error) error {
	if r == nil {
		r = &gen.Result{}
	}
	if p.sarif != "" {
		if e := p.writeSARIF(r, err); e != nil {
			return errors.Join(err, e)
		}
	}
	if p.asJSON {
		if e := p.writeJSON(r, err); e != nil {
			return e
		}
		if err != nil {
			return errTold
		}
	} else if err != nil {
		return err
	} else {
		p.writeText(r)
	}
	if len(r.Diagnostics) > 0 || p.check && len(r.Written)+len(r.Removed) > 0 {
		return errSource
	}
	return nil
}

func (p *reporter) writeText(r *gen.Result) {
	for _, d := range r.Diagnostics {
		fmt.Fprintln(p.stderr, p.diagnostic(d))
	}
	if len(r.Diagnostics) > 0 {
		return
	}
	for _, name := range r.Written {
		switch {
		case p.check:
			fmt.Fprintf(p.stderr, "%s is stale: run go generate\n", p.paint.as(bold, name))
		case p.verbose && p.sarif != "-":
			fmt.Fprintf(p.stdout, "wrote %s\n", name)
		}
	}
	for _, name := range r.Removed {
		if p.check {
			fmt.Fprintln(p.stderr, leftOver(p.paint.as(bold, name)))
		} else {
			fmt.Fprintf(p.stderr, "removed %s: no source asks for it any more\n", p.paint.as(bold, name))
		}
	}
	if p.verbose && p.sarif != "-" {
		for _, name := range r.Unchanged {
			fmt.Fprintf(p.stdout, "unchanged %s\n", name)
		}
	}
}

func leftOver(name string) string {
	return name + " is left over, no source asks for it any more: run go generate, or remove it"
}

// diagnostic is d as it prints itself, its parts in colour.
func (p *reporter) diagnostic(d gen.Diagnostic) string {
	if !p.paint.on {
		return d.String()
	}
	s := d.Message
	if d.Pos.Filename != "" {
		s = p.paint.as(bold, fmt.Sprintf("%s:%d:%d:", d.Pos.Filename, d.Pos.Line, d.Pos.Column)) + " " + p.paint.as(red, d.Message)
	}
	if d.Code != "" {
		s += " " + p.paint.as(faint, "("+d.Code+")")
	}
	return s
}

func (p *reporter) writeJSON(r *gen.Result, err error) error {
	j := jsonReport{Version: 1, Diagnostics: []jsonDiagnostic{}, Written: []string{}, Removed: []string{}, Stale: []string{}, Unchanged: []string{}, Skipped: r.Skipped}
	for _, d := range r.Diagnostics {
		j.Diagnostics = append(j.Diagnostics, jsonDiagnostic{d.Code, filepath.ToSlash(d.Pos.Filename), d.Pos.Line, d.Pos.Column, d.Message})
	}
	if p.check {
		j.Stale = append(append(j.Stale, r.Written...), r.Removed...)
		slices.Sort(j.Stale)
	} else {
		j.Written = append(j.Written, r.Written...)
		j.Removed = append(j.Removed, r.Removed...)
	}
	j.Unchanged = append(j.Unchanged, r.Unchanged...)
	if err != nil {
		j.Error = err.Error()
	}
	data, err := encode(j, "")
	if err == nil {
		_, err = p.stdout.Write(data)
	}
	return err
}

// encode leaves <, > and & as they are: nothing here is put into a web page.
func encode(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	err := e.Encode(v)
	return b.Bytes(), err
}

func (p *reporter) writeSARIF(r *gen.Result, err error) error {
	var found []finding
	for _, d := range r.Diagnostics {
		found = append(found, finding{d.Code, d.Pos.Filename, d.Pos.Line, characters(d.Pos), d.Message})
	}
	if p.check {
		for _, name := range r.Written {
			found = append(found, finding{codeStale, name, 0, 0, name + " is stale: run go generate"})
		}
		for _, name := range r.Removed {
			found = append(found, finding{codeStale, name, 0, 0, leftOver(name)})
		}
	}
	data, e := encode(sarifLog(found, err), "  ")
	if e != nil {
		return e
	}
	if p.sarif == "-" {
		_, e = p.stdout.Write(data)
		return e
	}
	if e := os.WriteFile(p.sarif, data, 0o644); e != nil {
		return fmt.Errorf("writing -sarif: %w", e)
	}
	return nil
}

// characters is the column of a position counted in characters instead of bytes.
func characters(at token.Position) int {
	src, err := os.ReadFile(at.Filename)
	if err != nil {
		return at.Column
	}
	for n := 1; n < at.Line; n++ {
		_, src, _ = bytes.Cut(src, []byte("\n"))
	}
	if at.Column < 1 || at.Column-1 > len(src) {
		return at.Column
	}
	return utf8.RuneCount(src[:at.Column-1]) + 1
}
