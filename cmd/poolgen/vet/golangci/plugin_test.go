package golangci_test

import (
	"strings"
	"testing"

	"github.com/golangci/plugin-module-register/register"
	"github.com/poolgen/poolgen/cmd/poolgen/vet"
	"github.com/poolgen/poolgen/cmd/poolgen/vet/golangci"
	"golang.org/x/tools/go/analysis"
)

// build asks for the analyzers as golangci-lint does.
func build(t *testing.T, settings any) []*analysis.Analyzer {
	t.Helper()
	newPlugin, err := register.GetPlugin(golangci.Name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPlugin(settings)
	if err != nil {
		t.Fatal(err)
	}
	if mode := p.GetLoadMode(); mode != register.LoadModeTypesInfo {
		t.Errorf("load mode %q", mode)
	}
	as, err := p.BuildAnalyzers()
	if err != nil {
		t.Fatal(err)
	}
	if err := analysis.Validate(as); err != nil {
		t.Error(err)
	}
	return as
}

func TestPlugin(t *testing.T) {
	if all := build(t, nil); len(all) != len(vet.Codes()) {
		t.Errorf("%d analyzers without settings, want %d", len(all), len(vet.Codes()))
	}
	some := build(t, map[string]any{"disable": []any{"PG1008", "atomic32"}})
	if len(some) != len(vet.Codes())-2 {
		t.Errorf("%d analyzers left of %d after two are disabled", len(some), len(vet.Codes()))
	}
	for _, a := range some {
		if a.Name == "padding" || a.Name == "atomic32" {
			t.Errorf("%s is still there", a.Name)
		}
	}
}

func TestBadSettings(t *testing.T) {
	for want, settings := range map[string]any{
		`"PG9"`:         map[string]any{"disable": []any{"PG9"}},
		"unknown field": map[string]any{"disabled": []any{"PG1001"}},
	} {
		if _, err := golangci.New(settings); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New(%v): %v, want an error with %s", settings, err, want)
		}
	}
}
