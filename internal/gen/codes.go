package gen

import "slices"

// Code names a kind of diagnostic. A code keeps its meaning for ever; one that is no longer raised is not given out again.
type Code = string

// CodeInfo explains a code.
type CodeInfo struct {
	Code  Code
	Title string // what is wrong, in a few words, without a full stop
	Text  string // what is wrong and why it matters, in sentences
	Wrong string // source that raises it
	Right string // the mend
}

// Codes are all codes in order. The caller owns the slice.
func Codes() []CodeInfo {
	list := slices.Concat(directiveCodes(), typeCodes(), nameCodes(), layoutCodes(), fileCodes(), bindCodes())
	slices.SortFunc(list, func(a, b CodeInfo) int {
		if a.Code < b.Code {
			return -1
		}
		return 1
	})
	return list
}

// Explain is the explanation of code, and whether there is such a code.
func Explain(code Code) (CodeInfo, bool) {
	for _, c := range Codes() {
		if c.Code == code {
			return c, true
		}
	}
	return CodeInfo{}, false
}

// Directives, options and packages are PG0001 to PG0019, types of fields PG0020 to PG0039, names PG0040 to PG0059,
// layouts and files PG0060 to PG0079, bindings of C functions PG0080 to PG0099.
const (
	codeDirective    Code = "PG0001"
	codeWrongPlace   Code = "PG0002"
	codeSyntax       Code = "PG0003"
	codeOption       Code = "PG0004"
	codeTwice        Code = "PG0005"
	codeValue        Code = "PG0006"
	codeContradict   Code = "PG0007"
	codeTwoPools     Code = "PG0008"
	codeTagOption    Code = "PG0009"
	codeTagValue     Code = "PG0010"
	codePackage      Code = "PG0011"
	codeMissing      Code = "PG0012"
	codeInt          Code = "PG0020"
	codeBool         Code = "PG0021"
	codeAddress      Code = "PG0022"
	codeString       Code = "PG0023"
	codeComplex      Code = "PG0024"
	codeSlice        Code = "PG0025"
	codePointer      Code = "PG0026"
	codeReference    Code = "PG0027"
	codeUnresolved   Code = "PG0028"
	codeUnnamed      Code = "PG0029"
	codeHidden       Code = "PG0030"
	codeAtomicStruct Code = "PG0031"
	codeAtomicType   Code = "PG0032"
	codeGeneric      Code = "PG0033"
	codeRecursive    Code = "PG0034"
	codeCString      Code = "PG0035"
	codePayload      Code = "PG0036"
	codeCgo          Code = "PG0037"
	codeNestedTag    Code = "PG0038"
	codeExported     Code = "PG0040"
	codeNotC         Code = "PG0041"
	codeSameMember   Code = "PG0042"
	codeSameName     Code = "PG0043"
	codeReserved     Code = "PG0044"
	codeFieldTwice   Code = "PG0045"
	codeShadowed     Code = "PG0046"
	codeEmpty        Code = "PG0060"
	codeNoBytes      Code = "PG0061"
	codeDiffers      Code = "PG0062"
	codeTooLarge     Code = "PG0063"
	codeOneFile      Code = "PG0070"
	codeOutside      Code = "PG0071"
	codeNotWritable  Code = "PG0072"
	codePrototype    Code = "PG0080"
	codeSignature    Code = "PG0081"
	codeByValue      Code = "PG0082"
	codeFloats       Code = "PG0083"
	codeGoPointer    Code = "PG0084"
	codeVariadic     Code = "PG0085"
	codeOptional     Code = "PG0086"
	codeTooMany      Code = "PG0087"
)

func directiveCodes() []CodeInfo {
	return []CodeInfo{
		{codeDirective, "unknown directive",
			"A comment that begins with //poolgen: must name a directive that poolgen knows. A misspelt one would otherwise be passed over and the pool be missing.",
			"//poolgen:pol shared\ntype frame struct{ PTS int64 }",
			"//poolgen:pool shared\ntype frame struct{ PTS int64 }"},
		{codeWrongPlace, "directive on the wrong thing",
			"A directive belongs in the comment right above the declaration of a struct type: only a struct has fields to lay out for C. A function, a variable, another kind of type or a blank line in between is an error.",
			"//poolgen:pool\ntype count int32",
			"//poolgen:pool\ntype counter struct{ Count int32 }"},
		{codeSyntax, "options cannot be read",
			"A directive is //poolgen:pool or //poolgen:sizeclass, in lower case, without a blank. Options are words separated by spaces, key=value where they take a value, Go string syntax where a word is quoted. In a tag they stand between quotes, separated by commas.",
			"//poolgen:pool \"prefix=cam\ntype frame struct{ PTS int64 }",
			"//poolgen:pool prefix=cam\ntype frame struct{ PTS int64 }"},
		{codeOption, "unknown option of a directive",
			"The directive does not know the option. Options that are misspelt are refused, so that a limit or an alignment is never silently lost.",
			"//poolgen:pool preallok=4\ntype frame struct{ PTS int64 }",
			"//poolgen:pool prealloc=4\ntype frame struct{ PTS int64 }"},
		{codeTwice, "option given twice",
			"The same option stands twice in a directive or a tag. Which one should hold is not clear.",
			"//poolgen:pool max=4 max=8\ntype frame struct{ PTS int64 }",
			"//poolgen:pool max=8\ntype frame struct{ PTS int64 }"},
		{codeValue, "value of an option is wrong",
			"A count or a size is out of range, an alignment is not a power of two, a name cannot be used in Go or in C, or a value is missing or stands where none belongs. Sizes are bytes, or end in KiB, MiB or GiB. They must fit 32-bit arithmetic on the target.",
			"//poolgen:pool align=48\ntype frame struct{ PTS int64 }",
			"//poolgen:pool align=64\ntype frame struct{ PTS int64 }"},
		{codeContradict, "options contradict each other",
			"Two options cannot hold together, such as more blocks at the start than there may ever be.",
			"//poolgen:pool prealloc=9 max=8\ntype frame struct{ PTS int64 }",
			"//poolgen:pool prealloc=8 max=8\ntype frame struct{ PTS int64 }"},
		{codeTwoPools, "two pool directives on one struct",
			"One struct makes one pool type. Two pools of the same type are two values of it, made with other options at run time.",
			"//poolgen:pool max=4\n//poolgen:pool max=8\ntype frame struct{ PTS int64 }",
			"//poolgen:pool max=8\ntype frame struct{ PTS int64 }"},
		{codeTagOption, "unknown option in a field's tag",
			"The tag `poolgen:\"...\"` holds options separated by commas. An unknown one is refused, so that a field that was meant to be atomic or aligned never silently is not.",
			"type frame struct {\n\tDrop uint64 `poolgen:\"attomic\"`\n}",
			"type frame struct {\n\tDrop uint64 `poolgen:\"atomic\"`\n}"},
		{codeTagValue, "value of a tag option is wrong",
			"An alignment in a tag must be a power of two in bytes, at most 1 MiB; a capacity must be a size in range.",
			"type frame struct {\n\tPCM [960]int16 `poolgen:\"align=48\"`\n}",
			"type frame struct {\n\tPCM [960]int16 `poolgen:\"align=64\"`\n}"},
		{codeMissing, "required option is missing",
			"The directive cannot do without the option: an allocator without a budget would take memory until the device has none.",
			"//poolgen:sizeclass max=64KiB\ntype heap struct{}",
			"//poolgen:sizeclass max=64KiB budget=8MiB\ntype heap struct{}"},
		{codePackage, "package cannot be read",
			"The go command or the parser reports an error, so poolgen does not know what the structs are. Type errors alone do not stop it, because a package may use names that are still to be generated.",
			"package camera\n\ntype frame struct {",
			"package camera\n\ntype frame struct{ PTS int64 }"},
	}
}
