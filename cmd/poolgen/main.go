// Command poolgen generates typed pools in Go, and C headers that agree with them to the byte, from annotated structs.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/poolgen/poolgen/internal/gen"
	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK     = 0
	exitSource = 1 // the source is wrong, or a generated file is stale with -check
	exitUsage  = 2 // the command line is wrong, or the environment: no such package, a file that cannot be written
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// errSource says that what is wrong has been printed already.
var errSource = errors.New("source is wrong")

func run(args []string, stdout, stderr io.Writer) int {
	cmd := command(stdout, stderr)
	cmd.SetArgs(singleDash(args))
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	switch err := cmd.Execute(); {
	case err == nil:
		return exitOK
	case errors.Is(err, errSource):
		return exitSource
	default:
		fmt.Fprintf(stderr, "poolgen: %v\n", err)
		return exitUsage
	}
}

// singleDash lets -header and -check be written with one dash, as the go command's flags are.
func singleDash(args []string) []string {
	out := make([]string, 0, len(args))
	for _, a := range args {
		for _, long := range []string{"header", "check", "help"} {
			if a == "-"+long || len(a) > len(long)+1 && a[:len(long)+2] == "-"+long+"=" {
				a = "-" + a
				break
			}
		}
		out = append(out, a)
	}
	return out
}

func command(stdout, stderr io.Writer) *cobra.Command {
	var c gen.Config
	var verbose bool
	cmd := &cobra.Command{
		Use:   "poolgen [packages]",
		Short: "Generate typed pools that Go and C share from annotated structs",
		Long: `poolgen reads structs annotated with //poolgen:pool and writes, beside each source
file NAME.go, NAME_pool.go with the typed pool and NAME_pool.h for C. Packages are
named as for the go command; the default is the one in this folder.

Exit status: 0 done, 1 the source is wrong or (with -check) a file is stale,
2 the command line or the environment is wrong.`,
		Example: `  //go:generate go tool poolgen

  //poolgen:pool shared prealloc=16 max=256
  type frame struct {
      PTS int64
      PCM [1920]int16 ` + "`poolgen:\"align=64\"`" + `
  }`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(_ *cobra.Command, args []string) error {
			c.Patterns = args
			if len(args) == 0 {
				c.Patterns = []string{"."}
			}
			r, err := gen.Run(c)
			if err != nil {
				return err
			}
			return report(r, c.Check, verbose, stdout, stderr)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&c.Output, "output", "o", "", "write the Go code to `file`")
	f.StringVar(&c.Header, "header", "", "write the C header to `file`")
	f.BoolVar(&c.Check, "check", false, "write nothing; exit 1 if a generated file is stale")
	f.BoolVarP(&verbose, "verbose", "v", false, "say what is written and what is unchanged")
	return cmd
}

func report(r *gen.Result, check, verbose bool, stdout, stderr io.Writer) error {
	for _, d := range r.Diagnostics {
		fmt.Fprintln(stderr, d)
	}
	if len(r.Diagnostics) > 0 {
		return errSource
	}
	for _, name := range r.Written {
		switch {
		case check:
			fmt.Fprintf(stderr, "%s is stale: run go generate\n", name)
		case verbose:
			fmt.Fprintf(stdout, "wrote %s\n", name)
		}
	}
	if verbose {
		for _, name := range r.Unchanged {
			fmt.Fprintf(stdout, "unchanged %s\n", name)
		}
	}
	if check && len(r.Written) > 0 {
		return errSource
	}
	return nil
}
