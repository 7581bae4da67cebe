package main

import (
	"strings"
	"testing"
)

func TestFolded(t *testing.T) {
	long := strings.Repeat("word ", 40)
	got := folded(long + "\nmore\n\n\tcode " + long + "\n\tcode\nend\nof it")
	lines := strings.Split(got, "\n")
	if n := len(lines); n != 7 || lines[2] != strings.TrimSpace(strings.Repeat("word ", 4))+" more" || lines[3] != "" || lines[5] != "\tcode" || lines[6] != "end of it" {
		t.Errorf("%d lines:\n%s", n, got)
	}
}

// TestRules checks that every code is explained, once, in lines that a terminal can hold.
func TestRules(t *testing.T) {
	last := ""
	for _, r := range rules() {
		if r.code <= last {
			t.Errorf("%s comes after %s", r.code, last)
		}
		last = r.code
		if r.title == "" || strings.HasSuffix(r.title, ".") || strings.TrimSpace(r.text) == "" {
			t.Errorf("%s: title %q, text %q", r.code, r.title, r.text)
		}
		for line := range strings.Lines(folded(r.text)) {
			if len(line) > width+1 && line[0] != '\t' {
				t.Errorf("%s: long line %q", r.code, line)
			}
		}
		for _, spelling := range []string{r.code, strings.ToLower(r.code), strings.TrimLeft(r.code[2:5], "0") + r.code[5:], "(" + r.code + ")"} {
			if got, err := findRule(spelling); err != nil || got.code != r.code {
				t.Errorf("%q is found as %s, %v", spelling, got.code, err)
			}
		}
	}
	if len(rules()) < 30 || last < "PG1001" {
		t.Errorf("%d codes up to %s are too few", len(rules()), last)
	}
}
