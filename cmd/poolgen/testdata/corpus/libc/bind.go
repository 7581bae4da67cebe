// Command libc calls functions of the C library in every shape: it prints the same with cgo and without, on every target.
package main

//poolgen:bind soname=libc.so.6 link=c include=stdlib.h,stdio.h,gnu/libc-version.h,no/such/header.h? package=libc6 dev=libc6-dev noescape nocallback
type libc interface {
	release() string                                                                                   // const char *gnu_get_libc_version(void)
	abs(n int32) int32                                                                                 // int abs(int n)
	labs(n int) int                                                                                    // long labs(long n)
	llabs(n int64) int64                                                                               // long long llabs(long long n)
	unsigned(s *byte, end *uintptr, base int32) uint64                                                 // unsigned long long strtoull(const char *s, char **end, int base)
	float64(s *byte, end *uintptr) float64                                                             // double strtod(const char *s, char **end)
	float32(s *byte, end *uintptr) float32                                                             // float strtof(const char *s, char **end)
	printInt(to *byte, n uintptr, format *byte, a int32) int32                                         // int snprintf(char *to, size_t n, const char *format, ...)
	printWide(to *byte, n uintptr, format *byte, a int64) int32                                        // int snprintf(char *to, size_t n, const char *format, ...)
	printMixed(to *byte, n uintptr, format *byte, a int32, b int64, c int32, d int64) int32            // int snprintf(char *to, size_t n, const char *format, ...)
	printEven(to *byte, n uintptr, format *byte, a, b int32, c uint64, d, e, f int32, g int64) int32   // int snprintf(char *to, size_t n, const char *format, ...)
	printMany(to *byte, n uintptr, format *byte, a, b, c, d, e, f, g, h int64, i int32, j int64) int32 // int snprintf(char *to, size_t n, const char *format, ...)
	printPointers(to *byte, n uintptr, format *byte, a *byte, b *byte) int32                           // int snprintf(char *to, size_t n, const char *format, ...)
	//poolgen:c optional=2.36 header=__GLIBC_PREREQ(2,36)
	random() (uint32, error) // __uint32_t arc4random(void)
	//poolgen:c optional=9
	missing(n int64) (float64, error) // double no_such_function(long long n)
	//poolgen:c optional=2
	optionalWide(n int64) (int64, error) // long long llabs(long long n)
}
