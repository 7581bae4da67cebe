package dl

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/ebitengine/purego"
)

// Library says what to load.
type Library struct {
	Sonames []string // names to try, in order, such as libopus.so.0
	Package string   // Debian package that has the library
}

// Lib is a loaded library. It stays loaded as long as the process lives: C may have started threads or kept callbacks.
type Lib struct {
	soname string
	handle uintptr
	of     Library
}

// MissingError says that a library, or a function in it, is not on this machine.
type MissingError struct {
	Library Library // as it was asked for; of a missing function, with the one name that was found
	Symbol  string  // function that the library does not have; "" if the library itself is missing
	Path    string  // the folders where it was looked for, as the dynamic linker has them, separated by colons
	Reason  string  // what the dynamic linker said
}

func (e *MissingError) Error() string {
	if e.Symbol != "" {
		return fmt.Sprintf("%s has no function %s: install a newer %s (%s)", e.Library.Sonames[0], e.Symbol, e.Library.Package, e.Reason)
	}
	if e.present() {
		return fmt.Sprintf("loading %s: it is there, but cannot be loaded (%s): install the package %s for %s", strings.Join(e.Library.Sonames, " or "), e.Reason, e.Library.Package, runtime.GOARCH)
	}
	return fmt.Sprintf("loading %s: not found in %s: install the package %s (%s)", strings.Join(e.Library.Sonames, " or "), e.Path, e.Library.Package, e.Reason)
}

// present reports whether the linker found one of the files, and complains of what is in it, or of a library that it needs.
func (e *MissingError) present() bool {
	for reason := range strings.SplitSeq(e.Reason, "; ") {
		own := slices.ContainsFunc(e.Library.Sonames, func(name string) bool { return strings.Contains(reason, name) })
		if reason != "" && !(own && strings.Contains(reason, "No such file or directory")) {
			return true
		}
	}
	return false
}

// Open loads the first of the library's names that is there.
func Open(of Library) (*Lib, error) {
	if len(of.Sonames) == 0 {
		return nil, errors.New("loading a library: no name given")
	}
	var reasons []string
	for _, name := range of.Sonames {
		// RTLD_LOCAL: the library's symbols must not shadow those of others.
		h, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
		if err == nil {
			return &Lib{name, h, of}, nil
		}
		reasons = append(reasons, err.Error())
	}
	return nil, &MissingError{Library: of, Path: searchPath(), Reason: strings.Join(reasons, "; ")}
}

// Soname is the name that was found.
func (l *Lib) Soname() string { return l.soname }

// Sym is the address of a function, for Call.
func (l *Lib) Sym(name string) (uintptr, error) {
	p, err := purego.Dlsym(l.handle, name)
	if err != nil || p == 0 {
		reason := "its address is 0"
		if err != nil {
			reason = err.Error()
		}
		return 0, &MissingError{Library: Library{[]string{l.soname}, l.of.Package}, Symbol: name, Reason: reason}
	}
	return p, nil
}

// Func sets the function that fptr points to, such as *func(int32) int32, to the library's function of that name. Its calls
// allocate; a hot path uses Sym and Call.
func (l *Lib) Func(fptr any, name string) error {
	p, err := l.Sym(name)
	if err != nil {
		return err
	}
	register(fptr, p)
	return nil
}

func register(fptr any, p uintptr) { purego.RegisterFunc(fptr, p) }
