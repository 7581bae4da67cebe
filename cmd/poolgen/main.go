// Command poolgen generates typed pools in Go, and C headers that agree with them to the byte, from annotated structs.
//
// A struct is annotated in the comment above it:
//
//	//poolgen:pool shared prealloc=16 max=256 align=64
//	type frame struct {
//		PTS  int64
//		Drop uint64      `poolgen:"atomic"`
//		PCM  [1920]int16 `poolgen:"align=64"`
//	}
//
// Options of the directive, all optional:
//
//	shared        C must be able to share the struct: a field that it cannot hold is an error. Without it the pool
//	              of such a struct stays on the Go heap, and there is no header.
//	prealloc=N    blocks whose memory is committed at the start
//	max=N         blocks at most
//	budget=SIZE   bytes at most, bookkeeping included: 65536, 64KiB, 8MiB
//	align=SIZE    alignment of a block: a power of two from 64 to 1MiB
//	as=Name       name of the Go type that is emitted; by default the struct's, exported
//	prefix=name   prefix of names in C; by default the package's name, of a program the last part of its import path
//
// Options in a field's tag `poolgen:"..."`:
//
//	atomic        the field becomes a sync/atomic type, and C gets load, store and add; int32, uint32, int64 or uint64.
//	              With GOARM below 7 a 64-bit one is atomic within one language only.
//	align=SIZE    alignment of the field within the struct: a power of two
//
// Fields hold fixed-size integers, floats, named types of them, arrays, and structs of those. The constants of a named integer
// type become typed constants in C. bool, int, uint, uintptr, strings, slices, maps and pointers are refused with what to write instead.
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
