package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/poolgen/poolgen/internal/gen"
	"github.com/spf13/cobra"
)

func generateCommand(stdout, stderr io.Writer) *cobra.Command {
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
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := unknownCommand(cmd, args); err != nil {
				return err
			}
			c.Patterns = args
			if len(args) == 0 {
				c.Patterns = []string{"."}
			}
			c.Cache = cacheDir()
			r, err := gen.RunContext(cmd.Context(), c)
			if err != nil {
				return err
			}
			return report(r, c.Check, verbose, stdout, stderr)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&c.Output, "output", "o", "", "write the Go code to `file`")
	f.StringVar(&c.Header, "header", "", "write the C header to `file`")
	f.BoolVar(&c.Check, "check", false, "write nothing; exit 1 if a generated file is stale")
	f.StringVar(&c.Tags, "tags", "", "build `tags`, separated by commas")
	f.BoolVarP(&verbose, "verbose", "v", false, "say what is written and what is unchanged")
	return cmd
}

// cacheDir is the folder that remembers what was generated from what: $POOLGEN_CACHE, or one below the user's cache folder. It is ""
// when the variable is off, or when there is no such folder.
func cacheDir() string {
	switch dir := os.Getenv("POOLGEN_CACHE"); dir {
	case "":
		user, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		return filepath.Join(user, "poolgen")
	case "off":
		return ""
	default:
		return dir
	}
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
