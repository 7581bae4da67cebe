package gen

import (
	"context"
	"errors"
	"fmt"
	"go/token"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Config says what a run does.
type Config struct {
	Dir      string   // where patterns are resolved; "" is the working directory
	Patterns []string // packages, as the go command takes them; none is the one in Dir
	Tags     string   // build tags, separated by commas
	Output   string   // path of the Go file; "" is beside the source, its name with _pool.go
	Header   string   // path of the C header; "" is beside the source, its name with _pool.h
	Check    bool     // write nothing, report what is stale
	Cache    string   // folder that remembers what was generated from what; "" remembers nothing
}

// Result is what a run found and did. Paths below Config.Dir are relative to it; all lists are sorted.
type Result struct {
	Diagnostics []Diagnostic // what is wrong with the source; nothing was written if there is any
	Written     []string     // files written, or stale ones with Config.Check
	Removed     []string     // files removed because no source asks for them any more, or to be removed with Config.Check
	Unchanged   []string     // files that are as they should be
	Skipped     int          // packages that were not read again because nothing they are made from has changed
	Folders     []string     // absolute paths of the folders that the packages are made from, those of other packages among them
}

// Run generates for all packages that match. It writes nothing when any source is wrong. The error is one of the environment: no such
// package, a file that cannot be written.
func Run(c Config) (*Result, error) { return RunContext(context.Background(), c) }

// RunContext is Run that gives up when ctx is done; the error is then that of ctx.
func RunContext(ctx context.Context, c Config) (*Result, error) {
	if len(c.Patterns) == 0 {
		c.Patterns = []string{"."}
	}
	texts := new(sources)
	memory := openMemory(c, texts)
	if r := memory.unchanged(); r != nil {
		return r, nil
	}
	pkgs, err := list(ctx, c, texts)
	if err != nil {
		return nil, err
	}
	r := &Result{}
	wanted, err := annotated(pkgs, c, texts, r)
	if err != nil || len(r.Diagnostics) > 0 {
		return r, err
	}
	kept, todo := memory.split(wanted)
	jobs, err := prepare(pkgs, todo, texts, r)
	if err != nil {
		return nil, err
	}
	each(len(jobs), func(i int) { jobs[i].generate(c) })
	var outputs []output
	files := 0
	for _, j := range jobs {
		if j.err != nil {
			return nil, j.err
		}
		r.Diagnostics = append(r.Diagnostics, j.diags.list...)
		outputs = append(outputs, j.outputs...)
		files += j.files
	}
	if r.Diagnostics = sorted(r.Diagnostics); len(r.Diagnostics) > 0 {
		relative(c.Dir, r.Diagnostics)
		return r, nil
	}
	wants := map[string]bool{}
	for _, o := range outputs {
		wants[o.path] = true
	}
	for _, k := range kept {
		for path := range k.Outputs {
			wants[path] = true
		}
	}
	over, err := leftover(pkgs, wants, c, texts)
	if err != nil {
		return nil, err
	}
	if files == 0 && len(over) == 0 && !slices.ContainsFunc(kept, func(k remembered) bool { return len(k.Outputs) > 0 }) {
		return nil, fmt.Errorf("no type in %s is annotated: put //poolgen:pool in the comment above a struct", strings.Join(c.Patterns, " "))
	}
	var taken []string
	for _, k := range kept {
		taken = slices.AppendSeq(taken, maps.Keys(k.Outputs))
	}
	if r.Diagnostics = sorted(misplaced(outputs, taken, c)); len(r.Diagnostics) > 0 {
		relative(c.Dir, r.Diagnostics)
		return r, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := write(outputs, c, r); err != nil {
		return nil, err
	}
	if err := remove(over, c, r); err != nil {
		return nil, err
	}
	for _, k := range kept {
		r.Unchanged = append(r.Unchanged, k.names(c)...)
		r.Folders = append(r.Folders, k.Dirs...)
	}
	r.Skipped = len(kept)
	slices.Sort(r.Written)
	for _, j := range jobs {
		r.Folders = append(r.Folders, j.dirs...)
	}
	slices.Sort(r.Unchanged)
	if !c.Check || len(r.Written)+len(r.Removed) == 0 {
		memory.save(kept, jobs)
	}
	return r, nil
}

// annotated are the packages named by the patterns that may hold a directive. Where none does, what the parser says of any comes
// first: a broken file explains best why nothing was found.
func annotated(pkgs []*listed, c Config, texts *sources, r *Result) ([]*listed, error) {
	wild := slices.ContainsFunc(c.Patterns, func(s string) bool { return strings.Contains(s, "...") })
	var roots []*listed
	for _, p := range pkgs {
		switch {
		case p.DepOnly:
		case len(p.files()) > 0:
			roots = append(roots, p)
		case p.Error != nil && !wild:
			return nil, errors.New(p.Error.text()) // no such package
		}
	}
	has := make([]bool, len(roots))
	each(len(roots), func(i int) {
		for _, name := range roots[i].files() {
			has[i] = texts.read(name).annotated || has[i]
		}
	})
	var list []*listed
	for i, p := range roots {
		if !has[i] {
			continue
		}
		list = append(list, p)
	}
	if len(list) == 0 {
		parser := reach{fset: token.NewFileSet(), texts: texts}
		for _, p := range roots {
			r.Diagnostics = append(r.Diagnostics, parser.parse(p).syntaxErrors()...)
		}
		r.Diagnostics = sorted(r.Diagnostics)
		relative(c.Dir, r.Diagnostics)
	}
	return list, nil
}

// job is the generation of one package.
type job struct {
	node    *node
	unit    *unit
	diags   *diagnostics
	outputs []output
	files   int // annotated ones
	dirs    []string
	err     error
}

// prepare parses and type-checks the packages of todo, with what they need of others.
func prepare(pkgs, todo []*listed, texts *sources, r *Result) ([]*job, error) {
	re := &reach{fset: token.NewFileSet(), texts: texts, pkgs: map[string]*listed{}, nodes: map[string]*node{}}
	for _, p := range pkgs {
		re.pkgs[p.ImportPath] = p
	}
	nodes := make([]*node, len(todo))
	each(len(todo), func(i int) { nodes[i] = re.parse(todo[i]) })
	var jobs []*job
	for _, n := range nodes {
		re.addAnnotated(n)
	}
	re.follow()
	for _, n := range nodes {
		if errs := n.syntaxErrors(); len(errs) > 0 {
			r.Diagnostics = append(r.Diagnostics, errs...)
			continue
		}
		if n.Error != nil {
			pos := parsePosition(n.Error.Pos)
			if pos.Filename == "" && len(n.syntax) == 0 {
				return nil, errors.New(n.Error.text())
			}
			if pos.Filename == "" {
				pos = re.fset.Position(n.odd().Name.Pos())
			} else if abs, err := filepath.Abs(pos.Filename); err == nil {
				pos.Filename = abs
			}
			r.Diagnostics = append(r.Diagnostics, Diagnostic{Code: codePackage, Pos: pos, Message: strings.ReplaceAll(n.Error.text(), " in "+n.Dir, "")})
			continue
		}
		jobs = append(jobs, &job{node: n, unit: re.check(n), diags: &diagnostics{fset: re.fset}, dirs: re.dirs(n)})
	}
	return jobs, nil
}

// generate makes the files of a package in memory.
func (j *job) generate(c Config) {
	files := buildPackage(j.unit, j.diags)
	if j.files = len(files); len(j.diags.list) > 0 {
		return
	}
	if bound := slices.IndexFunc(files, func(f *file) bool { return len(f.binds) > 0 }); bound >= 0 && c.Output+c.Header != "" &&
		!slices.ContainsFunc(files, func(f *file) bool { return len(f.pools)+len(f.allocs) > 0 }) {
		j.diags.addf(files[bound].first(), codeOneFile, "-o and -header each name one file, and a binding is two Go files beside its source: leave them out")
		return
	}
	for _, f := range files {
		list, err := f.render(c)
		if err != nil {
			j.err = err
			return
		}
		for _, o := range list {
			if isGoText(o.content) {
				j.diags.shadowed(f, o.content)
			}
		}
		from := origin{pos: j.diags.fset.Position(f.first()), fixed: j.node.fixed()}
		if m := j.node.Module; m != nil {
			from.root = m.Dir
		}
		for _, o := range list {
			o.from = from
			j.outputs = append(j.outputs, o)
		}
	}
}

// each calls f for 0 to n-1, as many at once as there are processors.
func each(n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}
