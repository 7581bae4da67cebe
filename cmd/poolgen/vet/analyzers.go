package vet

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
	"sync"

	"golang.org/x/tools/go/analysis"
)

// url is where the documentation of the analyzers is.
const url = "https://pkg.go.dev/github.com/poolgen/poolgen/cmd/poolgen/vet"

// Analyzers returns the analyzers in the order of their codes: the same ones at each call. The caller does not change them.
func Analyzers() []*analysis.Analyzer { return append([]*analysis.Analyzer(nil), analyzers()...) }

var analyzers = sync.OnceValue(func() []*analysis.Analyzer {
	refs := refsAnalyzer()
	var out []*analysis.Analyzer
	for _, c := range Codes() {
		a := &analysis.Analyzer{
			Name: c.Name,
			Doc:  c.Title + " (" + c.Code + ")\n" + c.Explain,
			URL:  url,
		}
		switch c.Code {
		case "PG1006":
			a.Run = runAtomic32
		case "PG1007":
			a.Run = func(pass *analysis.Pass) (any, error) { return runCopies(pass, refs) }
			a.Requires = []*analysis.Analyzer{refs}
		case "PG1008":
			a.Run = runPadding
		default:
			a.Run = func(pass *analysis.Pass) (any, error) {
				report(pass, c.Code, pass.ResultOf[refs].(*findings).of(c.Code))
				return nil, nil
			}
			a.Requires = []*analysis.Analyzer{refs}
		}
		out = append(out, a)
	}
	return out
})

// report reports ds with their code, but for those that a comment excepts:
//
//	//lint:ignore PG1003 this test wants the panic
//
// at the end of the line, or on the line above. The reason is required.
func report(pass *analysis.Pass, code string, ds []analysis.Diagnostic) {
	if len(ds) == 0 {
		return
	}
	ignored := ignoredLines(pass, code)
	for _, d := range ds {
		p := pass.Fset.Position(d.Pos)
		if ignored[lineKey{p.Filename, p.Line}] {
			continue
		}
		d.Category = code
		d.Message = fmt.Sprintf("%s (%s)", d.Message, code)
		pass.Report(d)
	}
}

type lineKey struct {
	file string
	line int
}

func ignoredLines(pass *analysis.Pass, code string) map[lineKey]bool {
	lines := make(map[lineKey]bool)
	for _, f := range pass.Files {
		for _, g := range f.Comments {
			for _, c := range g.List {
				if !ignores(c, code) {
					continue
				}
				p := pass.Fset.Position(c.Pos())
				lines[lineKey{p.Filename, p.Line}] = true
				lines[lineKey{p.Filename, p.Line + 1}] = true
			}
		}
	}
	return lines
}

func ignores(c *ast.Comment, code string) bool {
	rest, ok := strings.CutPrefix(c.Text, "//lint:ignore ")
	if !ok {
		return false
	}
	codes, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if strings.TrimSpace(reason) == "" {
		return false
	}
	for _, c := range strings.Split(codes, ",") {
		if c == code {
			return true
		}
	}
	return false
}

// fileOf returns the file of the pass that holds pos, or nil.
func fileOf(pass *analysis.Pass, pos token.Pos) *ast.File {
	for _, f := range pass.Files {
		if f.FileStart <= pos && pos < f.FileEnd {
			return f
		}
	}
	return nil
}
