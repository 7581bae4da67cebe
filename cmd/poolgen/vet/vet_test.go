package vet_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/cmd/poolgen/vet"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/analysistest"
)

// analyzer returns the one whose findings carry code.
func analyzer(t *testing.T, code string) *analysis.Analyzer {
	t.Helper()
	for i, c := range vet.Codes() {
		if c.Code == code {
			return vet.Analyzers()[i]
		}
	}
	t.Fatalf("no analyzer reports %s", code)
	return nil
}

// TestAnalyzers runs each analyzer on testdata/src/NAME, whose comments say what it must find, and no more.
func TestAnalyzers(t *testing.T) {
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range vet.Codes() {
		t.Run(c.Name, func(t *testing.T) {
			switch c.Code {
			case "PG1001", "PG1006", "PG1008":
				analysistest.RunWithSuggestedFixes(t, dir, vet.Analyzers()[i], c.Name)
			default:
				analysistest.Run(t, dir, vet.Analyzers()[i], c.Name)
			}
		})
	}
}

// TestClean runs every analyzer on code that uses buffers in all the ways that are right.
func TestClean(t *testing.T) {
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range vet.Analyzers() {
		t.Run(a.Name, func(t *testing.T) { analysistest.Run(t, dir, a, "clean", "wrapper") })
	}
}

func TestCodes(t *testing.T) {
	as, codes := vet.Analyzers(), vet.Codes()
	if len(as) != len(codes) {
		t.Fatalf("%d analyzers, %d codes", len(as), len(codes))
	}
	if err := analysis.Validate(as); err != nil {
		t.Fatal(err)
	}
	for i, c := range codes {
		if !regexp.MustCompile(`^PG1\d{3}$`).MatchString(c.Code) || c.Title == "" || c.Explain == "" || i > 0 && codes[i-1].Code >= c.Code {
			t.Errorf("%+v is no proper entry in order", c)
		}
		if as[i].Name != c.Name || !strings.Contains(as[i].Doc, c.Code) || analyzer(t, c.Code) != as[i] {
			t.Errorf("analyzer %s does not belong to %s", as[i].Name, c.Code)
		}
		if got, ok := vet.Explain(c.Code); !ok || got != c {
			t.Errorf("Explain(%s) = %+v, %t", c.Code, got, ok)
		}
	}
	if _, ok := vet.Explain("PG9999"); ok {
		t.Error("PG9999 is explained")
	}
}
