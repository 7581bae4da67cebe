package golangci

import (
	"fmt"
	"slices"

	"github.com/golangci/plugin-module-register/register"
	"github.com/poolgen/poolgen/cmd/poolgen/vet"
	"golang.org/x/tools/go/analysis"
)

// Name is what the linter is called in .golangci.yml.
const Name = "poolgen"

func init() { register.Plugin(Name, New) }

// Settings are the linter's settings in .golangci.yml.
type Settings struct {
	Disable []string `json:"disable"` // codes such as PG1008, or names of analyzers such as padding
}

// New makes the plugin with the settings that golangci-lint read. It fails on settings that it does not know.
func New(settings any) (register.LinterPlugin, error) {
	s, err := register.DecodeSettings[Settings](settings)
	if err != nil {
		return nil, fmt.Errorf("settings of %s: %w", Name, err)
	}
	for _, d := range s.Disable {
		if !slices.ContainsFunc(vet.Codes(), func(c vet.Code) bool { return c.Code == d || c.Name == d }) {
			return nil, fmt.Errorf("settings of %s: disable names %q, which is no code and no analyzer of poolgen vet", Name, d)
		}
	}
	return &plugin{s}, nil
}

type plugin struct{ settings Settings }

func (p *plugin) BuildAnalyzers() ([]*analysis.Analyzer, error) {
	var out []*analysis.Analyzer
	for i, c := range vet.Codes() {
		if !slices.Contains(p.settings.Disable, c.Code) && !slices.Contains(p.settings.Disable, c.Name) {
			out = append(out, vet.Analyzers()[i])
		}
	}
	return out, nil
}

// GetLoadMode asks for types, which the analyzers need.
func (*plugin) GetLoadMode() string { return register.LoadModeTypesInfo }
