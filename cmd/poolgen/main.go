package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit codes.
const (
	exitOK     = 0
	exitSource = 1 // the source or the place of an output is wrong, or a generated file is stale with -check
	exitUsage  = 2 // the command line is wrong, or the environment: no such package, a disk that is full
)

func main() {
	asVetTool(os.Args[1:])
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// What is wrong has been told already: with the source, with the command line or the environment.
var (
	errSource = errors.New("source is wrong")
	errTold   = errors.New("environment is wrong")
)

// root is the whole command: generating is what it does unless a subcommand is named. Each subcommand is a file of its own.
func root(stdout, stderr io.Writer) *cobra.Command {
	cmd := generateCommand(stdout, stderr)
	cmd.AddCommand(
		initCommand(stdout),
		explainCommand(stdout),
		completionCommand(stdout),
		versionCommand(stdout),
		vetCommand(stdout, stderr),
		layoutCommand(stdout),
		topCommand(stdout, stderr),
		reportCommand(stdout),
	)
	return cmd
}

func run(args []string, stdout, stderr io.Writer) int {
	cmd := root(stdout, stderr)
	cmd.CompletionOptions.DisableDefaultCmd = true // ours is shorter
	cmd.SetArgs(singleDash(args))
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	cmd.SetFlagErrorFunc(flagError)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := cmd.ExecuteContext(ctx); {
	case err == nil:
		return exitOK
	case errors.Is(err, errSource):
		return exitSource
	case errors.Is(err, errTold):
		return exitUsage
	default:
		fmt.Fprintf(stderr, "poolgen: %v\n", err)
		return exitUsage
	}
}

// singleDash lets -header and -check be written with one dash, as the go command's flags are. Letters are never run together,
// so -chek is a misspelt -check and not -c -h -e -k.
func singleDash(args []string) []string {
	out := make([]string, 0, len(args))
	for i, a := range args {
		// The last word of a completion request is what was typed so far: what completes it must begin alike.
		if a == "--" || strings.HasPrefix(args[0], "__complete") && i == len(args)-1 {
			return append(out, args[i:]...)
		}
		name, _, _ := strings.Cut(a, "=")
		if len(name) > 2 && name[0] == '-' && name[1] != '-' {
			a = "-" + a
		}
		out = append(out, a)
	}
	return out
}

// flagError adds the nearest flag to what is said of an unknown one.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	name := unknown.GetSpecifiedName()
	if near := nearest(name, names); near != "" {
		return fmt.Errorf("unknown flag -%s: did you mean -%s?", name, near)
	}
	return fmt.Errorf("unknown flag -%s: %s -h lists those there are", name, cmd.CommandPath())
}

// unknownCommand is the error for a first argument that looks like a misspelt subcommand, or nil.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 || strings.ContainsAny(args[0], "./") {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	if near := nearest(args[0], names); near != "" {
		return fmt.Errorf("unknown command %q: did you mean %q? (a package in a folder of that name is ./%s)", args[0], near, args[0])
	}
	return nil
}

// nearest is the name that s was probably meant to be, or "".
func nearest(s string, names []string) string {
	best, most := "", max(1, len(s)/3)
	for _, n := range names {
		d := distance(s, n)
		if len(s) > 1 && strings.HasPrefix(n, s) {
			d = min(d, 1)
		}
		if d <= most && (best == "" || d < most) {
			best, most = n, d
		}
	}
	return best
}

// distance counts the letters to insert, remove, change or swap with a neighbour to make b of a.
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
