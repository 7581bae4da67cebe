package gen

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// cType is the type of a parameter or a result in a C prototype.
type cType struct {
	text   string // as written, without the parameter's name
	base   string // without qualifiers and pointers, in one spelling: unsigned int, opus_int32, struct pollfd
	ptr    int    // levels of pointers, arrays of parameters among them
	const_ bool   // what the innermost pointer points to is const
	fn     bool   // a pointer to a function; ptr is 1
}

// cProto is a C prototype.
type cProto struct {
	name          string
	before, after string // what stands before the name, without extern, and behind it
	result        cType
	params        []cType
	variadic      bool
}

// cToken is a word or a sign of a prototype.
type cToken struct {
	text string
	at   int
}

func (t cToken) word() bool { return isWordByte(t.text[0]) && (t.text[0] < '0' || t.text[0] > '9') }

func isWordByte(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func cTokens(s string) ([]cToken, error) {
	var list []cToken
	for i := 0; i < len(s); {
		j := i + 1
		switch c := s[i]; {
		case c == ' ' || c == '\t':
			i++
			continue
		case isWordByte(c):
			for j < len(s) && isWordByte(s[j]) {
				j++
			}
		case strings.HasPrefix(s[i:], "..."):
			j = i + 3
		case strings.IndexByte("*(),[];", c) < 0:
			return nil, fmt.Errorf("%q is no part of a prototype", rune(c))
		}
		list = append(list, cToken{s[i:j], i})
		i = j
	}
	return list, nil
}

// withoutComments is s with a space for each comment of C in it. One that does not end stays.
func withoutComments(s string) string {
	for {
		begin := strings.Index(s, "/*")
		if begin < 0 {
			return s
		}
		n := strings.Index(s[begin+2:], "*/")
		if n < 0 {
			return s
		}
		s = s[:begin] + " " + s[begin+2+n+2:]
	}
}

// parsePrototype reads one prototype, such as int f(const char *s, unsigned n, ...).
func parsePrototype(s string) (*cProto, error) {
	s = strings.TrimSuffix(strings.Join(strings.Fields(withoutComments(s)), " "), ";")
	list, err := cTokens(s)
	if err != nil {
		return nil, err
	}
	open := slices.IndexFunc(list, func(t cToken) bool { return t.text == "(" })
	if open < 2 || list[len(list)-1].text != ")" {
		return nil, errors.New("a prototype is a result type, a name, and parameters in parentheses")
	}
	name := list[open-1]
	if !name.word() || slices.Contains(cWords, name.text) {
		return nil, fmt.Errorf("%q cannot be the name of a function", name.text)
	}
	head := slices.DeleteFunc(slices.Clone(list[:open-1]), func(t cToken) bool { return t.text == "extern" })
	p := &cProto{name: name.text, before: strings.TrimSpace(strings.TrimPrefix(s[:name.at], "extern ")), after: s[name.at+len(name.text):]}
	if p.result, err = parseCType(head, false); err != nil {
		return nil, fmt.Errorf("the result of %s: %w", p.name, err)
	}
	inner := list[open+1 : len(list)-1]
	if len(inner) == 1 && inner[0].text == "void" {
		return p, nil
	}
	if len(inner) == 0 {
		return nil, fmt.Errorf("%s() does not say what it takes: write %s(void)", p.name, p.name)
	}
	for depth, from, i := 0, 0, 0; i <= len(inner); i++ {
		switch {
		case i < len(inner) && inner[i].text == "(":
			depth++
			continue
		case i < len(inner) && inner[i].text == ")":
			if depth--; depth < 0 {
				return nil, fmt.Errorf("the parentheses of %s do not match", p.name)
			}
			continue
		case i < len(inner) && (inner[i].text != "," || depth > 0):
			continue
		}
		one := inner[from:i]
		from = i + 1
		if len(one) == 1 && one[0].text == "..." {
			if i < len(inner) || len(p.params) == 0 {
				return nil, fmt.Errorf("... of %s must come last, after another parameter", p.name)
			}
			p.variadic = true
			continue
		}
		t, err := parseCType(one, true)
		if err != nil {
			return nil, fmt.Errorf("parameter %d of %s: %w", len(p.params)+1, p.name, err)
		}
		if t.base == "void" && t.ptr == 0 {
			return nil, fmt.Errorf("parameter %d of %s is void", len(p.params)+1, p.name)
		}
		p.params = append(p.params, t)
	}
	return p, nil
}

var cQualifiers = []string{"const", "volatile", "restrict", "__restrict", "__restrict__", "register"}

var cBuiltin = []string{"void", "char", "short", "int", "long", "signed", "unsigned", "float", "double", "_Bool", "bool", "_Complex"}

// cWords cannot be names.
var cWords = slices.Concat(cQualifiers, cBuiltin, []string{"struct", "union", "enum", "extern", "static", "inline", "typedef", "sizeof", "if", "for", "while", "return"})

// parseCType reads the type of a parameter, with or without a name, or of a result.
func parseCType(list []cToken, param bool) (cType, error) {
	var t cType
	var builtin []string
	text := make([]string, 0, len(list))
	named := false
	for i := 0; i < len(list); i++ {
		word := list[i].text
		switch {
		case slices.Contains(cQualifiers, word):
			if word == "const" && t.ptr == 0 {
				t.const_ = true
			}
		case slices.Contains(cBuiltin, word) && t.ptr == 0 && (t.base == ""):
			builtin = append(builtin, word)
		case (word == "struct" || word == "union" || word == "enum") && t.base == "" && len(builtin) == 0 && i+1 < len(list) && list[i+1].word() && !slices.Contains(cWords, list[i+1].text):
			t.base = word + " " + list[i+1].text
			text = append(text, word)
			i++
			word = list[i].text
		case word == "*" && !named && (t.base != "" || len(builtin) > 0):
			t.ptr++
		case list[i].word() && !slices.Contains(cWords, word) && t.base == "" && len(builtin) == 0:
			t.base = word
		case list[i].word() && !slices.Contains(cWords, word) && param && !named:
			named = true
			continue
		case word == "[" && param && (t.base != "" || len(builtin) > 0):
			// Of an array of arrays C passes the address of the first array: only the outermost level is a pointer.
			if i == 0 || list[i-1].text != "]" {
				t.ptr++
				text = append(text, "*")
			}
			for i < len(list) && list[i].text != "]" {
				i++
			}
			if i == len(list) {
				return t, errors.New("a [ without its ]")
			}
			named = true
			continue
		case word == "(" && param && !named && i+1 < len(list) && list[i+1].text == "*":
			return parseFunctionPointer(list, t, builtin)
		default:
			return t, fmt.Errorf("%q is not expected there: write the function alone, without macros and attributes", word)
		}
		text = append(text, word)
	}
	if t.text = strings.Join(text, " "); t.base != "" {
		return t, nil
	}
	var ok bool
	if t.base, ok = builtinName(builtin); !ok {
		return t, fmt.Errorf("%q is not a type", strings.Join(builtin, " "))
	}
	return t, nil
}

// parseFunctionPointer reads a parameter such as int (*f)(void *).
func parseFunctionPointer(list []cToken, t cType, builtin []string) (cType, error) {
	depth, groups := 0, 0
	for _, x := range list {
		switch x.text {
		case "(":
			if depth++; depth == 1 {
				groups++
			}
		case ")":
			depth--
		}
	}
	if t.base == "" && len(builtin) == 0 || depth != 0 || groups != 2 || list[len(list)-1].text != ")" {
		return t, errors.New("a pointer to a function is written result (*name)(parameters)")
	}
	return cType{text: "void (*)(void)", base: "function", ptr: 1, fn: true}, nil
}

// builtinName is one spelling of a type that is written with words of the language.
func builtinName(words []string) (string, bool) {
	count := map[string]int{}
	for _, w := range words {
		count[w]++
	}
	sign := count["signed"] + count["unsigned"]
	core := ""
	for _, w := range []string{"void", "char", "float", "double", "_Bool", "bool"} {
		if count[w] > 0 {
			if core != "" || count[w] > 1 {
				return "", false
			}
			core = w
		}
	}
	unsigned := ""
	if count["unsigned"] > 0 {
		unsigned = "unsigned "
	}
	switch {
	case len(words) == 0 || sign > 1 || count["_Complex"] > 0 || count["int"] > 1 || count["short"] > 1 || count["long"] > 2:
	case core == "double" && count["long"] == 1 && len(words) == 2:
		return "long double", true
	case core == "char" && len(words) == 1+sign:
		if sign == 0 {
			return "char", true
		}
		return strings.TrimSpace(words[indexOfSign(words)]) + " char", true
	case core == "bool" && len(words) == 1:
		return "_Bool", true
	case core != "" && len(words) == 1:
		return core, true
	case core != "":
	case count["short"] == 1 && count["long"] == 0:
		return unsigned + "short", true
	case count["short"] > 0:
	case count["long"] == 2:
		return unsigned + "long long", true
	case count["long"] == 1:
		return unsigned + "long", true
	default:
		return unsigned + "int", true
	}
	return "", false
}

func indexOfSign(words []string) int {
	return slices.IndexFunc(words, func(w string) bool { return w == "signed" || w == "unsigned" })
}
