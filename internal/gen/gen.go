package gen

import (
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"slices"
	"strings"
	"unicode"
)

// builder makes the model of one source file.
type builder struct {
	p     *unit
	diags *diagnostics
	file  *file
	seen  map[string]*types.Named // C types that are declared
}

func buildPackage(p *unit, diags *diagnostics) []*file {
	var files []*file
	names := &names{p: p, diags: diags, inGo: map[string]token.Pos{}, inC: map[string]cName{}}
	for _, syntax := range p.Syntax {
		source := diags.fset.Position(syntax.Package).Filename
		b := &builder{p: p, diags: diags, seen: map[string]*types.Named{}, file: &file{pkg: p.Types, source: source, prefix: defaultPrefix(p)}}
		b.file.constraint = constraintOf(syntax, source)
		b.scan(syntax)
		names.addFile(b.file)
		if len(b.file.pools)+len(b.file.allocs)+len(b.file.binds) > 0 {
			files = append(files, b.file)
		}
	}
	return files
}

// defaultPrefix is the package's name, or the last part of a program's import path.
func defaultPrefix(p *unit) string {
	name := p.Name
	if name == "main" {
		name = path.Base(p.PkgPath)
	}
	name = strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, snake(name))
	for strings.Contains(name, "__") {
		name = strings.ReplaceAll(name, "__", "_")
	}
	name = strings.Trim(name, "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "p" + name
	}
	return name
}

// scan looks at every comment of a file: a directive that stands on the wrong thing must not be passed over in silence.
func (b *builder) scan(f *ast.File) {
	attached := map[*ast.Comment]bool{}
	b.findPrefix(f)
	for _, decl := range f.Decls {
		g, ok := decl.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		for _, s := range g.Specs {
			spec := s.(*ast.TypeSpec)
			doc := spec.Doc
			if doc == nil && !g.Lparen.IsValid() {
				doc = g.Doc
			}
			if doc != nil {
				b.typeSpec(spec, doc, attached)
			}
		}
	}
	for _, group := range f.Comments {
		for _, c := range group.List {
			d, ok := ast.ParseDirective(c.Slash, c.Text)
			if !ok && strings.HasPrefix(c.Text, "//poolgen:") {
				b.diags.addf(c.Slash, codeSyntax, "the directive cannot be read: write //poolgen:pool, //poolgen:sizeclass or //poolgen:bind, in lower case and without a blank")
			}
			if ok && d.Tool == "poolgen" && !attached[c] {
				b.diags.addf(c.Slash, codeWrongPlace, "//poolgen:%s belongs in the comment right above %s", d.Name, belongs(d.Name))
			}
		}
	}
}

// findPrefix takes the first prefix= of a pool in the file, which is that of all its names in C.
func (b *builder) findPrefix(f *ast.File) {
	for _, group := range f.Comments {
		for _, c := range group.List {
			if d, ok := ast.ParseDirective(c.Slash, c.Text); ok && d.Tool == "poolgen" && d.Name == "pool" {
				if o := parsePool(&d, &diagnostics{fset: b.diags.fset}); isCName(o.prefix) {
					b.file.prefix = o.prefix
					return
				}
			}
		}
	}
}

func (b *builder) typeSpec(spec *ast.TypeSpec, doc *ast.CommentGroup, attached map[*ast.Comment]bool) {
	found := false
	for _, c := range doc.List {
		d, ok := ast.ParseDirective(c.Slash, c.Text)
		if !ok || d.Tool != "poolgen" {
			continue
		}
		if d.Name == "c" {
			continue
		}
		attached[c] = true
		if d.Name != "pool" && d.Name != "sizeclass" && d.Name != "bind" {
			b.diags.addf(c.Slash, codeDirective, "unknown directive //poolgen:%s: poolgen knows //poolgen:pool, //poolgen:sizeclass and //poolgen:bind", d.Name)
			continue
		}
		if found {
			b.diags.addf(c.Slash, codeTwoPools, "%s has two //poolgen: directives: keep one", spec.Name.Name)
			continue
		}
		found = true
		before := len(b.diags.list)
		obj, _ := b.p.TypesInfo.Defs[spec.Name].(*types.TypeName)
		if d.Name == "bind" {
			b.bindSpec(&d, spec, obj, doc, attached)
			continue
		}
		st := b.structOf(spec, obj)
		if st == nil {
			b.diags.addf(c.Slash, codeWrongPlace, "//poolgen:%s is on %s, which is not a struct type: annotate a struct", d.Name, spec.Name.Name)
			continue
		}
		if spec.TypeParams.NumFields() > 0 {
			b.diags.addf(spec.Name.Pos(), codeGeneric, "%s has type parameters, and so no layout: annotate an alias that gives them, such as type %s32 = %s[float32]", spec.Name.Name, spec.Name.Name, spec.Name.Name)
			continue
		}
		if d.Name == "sizeclass" {
			if o := parseSizeClass(&d, b.diags); len(b.diags.list) == before {
				if m := b.sizeClass(spec, obj, st, o, lines(doc)); m != nil {
					b.file.allocs = append(b.file.allocs, m)
				}
			}
			continue
		}
		o := parsePool(&d, b.diags)
		if len(b.diags.list) > before {
			continue
		}
		if o.prefix != "" && o.prefix != b.file.prefix {
			b.diags.addf(c.Slash, codeContradict, "prefix=%s is not the prefix=%s of a struct above: a file has one header, and that has one prefix", o.prefix, b.file.prefix)
			continue
		}
		if m := b.buildPool(spec, obj, st, o, lines(doc)); m != nil {
			b.file.pools = append(b.file.pools, m)
		}
	}
}

// structOf is the struct that an annotated type is: written there, or, for an alias that gives type arguments, where the generic
// struct of this package is declared.
func (b *builder) structOf(spec *ast.TypeSpec, obj *types.TypeName) *ast.StructType {
	if obj == nil || obj.Type() == nil {
		return nil
	}
	if st, ok := spec.Type.(*ast.StructType); ok && !spec.Assign.IsValid() {
		return st
	}
	named, ok := types.Unalias(obj.Type()).(*types.Named)
	if !ok || !spec.Assign.IsValid() || named.TypeArgs().Len() == 0 {
		return nil
	}
	var found *ast.StructType
	b.eachSpec(func(_ *ast.GenDecl, s ast.Spec) {
		if t, ok := s.(*ast.TypeSpec); ok && b.p.TypesInfo.Defs[t.Name] == named.Origin().Obj() {
			found, _ = t.Type.(*ast.StructType)
		}
	})
	return found
}

// need, at pos, adds the nested structs and named integers that t is made of to what C must declare, innermost first.
func (b *builder) need(t types.Type, pos token.Pos) {
	if a, ok := t.Underlying().(*types.Array); ok {
		b.need(a.Elem(), pos)
	}
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || atomicNamed(t) != nil {
		return
	}
	if other := b.seen[b.cTypeName(named)]; other != nil {
		if !types.Identical(other, named) {
			b.diags.addf(pos, codeSameMember, "%s and %s have the same name in C, %s: rename one", types.TypeString(other, nil), types.TypeString(named, nil), b.cTypeName(named))
		}
		return
	}
	b.seen[b.cTypeName(named)] = named
	switch u := named.Underlying().(type) {
	case *types.Basic:
		b.file.enums = append(b.file.enums, b.enum(named, u))
	case *types.Struct:
		s := &cStruct{name: b.cTypeName(named), doc: b.typeDoc(named), pos: named.Obj().Pos()}
		s.size, _, _ = natural(u)
		off := int64(0)
		names := b.memberNames(s.name)
		for f := range u.Fields() {
			names.use(f.Type())
			if f.Name() != "_" {
				names.taken[memberName(f.Name())] = true
			}
		}
		for f := range u.Fields() {
			b.need(f.Type(), pos)
			size, align, _ := natural(f.Type())
			off = roundUp(off, align)
			name := ""
			if f.Name() == "_" {
				name = names.gap(off)
			} else {
				name = names.member(memberName(f.Name()))
			}
			s.members = append(s.members, cMember{decl: b.declare(f.Type(), name), name: name, offset: off})
			if base := atomicBase(f.Type()); base != "" && f.Name() != "_" {
				s.atomics = append(s.atomics, cAtomic{s.name, name, base})
			}
			off += size
		}
		b.file.structs = append(b.file.structs, s)
	}
}

func (b *builder) cTypeName(n *types.Named) string {
	prefix := b.file.prefix
	if n.Obj().Pkg() != b.file.pkg {
		prefix = snake(n.Obj().Pkg().Name())
	}
	name := prefix + "_" + snake(n.Obj().Name())
	for arg := range n.TypeArgs().Types() {
		name += "_" + strings.Map(func(r rune) rune {
			if r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
				return unicode.ToLower(r)
			}
			return '_'
		}, types.TypeString(arg, func(*types.Package) string { return "" }))
	}
	for strings.Contains(name, "__") {
		name = strings.ReplaceAll(name, "__", "_")
	}
	return strings.TrimSuffix(name, "_")
}

// enum carries a named integer type and the constants of that type in its package over.
func (b *builder) enum(n *types.Named, u *types.Basic) *cEnum {
	e := &cEnum{pos: n.Obj().Pos(), name: b.cTypeName(n), base: cBasic[u.Kind()], doc: b.typeDoc(n)}
	scope := n.Obj().Pkg().Scope()
	var consts []*types.Const
	for _, name := range scope.Names() {
		if c, ok := scope.Lookup(name).(*types.Const); ok && types.Identical(c.Type(), n) && (c.Exported() || c.Pkg() == b.file.pkg) && isASCII(name) {
			consts = append(consts, c)
		}
	}
	slices.SortFunc(consts, func(x, y *types.Const) int { return int(x.Pos()) - int(y.Pos()) })
	seen := map[string]*types.Const{}
	for _, c := range consts {
		name := strings.ToUpper(snake(c.Name()))
		if kind := strings.ToUpper(snake(n.Obj().Name())); !strings.HasPrefix(name, kind+"_") {
			name = kind + "_" + name
		}
		name = strings.ReplaceAll(strings.ToUpper(strings.TrimSuffix(e.name, snake(n.Obj().Name())))+name, "__", "_")
		if other := seen[name]; other != nil {
			b.diags.addf(c.Pos(), codeSameMember, "constant %s and constant %s have the same name in C, %s: rename one", c.Name(), other.Name(), name)
		}
		seen[name] = c
		e.items = append(e.items, cConst{name, cLiteral(c.Val(), u.Kind()), b.constDoc(c)})
	}
	return e
}

// typeDoc finds the comment above a type in this package.
func (b *builder) typeDoc(n *types.Named) []string {
	var doc []string
	b.eachSpec(func(g *ast.GenDecl, s ast.Spec) {
		if t, ok := s.(*ast.TypeSpec); ok && b.p.TypesInfo.Defs[t.Name] == n.Obj() {
			if doc = lines(t.Doc); doc == nil && !g.Lparen.IsValid() {
				doc = lines(g.Doc)
			}
		}
	})
	return doc
}

func (b *builder) constDoc(c *types.Const) []string {
	var doc []string
	b.eachSpec(func(_ *ast.GenDecl, s ast.Spec) {
		if v, ok := s.(*ast.ValueSpec); ok && len(v.Names) == 1 && b.p.TypesInfo.Defs[v.Names[0]] == c {
			doc = append(lines(v.Doc), lines(v.Comment)...)
		}
	})
	return doc
}

func (b *builder) eachSpec(f func(*ast.GenDecl, ast.Spec)) {
	for _, syntax := range b.p.Syntax {
		for _, d := range syntax.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				for _, s := range g.Specs {
					f(g, s)
				}
			}
		}
	}
}
