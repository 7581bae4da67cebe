package gen

import (
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
)

// names finds what would be declared twice in the generated files of a package, or is taken already.
type names struct {
	p     *unit
	diags *diagnostics
	inGo  map[string]token.Pos
	inC   map[string]cName
}

// cName is who has a name in C. Nested types may be declared by several headers, which guard against that.
type cName struct {
	pos   token.Pos
	owner types.Object
}

func (n *names) addFile(f *file) {
	for _, m := range f.allocs {
		pos := m.spec.Pos()
		for _, name := range []string{m.name, "New" + m.name, m.name + "Classes", m.name + "MinSize", m.name + "MaxSize", m.name + "Budget", lowerFirst(m.name) + "Sizes", lowerFirst(m.name) + "Lookup"} {
			n.addGo(pos, name, nil)
		}
		for _, name := range []string{m.prefix + "_malloc", m.prefix + "_sizes", m.prefix + "_use"} {
			n.addC(pos, name, m.spec)
		}
	}
	for _, m := range f.binds {
		for _, name := range []string{m.name, m.open, m.open + "From"} {
			n.addGo(m.spec.Pos(), name, nil)
		}
		for _, c := range m.calls {
			list := []string{m.wrapper(c)}
			if c.opts.optional {
				list = append(list, m.wrapper(c)+"_weak", m.wrapper(c)+"_find")
			}
			for _, name := range list {
				if other, ok := n.inC[name]; ok {
					n.diags.addf(c.pos, codeSameMember, "it declares %s in C, and so does the method at %s: rename one", name, n.at(other.pos))
					break
				}
				n.inC[name] = cName{c.pos, m.spec}
			}
		}
		if o := n.p.Types.Scope().Lookup("C"); o != nil {
			n.diags.addf(o.Pos(), codeShadowed, "the package declares C, which is cgo's name for what is in C: rename it")
		}
	}
	for _, m := range f.pools {
		pos := m.spec.Pos()
		for _, name := range m.goNames() {
			if !n.addGo(pos, name, m) {
				break
			}
		}
		if m.heap {
			continue
		}
		n.addMethods(m)
		for _, name := range append([]string{m.cname, m.cname + "_of", m.cname + "_get"}, m.accessors()...) {
			if !n.addC(pos, name, m.spec) {
				break
			}
		}
	}
	for _, s := range f.structs {
		n.addC(s.pos, s.name, nil)
	}
	for _, e := range f.enums {
		n.addC(e.pos, e.name, nil)
		for _, c := range e.items {
			n.addC(e.pos, c.name, nil)
		}
	}
}

// addMethods compares the methods that a pool's struct gets with its fields, and with each other.
func (n *names) addMethods(m *poolModel) {
	taken := map[string]bool{}
	for _, x := range m.members {
		taken[x.name] = true
	}
	for _, x := range m.members {
		if !x.string {
			continue
		}
		for _, name := range stringMethods(x.name) {
			if taken[name] {
				n.diags.addf(m.spec.Pos(), codeSameName, "it emits the method %s for field %s, and has a field or a method of that name: rename one", name, x.name)
			}
			taken[name] = true
		}
	}
}

// stringMethods are the names of the methods that read and write a C string.
func stringMethods(field string) [2]string {
	if ast.IsExported(field) {
		return [2]string{field + "String", "Set" + field}
	}
	return [2]string{field + "String", "set" + upperFirst(field)}
}

// goNames are those that are emitted for a pool.
func (m *poolModel) goNames() []string {
	list := []string{m.name, m.name + "Pool", m.name + "Ref", "New" + m.name + "Pool"}
	if t := m.tail(); t != nil {
		name := m.name + upperFirst(t.name)
		list = append(list, name, name+"Offset", name+"Cap", "Set"+name+"Len")
	}
	return list
}

// accessors are the functions that C gets for a pool's members.
func (m *poolModel) accessors() []string {
	var list []string
	for _, x := range m.members {
		short := strings.TrimSuffix(x.cname, "_")
		switch {
		case x.atomic != "":
			list = append(list, m.cname+"_load_"+short, m.cname+"_store_"+short, m.cname+"_add_"+short)
		case x.string:
			list = append(list, m.cname+"_"+short+"_len", m.cname+"_set_"+short)
		case x.tail:
			list = append(list, m.cname+"_"+short, m.cname+"_"+short+"_len", m.cname+"_set_"+short+"_len")
		}
	}
	return list
}

// tail is the payload, or nil.
func (m *poolModel) tail() *member {
	if n := len(m.members); n > 0 {
		for i := n - 1; i >= max(0, n-2); i-- { // a gap may follow it
			if m.members[i].tail {
				return &m.members[i]
			}
		}
	}
	return nil
}

// addGo reports false when the name is taken.
func (n *names) addGo(pos token.Pos, name string, m *poolModel) bool {
	if other, ok := n.inGo[name]; ok {
		n.diags.addf(pos, codeSameName, "it emits %s, and so does the struct at %s: give one of them as=OtherName", name, n.at(other))
		return false
	}
	if o := n.p.Types.Scope().Lookup(name); o != nil && !(m != nil && m.heap && name == m.spec.Name()) {
		n.diags.addf(pos, codeSameName, "it emits %s, which the package declares already at %s: add as=OtherName", name, n.at(o.Pos()))
	}
	n.inGo[name] = pos
	return true
}

// addC reports false when the name is taken; owner is nil for what headers may repeat.
func (n *names) addC(pos token.Pos, name string, owner types.Object) bool {
	if reservedType(name) {
		n.diags.addf(pos, codeReserved, "its name in C, %s, is one that C or poolgen.h keeps for itself: add prefix=other, or rename it", name)
		return false
	}
	if other, ok := n.inC[name]; ok && (other.pos != pos || owner != nil && other.owner != nil) {
		n.diags.addf(pos, codeSameMember, "it declares %s in C, and so does what is declared at %s: rename one, or add prefix=other", name, n.at(other.pos))
		return false
	}
	n.inC[name] = cName{pos, owner}
	return true
}

func (n *names) at(pos token.Pos) string { return filepath.Base(n.diags.fset.Position(pos).String()) }
