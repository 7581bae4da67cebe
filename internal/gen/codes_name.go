package gen

func nameCodes() []CodeInfo {
	return []CodeInfo{
		{codeExported, "annotated struct is exported",
			"The struct in the source is a specification. poolgen emits a second struct with explicit padding under the exported name; both cannot have it.",
			"//poolgen:pool\ntype Frame struct{ PTS int64 }",
			"//poolgen:pool\ntype frame struct{ PTS int64 } // or as=VideoFrame"},
		{codeNotC, "name that C cannot have",
			"Names in C are made of ASCII letters, digits and _. Compilers differ in what else they take, and so do other languages that read the header.",
			"//poolgen:pool shared\ntype größe struct{ X int32 }",
			"//poolgen:pool shared as=Size\ntype größe struct{ X int32 }"},
		{codeSameMember, "two fields with one name in C",
			"Go names become lower-case with _ between words in C: FooBar and Foo_Bar are both foo_bar.",
			"type frame struct{ FooBar, Foo_Bar int32 }",
			"type frame struct{ FooBar, FooBar2 int32 }"},
		{codeFieldTwice, "field declared twice",
			"Two fields of a struct have the same name, or one is named like an embedded type. Go does not compile it.",
			"type frame struct {\n\tPTS int64\n\tPTS int32\n}",
			"type frame struct {\n\tPTS  int64\n\tPTS2 int32\n}"},
		{codeShadowed, "predeclared name with another meaning",
			"The package declares a name that Go declares already, such as error, uint32 or max, and what poolgen would emit needs it as it is in Go. In that package it would mean something else.",
			"//poolgen:pool\ntype frame struct{ PTS int64 }\n\ntype error int",
			"//poolgen:pool\ntype frame struct{ PTS int64 }\n\ntype failure int"},
		{codeSameName, "emitted name is taken",
			"poolgen emits Name, NamePool, NameRef and NewNamePool for a struct. The package, or another annotated struct, has one of these already.",
			"//poolgen:pool\ntype frame struct{ PTS int64 }\n\ntype FramePool struct{}",
			"//poolgen:pool as=VideoFrame\ntype frame struct{ PTS int64 }\n\ntype FramePool struct{}"},
		{codeReserved, "name that C or C++ reserves",
			"The name is a keyword, a macro or a function of the C or C++ standard library, of POSIX or of poolgen.h, or of a form that compilers keep for themselves. A header that uses it may fail to compile, or silently mean something else.",
			"//poolgen:sizeclass budget=8MiB prefix=int\ntype heap struct{}",
			"//poolgen:sizeclass budget=8MiB prefix=cam\ntype heap struct{}"},
	}
}

func layoutCodes() []CodeInfo {
	return []CodeInfo{
		{codeEmpty, "struct without fields",
			"A block would hold nothing. C has no empty structs, and in C++ one has a size of 1 where Go's is 0.",
			"//poolgen:pool\ntype frame struct{}",
			"//poolgen:pool\ntype frame struct{ PTS int64 }"},
		{codeNoBytes, "field without bytes",
			"C has no arrays of length 0 and no empty structs, and Go adds padding behind such a field at a struct's end, so that the languages disagree about the size.",
			"type frame struct {\n\tPTS  int64\n\tTail [0]byte\n}",
			"type frame struct {\n\tPTS int64\n}"},
		{codeDiffers, "nested struct is not the same on every target",
			"A nested struct is taken over as it stands in the source, because Go code uses it under its own name. Go on arm and 386 and C on 386 align 8-byte fields to 4, C on arm and all 64-bit targets to 8. Unless 8-byte fields fall on multiples of 8 anyway, the layouts differ.",
			"type point struct {\n\tID uint32\n\tAt int64\n}",
			"type point struct {\n\tID uint32\n\t_  [4]byte\n\tAt int64\n}"},
		{codeTooLarge, "struct is too large",
			"A block has at most 1 GiB, so that all sizes and offsets fit in 31 bits on 32-bit targets.",
			"type frame struct{ Pixels [1 << 31]byte }",
			"type frame struct{ Pixels [1920 * 1080 * 4]byte }"},
	}
}
