package gen

import (
	"fmt"
	"go/types"
)

// memberNames gives the members of a C struct names that C++ takes too: within a struct none may be that of the struct, nor of a type
// that a member has, and padding must not meet a field.
type memberNames struct {
	b     *builder
	types map[string]bool
	taken map[string]bool
}

func (b *builder) memberNames(own string) *memberNames {
	return &memberNames{b, map[string]bool{own: true, "uint8_t": true}, map[string]bool{}}
}

// use says that a member is of type t.
func (n *memberNames) use(t types.Type) {
	for isArray(t) {
		t = t.Underlying().(*types.Array).Elem()
	}
	if base := atomicBase(t); base != "" {
		n.types[base] = true
	} else if named, ok := types.Unalias(t).(*types.Named); ok {
		n.types[n.b.cTypeName(named)] = true
	} else if basic, ok := t.Underlying().(*types.Basic); ok {
		n.types[cBasic[basic.Kind()]] = true
	}
}

// member is name, with _ behind it if need be. name is taken by this member alone.
func (n *memberNames) member(name string) string {
	if !n.types[name] {
		return name
	}
	for n.types[name] || n.taken[name] {
		name += "_"
	}
	n.taken[name] = true
	return name
}

// gap is the name of padding.
func (n *memberNames) gap(offset int64) string {
	name := fmt.Sprintf("reserved%d", offset)
	for n.taken[name] {
		name += "_"
	}
	n.taken[name] = true
	return name
}

// nameMembers gives the members of a pool's struct their names in C.
func (b *builder) nameMembers(p *poolModel) {
	names := b.memberNames(p.cname)
	for _, m := range p.members {
		if m.typ != nil {
			names.use(m.typ)
		}
		if m.typ != nil && !m.blank {
			names.taken[m.cname] = true
		}
	}
	for i := range p.members {
		if m := &p.members[i]; m.typ == nil || m.blank {
			m.cname = names.gap(m.offset)
		} else {
			m.cname = names.member(m.cname)
		}
	}
}
