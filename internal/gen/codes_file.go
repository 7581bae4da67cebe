package gen

func fileCodes() []CodeInfo {
	return []CodeInfo{
		{codeOneFile, "two outputs want one file",
			"-o and -header name one file each, so only one source file of one package can be generated with them; and the Go code and the header need a file each.",
			"poolgen -o pools.go ./camera ./sound",
			"poolgen ./camera ./sound"},
		{codeOutside, "output in the wrong place",
			"The Go code must be in the package's own folder, under a name that the go command compiles, and the header in the same module, because both are part of what is checked in and built together. The module cache and the standard library are not to be changed.",
			"poolgen -header /usr/include/camera.h ./camera",
			"poolgen -header include/camera.h ./camera"},
		{codeNotWritable, "output cannot be written",
			"The file is read-only, its folder is read-only or missing, or there is a file of that name that poolgen did not write. Nothing was written: a run writes all its files or none, so that the Go code and the header always agree.",
			"poolgen -header missing/camera.h ./camera",
			"mkdir -p missing && poolgen -header missing/camera.h ./camera"},
	}
}
