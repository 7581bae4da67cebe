package dl

import "errors"

// Symbol is a function of a library that Load looks up.
type Symbol struct {
	Name     string   // of the function in C
	At       *uintptr // set to its address, for a Caller; or
	Func     any      // a pointer to a variable of a function type, set as by Lib.Func
	Optional bool     // without it, At is set to 0, and Func is left as it is
}

// Load looks functions up. The error names all that are missing and not optional.
func (l *Lib) Load(list ...Symbol) error {
	var errs []error
	for _, s := range list {
		p, err := l.Sym(s.Name)
		if err != nil && !s.Optional {
			errs = append(errs, err)
		}
		if s.At != nil {
			*s.At = p
		}
		if s.Func != nil && err == nil {
			register(s.Func, p)
		}
	}
	return errors.Join(errs...)
}
