package gen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// listed is what the go command says of a package.
type listed struct {
	Dir            string
	ImportPath     string
	Name           string
	GoFiles        []string
	CgoFiles       []string
	InvalidGoFiles []string
	ImportMap      map[string]string
	Standard       bool
	DepOnly        bool
	Module         *listedModule
	Error          *listedError
}

type listedModule struct {
	Dir       string
	Version   string
	GoVersion string
	Replace   *listedModule
}

type listedError struct {
	ImportStack []string
	Pos         string
	Err         string
}

func (e *listedError) text() string {
	if e.Pos == "" && len(e.ImportStack) > 1 {
		return e.Err + ": " + strings.Join(e.ImportStack, " imports ")
	}
	return e.Err
}

// list asks the go command once for the packages that match and all they import, without compiling any: a package whose generated
// files are missing or stale does not compile. Build tags, GOOS and GOARCH decide which files are named.
func list(ctx context.Context, c Config, texts *sources) ([]*listed, error) {
	pkgs, err := listOver(ctx, c, "")
	if err != nil {
		return nil, err
	}
	// A generated file that still names the package as it was before it was renamed hides the package.
	hidden := map[string]string{}
	for _, p := range pkgs {
		if p.Error == nil || p.DepOnly || !strings.HasPrefix(p.Error.Err, "found packages ") {
			continue
		}
		entries, _ := os.ReadDir(p.Dir)
		for _, e := range entries {
			if name := filepath.Join(p.Dir, e.Name()); isSource(e.Name()) && texts.read(name).generated {
				hidden[name] = ""
			}
		}
	}
	if len(hidden) == 0 {
		return pkgs, nil
	}
	dir, err := os.MkdirTemp("", "poolgen")
	if err != nil {
		return nil, fmt.Errorf("loading %s: %w", strings.Join(c.Patterns, " "), err)
	}
	defer os.RemoveAll(dir)
	data, err := json.Marshal(map[string]any{"Replace": hidden})
	overlay := filepath.Join(dir, "overlay.json")
	if err := errors.Join(err, os.WriteFile(overlay, data, 0o600)); err != nil {
		return nil, fmt.Errorf("loading %s: %w", strings.Join(c.Patterns, " "), err)
	}
	return listOver(ctx, c, overlay)
}

func listOver(ctx context.Context, c Config, overlay string) ([]*listed, error) {
	args := []string{"list", "-e", "-deps", "-json=Dir,ImportPath,Name,GoFiles,CgoFiles,InvalidGoFiles,ImportMap,Standard,DepOnly,Module,Error"}
	if c.Tags != "" {
		args = append(args, "-tags="+c.Tags)
	}
	if overlay != "" {
		args = append(args, "-overlay="+overlay)
	}
	what := strings.Join(c.Patterns, " ")
	cmd := exec.CommandContext(ctx, "go", append(append(args, "--"), c.Patterns...)...)
	cmd.Dir = c.Dir
	if c.Dir != "" {
		// The go command names files below $PWD when that is the same folder, so a folder reached by a link keeps its name.
		abs, err := filepath.Abs(c.Dir)
		if err != nil {
			return nil, fmt.Errorf("loading %s: %w", what, err)
		}
		cmd.Env = append(os.Environ(), "PWD="+abs)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if text := strings.TrimSpace(stderr.String()); text != "" {
			err = errors.New(strings.TrimPrefix(text, "go: "))
		}
		return nil, fmt.Errorf("loading %s: %w", what, err)
	}
	var pkgs []*listed
	roots := 0
	for dec := json.NewDecoder(&stdout); ; {
		p := new(listed)
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("loading %s: reading what go list says: %w", what, err)
		}
		if pkgs = append(pkgs, p); !p.DepOnly {
			roots++
		}
	}
	if roots == 0 {
		return nil, fmt.Errorf("no packages match %s", what)
	}
	return pkgs, nil
}

// files are the paths of the source files of the package, sorted: they are parsed in this order.
func (p *listed) files() []string {
	var list []string
	seen := map[string]bool{}
	for _, names := range [][]string{p.GoFiles, p.CgoFiles, p.InvalidGoFiles} {
		for _, name := range names {
			if !filepath.IsAbs(name) {
				name = filepath.Join(p.Dir, name)
			}
			if !seen[name] {
				seen[name] = true
				list = append(list, name)
			}
		}
	}
	slices.Sort(list)
	return list
}

// fixed reports whether the package's files never change: those of the standard library and of the module cache.
func (p *listed) fixed() bool {
	if p.Standard {
		return true
	}
	m := p.Module
	if m != nil && m.Replace != nil {
		m = m.Replace
	}
	return m != nil && m.Version != "" && strings.Contains(p.Dir, "@")
}

// goVersion is the language version of the package, such as go1.26, or "" for the newest that poolgen was built with: the type checker
// looks at nothing that asks for a newer one.
func (p *listed) goVersion() string {
	if p.Module == nil || p.Module.GoVersion == "" {
		return ""
	}
	v := "go" + p.Module.GoVersion
	if own := runtime.Version(); version.IsValid(own) && version.Compare(v, own) > 0 {
		return ""
	}
	return v
}
