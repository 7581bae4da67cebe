package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/poolgen/poolgen/cmd/poolgen/vet"
	"github.com/poolgen/poolgen/internal/gen"
	"github.com/spf13/cobra"
	"golang.org/x/tools/go/analysis/unitchecker"
)

// asVetTool runs poolgen as the go command's vet tool where args are what that passes (-V=full, -flags, or flags and a file
// *.cfg), and does not return then.
func asVetTool(args []string) {
	if len(args) == 0 {
		return
	}
	switch last := args[len(args)-1]; {
	case len(args) == 1 && (last == "-V=full" || last == "-flags"):
	case strings.HasSuffix(last, ".cfg") && !slices.ContainsFunc(args[:len(args)-1], func(a string) bool { return !strings.HasPrefix(a, "-") }):
	default:
		return
	}
	unitchecker.Main(vet.Analyzers()...)
}

func vetCommand(stdout, stderr io.Writer) *cobra.Command {
	var v vetRun
	p := reporter{stdout: stdout, stderr: stderr}
	var color string
	cmd := &cobra.Command{
		Use:   "vet [packages]",
		Short: "Find buffers that are not released, used too late, and other misuse",
		Long: `vet checks packages, their tests included, for misuse of pooled buffers: references that
some path does not release, that are used after their release or released twice, slices
kept past it, 64-bit atomics that 32-bit machines misalign, structs whose field order
wastes memory. Each finding has a code; poolgen explain CODE says more about it.

It runs the go command, which caches what it found. The same checks run as
go vet -vettool=$(which poolgen), and in golangci-lint as a plugin.

Exit status: 0 nothing found, 1 something found, 2 the packages do not compile or
the command line is wrong.`,
		Example: `  poolgen vet ./...
  poolgen vet -fix ./...
  poolgen vet -tags=poolgen_debug -json ./...`,
		RunE: func(_ *cobra.Command, args []string) error {
			if v.json && p.sarif == "-" {
				return errors.New("-json and -sarif=- both write to standard output: give -sarif a file")
			}
			var err error
			if p.paint, err = newPaint(color, stderr); err != nil {
				return err
			}
			v.patterns = args
			if len(args) == 0 {
				v.patterns = []string{"."}
			}
			return v.run(&p)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&v.fix, "fix", false, "apply the fixes there are, then report what is left")
	f.BoolVar(&v.json, "json", false, "write the findings as one JSON object")
	f.StringVar(&p.sarif, "sarif", "", "write the findings as SARIF 2.1.0 to `file`, or - for standard output")
	f.StringVar(&v.tags, "tags", "", "build `tags`, separated by commas")
	colorFlag(cmd, &color)
	return cmd
}

type vetRun struct {
	fix, json bool
	tags      string
	patterns  []string
}

// vetReport is what poolgen vet -json writes, on one line. The list is there even when it is empty.
type vetReport struct {
	Version     int          `json:"version"` // 1; a later one only adds members
	Diagnostics []vetFinding `json:"diagnostics"`
	Error       string       `json:"error"` // what was wrong with the packages or the environment, or ""
}

// vetFinding is one finding of poolgen vet -json. Lines and columns count from 1, columns in bytes.
type vetFinding struct {
	Code    string `json:"code"`
	File    string `json:"file"` // relative to the working folder if it is below that
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"` // what -fix would do
}

func (v *vetRun) run(p *reporter) error {
	if v.fix {
		if _, err := v.goVet("-fix"); err != nil {
			return err
		}
	}
	out, failed := v.goVet("-json") // findings in the packages that do compile are worth having
	found, err := parseVet(out)
	if err != nil {
		return errors.Join(failed, err)
	}
	var r gen.Result
	for _, f := range found {
		at := token.Position{Filename: f.File, Line: f.Line, Column: f.Column}
		r.Diagnostics = append(r.Diagnostics, gen.Diagnostic{Code: f.Code, Pos: at, Message: f.Message})
	}
	if p.sarif != "" {
		if err := p.writeSARIF(&r, failed); err != nil {
			return errors.Join(failed, err)
		}
	}
	switch {
	case v.json:
		report := vetReport{Version: 1, Diagnostics: found}
		if failed != nil {
			report.Error = failed.Error()
			failed = errTold
		}
		data, err := encode(report, "")
		if err == nil {
			_, err = p.stdout.Write(data)
		}
		if err != nil {
			return err
		}
	case p.sarif != "-":
		p.writeText(&r)
	}
	if failed == nil && len(found) > 0 {
		return errSource
	}
	return failed
}

// goVet runs go vet with this program as its tool and returns what it printed.
func (v *vetRun) goVet(flag string) ([]byte, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding poolgen itself: %w", err)
	}
	args := []string{"vet", "-vettool=" + self, flag}
	if v.tags != "" {
		args = append(args, "-tags="+v.tags)
	}
	cmd := exec.Command("go", append(append(args, "--"), v.patterns...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if text := strings.TrimSpace(string(withoutHeads(errs.Bytes()))); errors.As(err, &exit) && text != "" {
			return out.Bytes(), fmt.Errorf("go vet: %s", text)
		}
		return out.Bytes(), fmt.Errorf("go vet: %w", err)
	}
	return out.Bytes(), nil
}

// withoutHeads drops the lines with which the go command begins what it prints of each package.
func withoutHeads(out []byte) []byte {
	var text []byte
	for line := range bytes.Lines(out) {
		if !bytes.HasPrefix(line, []byte("#")) {
			text = append(text, line...)
		}
	}
	return text
}

// parseVet reads what go vet -json printed: objects of findings by package and analyzer. A package and its test variant find the
// same twice.
func parseVet(out []byte) ([]vetFinding, error) {
	text := withoutHeads(out)
	found := []vetFinding{}
	dec := json.NewDecoder(bytes.NewReader(text))
	for {
		var packages map[string]map[string]json.RawMessage
		if err := dec.Decode(&packages); err == io.EOF {
			break
		} else if err != nil {
			return nil, fmt.Errorf("reading what go vet printed: %w: %s", err, bytes.TrimSpace(text))
		}
		for pkg, analyzers := range packages {
			for name, raw := range analyzers {
				fs, err := parseFindings(raw)
				if err != nil {
					return nil, fmt.Errorf("checking %s for %s: %w", pkg, name, err)
				}
				found = append(found, fs...)
			}
		}
	}
	slices.SortFunc(found, func(a, b vetFinding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Message, b.Message), cmp.Compare(b.Fix, a.Fix))
	})
	return slices.CompactFunc(found, func(a, b vetFinding) bool { a.Fix, b.Fix = "", ""; return a == b }), nil
}

func parseFindings(raw json.RawMessage) ([]vetFinding, error) {
	var failed struct{ Error string }
	if json.Unmarshal(raw, &failed) == nil && failed.Error != "" {
		return nil, errors.New(failed.Error)
	}
	var ds []struct {
		Category, Posn, Message string
		Fixes                   []struct{ Message string } `json:"suggested_fixes"`
	}
	if err := json.Unmarshal(raw, &ds); err != nil {
		return nil, err
	}
	var out []vetFinding
	for _, d := range ds {
		f := vetFinding{Code: d.Category, Message: strings.TrimSuffix(d.Message, " ("+d.Category+")")}
		f.File, f.Line, f.Column = position(d.Posn)
		if len(d.Fixes) > 0 {
			f.Fix = d.Fixes[0].Message
		}
		out = append(out, f)
	}
	return out, nil
}

// position splits file:line:col and shortens the file's name.
func position(s string) (file string, line, col int) {
	parts := strings.Split(s, ":")
	n := len(parts)
	if n < 3 {
		return s, 0, 0
	}
	file = strings.Join(parts[:n-2], ":")
	line, _ = strconv.Atoi(parts[n-2])
	col, _ = strconv.Atoi(parts[n-1])
	if dir, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(dir, file); err == nil && !strings.HasPrefix(rel, "..") {
			file = rel
		}
	}
	return file, line, col
}
