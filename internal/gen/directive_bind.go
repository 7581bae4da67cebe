package gen

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// bindOptions are the options of a //poolgen:bind directive.
type bindOptions struct {
	sonames   []string          // to load, in order
	pkgConfig []string          // modules of pkg-config, for cgo
	link      []string          // libraries to link, without lib and .so
	include   []string          // headers; a ? behind one that older versions lack
	debian    string            // package with the library
	dev       string            // package with the header
	as        string            // name of the Go type that is emitted
	types     map[string]string // of a typedef in C to that in Go

	noescape, nocallback bool // of every function
}

// callOptions are those of a //poolgen:c directive on one function.
type callOptions struct {
	optional   bool
	version    string // from which on the library has an optional function
	header     string // condition of the C preprocessor under which the header declares it
	noescape   bool
	nocallback bool
}

// parseBind reads the arguments of a bind directive and reports every one that is wrong.
func parseBind(d *ast.Directive, diags *diagnostics) bindOptions {
	o := bindOptions{types: map[string]string{}}
	args, err := d.ParseArgs()
	if err != nil {
		diags.addf(d.ArgsPos, codeSyntax, "options of //poolgen:bind: %v", err)
		return o
	}
	seen := map[string]bool{}
	for _, a := range args {
		key, value, hasValue := strings.Cut(a.Arg, "=")
		if seen[key] {
			diags.addf(a.Pos, codeTwice, "option %q is given twice: keep one", key)
		}
		seen[key] = true
		var err error
		switch key {
		case "soname":
			o.sonames, err = nameList(value)
		case "pkg-config":
			o.pkgConfig, err = nameList(value)
		case "link":
			o.link, err = nameList(value)
		case "include":
			o.include, err = headerList(value)
		case "package":
			o.debian, err = value, plainName(value)
		case "dev":
			o.dev, err = value, plainName(value)
		case "as":
			if o.as = value; !token.IsIdentifier(value) || !isASCII(value) || value == "_" {
				err = fmt.Errorf("%q is not a Go name in ASCII", value)
			} else if types.Universe.Lookup(value) != nil || value == "C" || value == "init" {
				err = fmt.Errorf("%s means something else in Go: choose another name", value)
			}
		case "types":
			o.types, err = typeList(value)
		case "noescape", "nocallback":
			o.noescape, o.nocallback = o.noescape || key == "noescape", o.nocallback || key == "nocallback"
			if hasValue {
				diags.addf(a.Pos, codeValue, "option %q takes no value: write %s", key, key)
			}
			continue
		default:
			diags.addf(a.Pos, codeOption, "unknown option %q of //poolgen:bind: it knows soname=, pkg-config=, link=, include=, package=, dev=, types=, as=, noescape and nocallback", key)
			continue
		}
		if !hasValue {
			err = fmt.Errorf("it needs a value, as in soname=libz.so.1")
		}
		if err != nil {
			diags.addf(a.Pos, codeValue, "option %q: %v", key, err)
		}
	}
	for _, missing := range [][2]string{{"soname", "soname=libz.so.1, the name that programs load it by"}, {"include", "include=zlib.h, the header that declares the functions"}, {"package", "package=zlib1g, the package that has the library"}} {
		if !seen[missing[0]] {
			diags.addf(d.Slash, codeMissing, "//poolgen:bind needs %s= for its library: add %s", missing[0], missing[1])
		}
	}
	if !seen["pkg-config"] && !seen["link"] {
		diags.addf(d.Slash, codeMissing, "//poolgen:bind does not say how cgo links the library: add pkg-config=zlib or link=z")
	}
	return o
}

// parseCall reads the arguments of a //poolgen:c directive.
func parseCall(d *ast.Directive, diags *diagnostics) callOptions {
	var o callOptions
	args, err := d.ParseArgs()
	if err != nil {
		diags.addf(d.ArgsPos, codeSyntax, "options of //poolgen:c: %v", err)
		return o
	}
	seen := map[string]bool{}
	for _, a := range args {
		key, value, hasValue := strings.Cut(a.Arg, "=")
		if seen[key] {
			diags.addf(a.Pos, codeTwice, "option %q is given twice: keep one", key)
		}
		seen[key] = true
		switch key {
		case "optional":
			o.optional, o.version = true, value
			if hasValue && plainName(value) != nil {
				diags.addf(a.Pos, codeValue, `option "optional": %v`, plainName(value))
			}
		case "header":
			if o.header = value; !isCondition(value) {
				diags.addf(a.Pos, codeValue, `option "header": %q is no condition for #if: write one such as header=defined(NAME)`, value)
			}
		case "noescape", "nocallback":
			if hasValue {
				diags.addf(a.Pos, codeValue, "option %q takes no value: write %s", key, key)
			}
			o.noescape, o.nocallback = o.noescape || key == "noescape", o.nocallback || key == "nocallback"
		default:
			diags.addf(a.Pos, codeOption, "unknown option %q of //poolgen:c: it knows optional, header=, noescape and nocallback", key)
		}
	}
	if o.header != "" && !o.optional {
		diags.addf(d.Slash, codeContradict, "header= is for functions that some headers lack: add optional, or remove it")
	}
	if len(args) == 0 {
		diags.addf(d.Slash, codeMissing, "//poolgen:c without an option does nothing: add optional, header=, noescape or nocallback, or remove it")
	}
	return o
}

// isCondition reports whether s can stand behind #if within a comment.
func isCondition(s string) bool {
	return s != "" && !strings.Contains(s, "*/") && strings.IndexFunc(s, func(r rune) bool {
		return !isWordByte(byte(r&0x7f)) && !strings.ContainsRune(" (),<>=!&|+-*/%.", r) || r >= 0x80
	}) < 0
}

// plainName says why s is not a name of a file, a package or a version.
func plainName(s string) error {
	for i := range len(s) {
		if !isWordByte(s[i]) && strings.IndexByte("-+.~/", s[i]) < 0 {
			return fmt.Errorf("%q has %q in it: a name has letters, digits and _-+.~/", s, s[i])
		}
	}
	if s == "" || s[0] == '-' {
		return fmt.Errorf("%q is not a name", s)
	}
	return nil
}

// headerList reads headers, of which the first is always there.
func headerList(text string) ([]string, error) {
	list := strings.Split(text, ",")
	for i, name := range list {
		if list[i] = strings.TrimSuffix(name, "?"); i == 0 && list[0] != name {
			return nil, fmt.Errorf("%s may be missing: name a header before it that is always there", name)
		}
	}
	if _, err := nameList(strings.Join(list, ",")); err != nil {
		return nil, err
	}
	return strings.Split(text, ","), nil
}

func nameList(text string) ([]string, error) {
	list := strings.Split(text, ",")
	for i, name := range list {
		if err := plainName(name); err != nil {
			return nil, err
		}
		if slices.Contains(list[:i], name) {
			return nil, fmt.Errorf("%s is listed twice", name)
		}
	}
	return list, nil
}

// typeList reads pairs such as opus_int32:int32.
func typeList(text string) (map[string]string, error) {
	types := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		c, g, ok := strings.Cut(pair, ":")
		if !ok || !token.IsIdentifier(c) || !isASCII(c) || goWidths[g] == 0 {
			return types, fmt.Errorf("%q is not a type in C and its Go type, as in opus_int32:int32", pair)
		}
		if _, known := cScalars[c]; known || slices.Contains(cWords, c) || types[c] != "" {
			return types, fmt.Errorf("%s is known already", c)
		}
		types[c] = g
	}
	return types, nil
}
