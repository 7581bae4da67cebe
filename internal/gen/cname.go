package gen

import (
	"slices"
	"strings"
	"unicode"
)

// snake turns a Go name into a C one: PTS is pts, FrameCount frame_count, HTTPPort http_port.
func snake(name string) string {
	var b strings.Builder
	r := []rune(name)
	for i, c := range r {
		if unicode.IsUpper(c) {
			afterLower := i > 0 && (unicode.IsLower(r[i-1]) || unicode.IsDigit(r[i-1]))
			endOfAcronym := i > 0 && i+1 < len(r) && unicode.IsUpper(r[i-1]) && unicode.IsLower(r[i+1])
			if afterLower || endOfAcronym {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(c))
	}
	// C++ keeps names with two underscores in a row for compilers.
	s := b.String()
	for strings.Contains(s, "__") {
		s = strings.ReplaceAll(s, "__", "_")
	}
	return s
}

// reservedType reports whether name, of a type, a function or a macro, is one that headers which generated ones include declare, or of
// a form that C and C++ keep for themselves.
func reservedType(name string) bool {
	if strings.HasPrefix(name, "_") || strings.Contains(name, "__") || strings.HasPrefix(name, "POOLGEN_") {
		return true
	}
	for _, limit := range []string{"_MIN", "_MAX", "_WIDTH", "_C"} {
		base, ok := strings.CutSuffix(name, limit)
		base = strings.TrimPrefix(strings.TrimPrefix(base, "U"), "INT")
		if strings.Trim(base, "0123456789") == "" && ok || ok && slices.Contains([]string{"_FAST", "_LEAST", "PTR", "MAX", "SIZE", "PTRDIFF", "SIG_ATOMIC", "WCHAR", "W"}, strings.TrimRight(base, "0123456789")) {
			return true
		}
	}
	_, ok := strings.CutSuffix(name, "_t")
	return ok && (strings.HasPrefix(name, "int") || strings.HasPrefix(name, "uint") || slices.Contains([]string{"size_t", "ssize_t", "ptrdiff_t", "wchar_t", "off_t", "pid_t", "time_t", "max_align_t", "nullptr_t"}, name)) ||
		slices.Contains([]string{"aligned_alloc", "quick_exit", "at_quick_exit", "timespec_get"}, name) ||
		strings.HasPrefix(name, "poolgen_") || reserved(name)
}

// reserved reports whether a C or C++ compiler would not take name as a member's.
func reserved(name string) bool { return cKeywords[name] }

var cKeywords = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t char8_t
		class co_await co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype default delete do
		double dynamic_cast else enum explicit export extern false float for friend goto if inline int linux long mutable namespace new
		noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires restrict return short
		signed sizeof static static_assert static_cast struct switch template this thread_local throw true try typedef typeid typename
		typeof typeof_unqual union unix i386 offsetof errno stdin stdout stderr major minor makedev complex imaginary noreturn unsigned using virtual void volatile wchar_t while xor xor_eq`) {
		m[w] = true
	}
	return m
}()
