package main

import (
	"strings"

	"github.com/poolgen/poolgen/cmd/poolgen/vet"
	"github.com/poolgen/poolgen/internal/gen"
)

// rule is one kind of diagnostic, as explain and SARIF tell it.
type rule struct {
	code  string // PG0012
	name  string // of the analyzer, of a finding of vet
	title string // one line
	text  string // a few paragraphs: what it means and what to write instead
}

// codeStale is the code of what -check finds. The others come from where they are found.
const codeStale = "PG0000"

// rules are all kinds of diagnostics, by code.
func rules() []rule {
	list := []rule{{codeStale, "", "a generated file is stale", `
With -check, what poolgen would write differs from the file that is there, or there is none, or one is there that no source asks for any more. Run go generate, or poolgen with the same
arguments but -check, and commit what it writes. The output does not depend on the machine, so a difference is one of the source, of
the options or of poolgen's version; a tool line in go.mod gives everybody the same version.`}}
	for _, c := range gen.Codes() {
		list = append(list, rule{c.Code, "", c.Title, c.Text + "\n\nWrong:\n\n" + indented(c.Wrong) + "\n\nRight:\n\n" + indented(c.Right)})
	}
	for _, c := range vet.Codes() {
		list = append(list, rule{c.Code, c.Name, c.Title, c.Explain})
	}
	return list
}

func indented(code string) string { return "\t" + strings.ReplaceAll(code, "\n", "\n\t") }

// width is the longest line of prose, in bytes.
const width = 90

// folded fills lines of prose anew; lines that are indented, and empty ones, stay.
func folded(text string) string {
	var out []string
	prose := false // the last line is one, and goes on
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == '\t' || line[0] == ' ' {
			out, prose = append(out, line), false
			continue
		}
		for word := range strings.FieldsSeq(line) {
			if last := len(out) - 1; prose && len(out[last])+1+len(word) <= width {
				out[last] += " " + word
			} else {
				out, prose = append(out, word), true
			}
		}
	}
	return strings.Join(out, "\n")
}
