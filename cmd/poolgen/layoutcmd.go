package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/types"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/poolgen/poolgen/internal/layout"
	"github.com/spf13/cobra"
	"golang.org/x/tools/go/packages"
)

// layoutRun is what the layout command was asked for.
type layoutRun struct {
	arches  []string
	svg     string
	html    string
	json    bool
	suggest bool
	tags    string
	paint   paint
}

func layoutCommand(stdout io.Writer) *cobra.Command {
	l := layoutRun{arches: layout.Arches()}
	var color string
	cmd := &cobra.Command{
		Use:   "layout package.Type...",
		Short: "Draw where the fields of a struct lie, in Go and in C, on each target",
		Long: `layout draws the memory of structs: a ruler in bytes, gaps, borders of cache lines, and what
is lost, in Go and, where C can hold the struct, in C. Targets that agree are drawn once. It
works on any struct of any package, annotated or not, exported or not; for an annotated one
the struct that poolgen generates from it is drawn too.

-json prints an array of objects: name, note, layouts (title, language, arch, size, align,
lost, fields: name, type, offset, size, align, gap, blank) and suggestion (order, saved).`,
		Example: `  poolgen layout ./camera.frame
  poolgen layout -suggest net/http.Request
  poolgen layout -html=frame.html -arch=arm,amd64 ./camera.frame`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if l.json && (l.svg == "-" || l.html == "-") || l.svg == "-" && l.html == "-" {
				return errors.New("only one of -json, -svg=- and -html=- can write to standard output")
			}
			for _, a := range l.arches {
				if !slices.Contains(layout.Arches(), a) {
					return fmt.Errorf("-arch=%s: choose from %s", a, strings.Join(layout.Arches(), ", "))
				}
			}
			var err error
			if l.paint, err = newPaint(color, stdout); err != nil {
				return err
			}
			return l.run(args, stdout)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&l.arches, "arch", l.arches, "targets, `list` separated by commas")
	f.StringVar(&l.svg, "svg", "", "write a picture to `file`, - for standard output")
	f.StringVar(&l.html, "html", "", "write a page to `file`, - for standard output")
	f.BoolVar(&l.json, "json", false, "print JSON")
	f.BoolVar(&l.suggest, "suggest", false, "show the smallest legal order of the fields")
	f.StringVar(&l.tags, "tags", "", "build tags, `list` separated by commas")
	colorFlag(cmd, &color)
	return cmd
}

func (l *layoutRun) run(args []string, stdout io.Writer) error {
	var all []layout.Struct
	for _, arg := range args {
		list, err := l.find(arg)
		if err != nil {
			return err
		}
		all = append(all, list...)
	}
	for _, out := range []struct {
		path string
		text func() string
	}{
		{l.html, func() string { return layout.HTML(all) }},
		{l.svg, func() string {
			var names []string
			var pictures []layout.Picture
			for _, s := range all {
				names = append(names, s.Name)
				for _, p := range s.Pictures {
					p.Title = s.Name + ": " + p.Title
					pictures = append(pictures, p)
				}
			}
			return layout.SVG(strings.Join(names, ", "), pictures)
		}},
	} {
		switch out.path {
		case "":
		case "-":
			_, err := io.WriteString(stdout, out.text())
			return err
		default:
			if err := os.WriteFile(out.path, []byte(out.text()), 0o644); err != nil {
				return fmt.Errorf("writing the picture: %w", err)
			}
		}
	}
	switch {
	case l.json:
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		return e.Encode(all)
	case l.svg != "" || l.html != "":
		return nil
	}
	for i, s := range all {
		if i > 0 {
			fmt.Fprintln(stdout)
		}
		l.print(stdout, s)
	}
	return nil
}

func (l *layoutRun) print(w io.Writer, s layout.Struct) {
	fmt.Fprintf(w, "%s\n", l.paint.as(bold, s.Name))
	if s.Note != "" {
		fmt.Fprintln(w, s.Note)
	}
	colours := map[string]string{"title": bold, "gap": red, "blank": faint, "line": cyan, "field": green}
	for _, p := range s.Pictures {
		fmt.Fprintf(w, "\n%s", layout.Text(p, func(what, text string) string { return l.paint.as(colours[what], text) }))
	}
	if !l.suggest {
		return
	}
	if s.Suggestion == nil {
		fmt.Fprintln(w, "\nNo order of the fields takes less memory.")
		return
	}
	var saved []string
	for _, a := range layout.Arches() {
		saved = append(saved, fmt.Sprintf("%d on %s", s.Suggestion.Saved[a], a))
	}
	fmt.Fprintf(w, "\nThe smallest order; bytes saved in Go: %s\n\n%s", strings.Join(saved, ", "), s.Suggestion.Source(s.Short))
}

// find loads the struct that arg names, and, if it is annotated, the one generated from it.
func (l *layoutRun) find(arg string) ([]layout.Struct, error) {
	dot := strings.LastIndex(arg, ".")
	if dot <= 0 || dot == len(arg)-1 || strings.HasSuffix(arg[:dot], "/") {
		return nil, fmt.Errorf("%s names no type: write package.Type, as in ./camera.frame or net/http.Request", arg)
	}
	pattern, name := arg[:dot], arg[dot+1:]
	cfg := &packages.Config{Mode: packages.NeedName | packages.NeedSyntax | packages.NeedTypes | packages.NeedImports | packages.NeedTypesInfo}
	if l.tags != "" {
		cfg.BuildFlags = []string{"-tags=" + l.tags}
	}
	pkgs, err := packages.Load(cfg, pattern)
	if err != nil {
		return nil, fmt.Errorf("loading %s: %w", pattern, err)
	}
	if len(pkgs) != 1 || pkgs[0].Types == nil || pkgs[0].Name == "" {
		for _, p := range pkgs {
			for _, e := range p.Errors {
				return nil, errors.New(e.Msg)
			}
		}
		return nil, fmt.Errorf("%s is not one package", pattern)
	}
	p := pkgs[0]
	first, err := l.describe(p, name)
	if err != nil {
		return nil, err
	}
	list := []layout.Struct{first}
	if as, ok := annotated(p, name); ok {
		if made, err := l.describe(p, as); err == nil {
			made.Note = strings.TrimSpace("What poolgen makes of " + name + ": its gaps are fields, so that it is the same everywhere. " + made.Note)
			list = append(list, made)
		}
	}
	return list, nil
}

// describe lays out one struct of a package.
func (l *layoutRun) describe(p *packages.Package, name string) (layout.Struct, error) {
	obj, ok := p.Types.Scope().Lookup(name).(*types.TypeName)
	if !ok {
		var names []string
		for _, n := range p.Types.Scope().Names() {
			if t, ok := p.Types.Scope().Lookup(n).(*types.TypeName); ok {
				if _, ok := t.Type().Underlying().(*types.Struct); ok {
					names = append(names, n)
				}
			}
		}
		if near := nearest(name, names); near != "" {
			return layout.Struct{}, fmt.Errorf("package %s has no type %s: did you mean %s?", p.PkgPath, name, near)
		}
		return layout.Struct{}, fmt.Errorf("package %s has no type %s; it has %d structs", p.PkgPath, name, len(names))
	}
	st, ok := obj.Type().Underlying().(*types.Struct)
	if !ok {
		return layout.Struct{}, fmt.Errorf("%s.%s is not a struct: it is %s", p.PkgPath, name, obj.Type().Underlying())
	}
	if named, ok := types.Unalias(obj.Type()).(*types.Named); ok && named.TypeParams().Len() > named.TypeArgs().Len() {
		return layout.Struct{}, fmt.Errorf("%s.%s has type parameters, and so no layout: name an alias that gives them, such as type %s32 = %s[float32]", p.PkgPath, name, name, name)
	}
	pictures, why, err := layout.Pictures(st, l.arches)
	if err != nil {
		return layout.Struct{}, err
	}
	s := layout.Struct{Name: p.PkgPath + "." + name, Short: name, Pictures: pictures}
	if why != nil {
		s.Note = "C cannot hold it: " + why.Error() + "."
	}
	if l.suggest || l.json {
		s.Suggestion = layout.Suggest(st)
	}
	return s, nil
}

// annotated tells whether a struct has a pool directive, and the name of the type that is generated from it.
func annotated(p *packages.Package, name string) (as string, ok bool) {
	r := []rune(name)
	as = string(append([]rune{unicode.ToUpper(r[0])}, r[1:]...))
	for _, f := range p.Syntax {
		for _, d := range f.Decls {
			g, isGen := d.(*ast.GenDecl)
			if !isGen {
				continue
			}
			for _, s := range g.Specs {
				t, isType := s.(*ast.TypeSpec)
				if !isType || t.Name.Name != name {
					continue
				}
				for _, doc := range []*ast.CommentGroup{t.Doc, g.Doc} {
					if doc == nil {
						continue
					}
					for _, c := range doc.List {
						if rest, has := strings.CutPrefix(c.Text, "//poolgen:pool"); has {
							for _, word := range strings.Fields(rest) {
								if v, has := strings.CutPrefix(word, "as="); has {
									as = v
								}
							}
							return as, true
						}
					}
				}
			}
		}
	}
	return "", false
}
