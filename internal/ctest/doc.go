// Package ctest tests include/poolgen.h: that it compiles everywhere it should, that it does what its comments say, and
// that C and Go agree on the words they share when they work on one arena, in two processes or, with package cstress, in one.
//
// It holds tests only. The C programs in testdata are compiled by the tests; those for ARM run under qemu. A test whose
// compiler is missing is skipped with the name of the Debian package that has it.
package ctest
