package gen

import (
	"cmp"
	"fmt"
	"go/token"
	"slices"
)

// Diagnostic is one thing wrong with the source: where, what, and the mend.
type Diagnostic struct {
	Code    Code
	Pos     token.Position
	Message string
}

func (d Diagnostic) String() string {
	if d.Pos.Filename == "" {
		return fmt.Sprintf("%s (%s)", d.Message, d.Code)
	}
	return fmt.Sprintf("%s:%d:%d: %s (%s)", d.Pos.Filename, d.Pos.Line, d.Pos.Column, d.Message, d.Code)
}

// diagnostics collects all that is wrong in one run.
type diagnostics struct {
	fset *token.FileSet
	list []Diagnostic
}

func (d *diagnostics) addf(pos token.Pos, code Code, format string, args ...any) {
	d.list = append(d.list, Diagnostic{code, d.fset.Position(pos), fmt.Sprintf(format, args...)})
}

func sorted(list []Diagnostic) []Diagnostic {
	slices.SortStableFunc(list, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Pos.Filename, b.Pos.Filename), a.Pos.Line-b.Pos.Line, a.Pos.Column-b.Pos.Column, cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(list)
}
