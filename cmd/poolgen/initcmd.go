package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
)

const (
	toolPath     = "github.com/poolgen/poolgen/cmd/poolgen"
	generateLine = "//go:generate go tool poolgen"
)

// firstStruct is what init writes below the package clause; %[1]s is the name.
const firstStruct = `
// %[1]s is one block of the pool that poolgen makes: %[3]s in Go, and the same bytes in C.
//
// Fields hold fixed-size integers, floats, arrays and structs of those; poolgen says what to write instead of others.
//
//poolgen:pool shared prealloc=16 max=256
type %[1]s struct {
	PTS    int64           // when it was taken, in ns
	Drops  uint32          ` + "`poolgen:\"atomic\"`" + ` // counted by Go and by C
	Length uint32          // bytes of Data in use
	Data   [4096]byte      ` + "`poolgen:\"align=64\"`" + `
}
`

func initCommand(stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "init [name]",
		Short: "Write a first annotated struct into the package in this folder",
		Long: `init writes NAME.go with an annotated struct of that name, by default frame, into
the package in this folder, and says what to do next. It never overwrites a file.`,
		Example: `  poolgen init
  poolgen init packet`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := "frame"
			if len(args) > 0 {
				name = args[0]
			}
			return initPackage(".", name, stdout)
		},
	}
}

func initPackage(dir, name string, stdout io.Writer) error {
	if !token.IsIdentifier(name) || token.IsExported(name) || strings.ContainsFunc(name, func(r rune) bool { return r >= unicode.MaxASCII }) || name[0] == '_' {
		return fmt.Errorf("%q cannot name the struct: use a Go name in ASCII that begins with a small letter, such as frame", name)
	}
	mod, err := moduleFile(dir)
	if err != nil {
		return err
	}
	pkg, generates, err := lookAround(dir, name)
	if err != nil {
		return err
	}
	exported := strings.ToUpper(name[:1]) + name[1:] + "Pool"
	var text bytes.Buffer
	fmt.Fprintf(&text, "package %s\n", pkg)
	if !generates {
		fmt.Fprintf(&text, "\n%s\n", generateLine)
	}
	fmt.Fprintf(&text, firstStruct, name, pkg, exported)
	src, err := format.Source(text.Bytes())
	if err != nil {
		return fmt.Errorf("formatting %s.go: %w", name, err)
	}
	path := filepath.Join(dir, name+".go")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and init overwrites nothing: choose another name, as in poolgen init packet", path)
	} else if err != nil {
		return fmt.Errorf("writing the first struct: %w", err)
	}
	if _, err := f.Write(src); err != nil {
		return errors.Join(fmt.Errorf("writing the first struct: %w", err), f.Close(), os.Remove(path))
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("writing the first struct: %w", err)
	}
	fmt.Fprintf(stdout, "wrote %s\n\nNext:\n", path)
	if !bytes.Contains(mod, []byte(toolPath)) {
		fmt.Fprintf(stdout, "  go get -tool %s\t# once: makes poolgen a tool of this module\n", toolPath)
	}
	fmt.Fprintf(stdout, "  go generate\t# writes %[1]s_pool.go and %[1]s_pool.h; again after each change of the struct\n", name)
	_, err = fmt.Fprintf(stdout, "\nThen New%s(pool.Options{}) makes a pool, with pool from github.com/poolgen/poolgen/runtime/pool.\n"+
		"C includes %s_pool.h, with -I$(go list -m -f '{{.Dir}}/include' github.com/poolgen/poolgen); for cgo put that into CGO_CFLAGS.\n", exported, name)
	return err
}

// moduleFile reads the go.mod that governs dir.
func moduleFile(dir string) ([]byte, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("looking for go.mod: %w", err)
	}
	for up := abs; ; up = filepath.Dir(up) {
		data, err := os.ReadFile(filepath.Join(up, "go.mod"))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
		if up == filepath.Dir(up) {
			return nil, fmt.Errorf("no go.mod in %s or above: run go mod init first", abs)
		}
	}
}

// lookAround finds the name of the package in dir and whether go generate runs poolgen there, and refuses a name that is taken.
func lookAround(dir, name string) (pkg string, generates bool, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", false, fmt.Errorf("looking for the package: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") || strings.HasPrefix(e.Name(), "_") || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		src, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", false, fmt.Errorf("looking for the package: %w", err)
		}
		generates = generates || bytes.Contains(src, []byte(generateLine))
		fset := token.NewFileSet()
		f, _ := parser.ParseFile(fset, e.Name(), src, parser.SkipObjectResolution)
		if f == nil || f.Name == nil {
			continue
		}
		if pkg == "" {
			pkg = f.Name.Name
		}
		if at := declares(f, name); at.IsValid() {
			return "", false, fmt.Errorf("%s declares %s already: choose another name, as in poolgen init packet", fset.Position(at), name)
		}
	}
	if pkg == "" {
		pkg = packageName(dir)
	}
	return pkg, generates, nil
}

// declares tells where a file declares a name at package level.
func declares(f *ast.File, name string) token.Pos {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == name {
				return d.Name.Pos()
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if t, ok := s.(*ast.TypeSpec); ok && t.Name.Name == name {
					return t.Name.Pos()
				}
				if v, ok := s.(*ast.ValueSpec); ok {
					for _, n := range v.Names {
						if n.Name == name {
							return n.Pos()
						}
					}
				}
			}
		}
	}
	return token.NoPos
}

// packageName makes a package's name of a folder's.
func packageName(dir string) string {
	abs, _ := filepath.Abs(dir)
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(filepath.Base(abs)))
	if name = strings.TrimLeft(name, "0123456789"); name == "" || token.IsKeyword(name) {
		return "pools"
	}
	return name
}
