package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/poolgen/poolgen/internal/gen"
	"github.com/spf13/cobra"
)

func generateCommand(stdout, stderr io.Writer) *cobra.Command {
	var c gen.Config
	p := reporter{stdout: stdout, stderr: stderr}
	var watching bool
	var color string
	cmd := &cobra.Command{
		Use:   "poolgen [packages]",
		Short: "Generate typed pools that Go and C share, and bindings of C libraries",
		Long: `poolgen reads structs annotated with //poolgen:pool or //poolgen:sizeclass and writes,
beside each source file NAME.go, NAME_pool.go for Go and NAME_pool.h for C. From
interfaces annotated with //poolgen:bind it writes bindings of C libraries, NAME_cgo.go
and NAME_nocgo.go. Packages are named as for the go command; the default is the one in this folder.
Packages in which nothing has changed are passed over; POOLGEN_CACHE is the folder
that remembers them, or off.

Exit status: 0 done, 1 the source is wrong or (with -check) a file is stale,
2 the command line or the environment is wrong.`,
		Example: `  poolgen ./...             every package of the module
  poolgen -check ./...      for continuous integration
  poolgen -watch ./...      again after each change
  //go:generate go tool poolgen`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := unknownCommand(cmd, args); err != nil {
				return err
			}
			if p.asJSON && p.sarif == "-" {
				return errors.New("-json and -sarif=- both write to standard output: give -sarif a file")
			}
			if p.paint, err = newPaint(color, stderr); err != nil {
				return err
			}
			c.Patterns = args
			if len(args) == 0 {
				c.Patterns = []string{"."}
			}
			c.Cache, p.check = cacheDir(), c.Check
			once := func() ([]string, error) {
				r, err := gen.RunContext(cmd.Context(), c)
				if cmd.Context().Err() != nil {
					return nil, errors.New("interrupted")
				}
				if err := p.report(r, err); err != nil {
					return nil, err
				}
				return r.Folders, nil
			}
			if !watching {
				_, err := once()
				return err
			}
			return watch(cmd.Context(), c, stderr, once)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&c.Output, "output", "o", "", "write the Go code to `file`")
	f.StringVar(&c.Header, "header", "", "write the C header to `file`")
	f.StringVar(&c.Tags, "tags", "", "build `tags`, separated by commas")
	f.BoolVar(&c.Check, "check", false, "write nothing; exit 1 if a generated file is stale")
	f.BoolVar(&watching, "watch", false, "run again after each change, until Ctrl-C")
	f.BoolVar(&p.asJSON, "json", false, "write the result as one JSON object")
	f.StringVar(&p.sarif, "sarif", "", "write what is wrong as SARIF 2.1.0 to `file`, or - for standard output")
	colorFlag(cmd, &color)
	f.BoolVarP(&p.verbose, "verbose", "v", false, "say what is written and what is unchanged")
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
