package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// paint writes text in colour, or as it is.
type paint struct{ on bool }

// Attributes of a terminal, as in ECMA-48.
const (
	bold  = "1"
	faint = "2"
	red   = "31"
	green = "32"
	cyan  = "36"
)

func (p paint) as(attribute, s string) string {
	if !p.on || s == "" {
		return s
	}
	return "\x1b[" + attribute + "m" + s + "\x1b[0m"
}

// newPaint decides for one output: always, never, or auto, which is on a terminal that is not dumb, unless $NO_COLOR is set.
func newPaint(mode string, w io.Writer) (paint, error) {
	switch mode {
	case "always":
		return paint{true}, nil
	case "never":
		return paint{}, nil
	case "auto":
		f, ok := w.(*os.File)
		return paint{ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))}, nil
	}
	return paint{}, fmt.Errorf("-color=%s: choose auto, always or never", mode)
}

// colorFlag adds -color to a command.
func colorFlag(cmd *cobra.Command, mode *string) {
	cmd.Flags().StringVar(mode, "color", "auto", "colour the output: `when` is auto, always or never")
	// The error is that of a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]cobra.Completion{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp))
}
