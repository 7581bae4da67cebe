// Command abi calls functions whose arguments and results machines pass differently.
package main

import "unsafe"

//poolgen:bind soname=libabi.so link=abi include=abi.h package=libabi dev=libabi-dev noescape nocallback
type abi interface {
	charSigned() int32                                                                                                                      // int abi_char_signed(void)
	char(c int8) int32                                                                                                                      // int abi_char(char c)
	charUnsigned(c uint8) int32                                                                                                             // int abi_char(char c)
	charLate(a, b, c, d, e, f, g, h int, i int8) int32                                                                                      // int abi_char_late(long a, long b, long c, long d, long e, long f, long g, long h, char i)
	narrow(a int8, b uint8, c int16, d uint16, e bool) int64                                                                                // long long abi_narrow(signed char a, unsigned char b, short c, unsigned short d, bool e)
	narrowLate(a, b, c, d, e, f, g, h int, i int8, j uint8, k int16, l uint16, m bool) int64                                                // long long abi_narrow_late(long a, long b, long c, long d, long e, long f, long g, long h, signed char i, unsigned char j, short k, unsigned short l, bool m)
	s8(n uint32) int8                                                                                                                       // signed char abi_s8(unsigned n)
	u8(n uint32) uint8                                                                                                                      // unsigned char abi_u8(unsigned n)
	s16(n uint32) int16                                                                                                                     // short abi_s16(unsigned n)
	u16(n uint32) uint16                                                                                                                    // unsigned short abi_u16(unsigned n)
	c8(n uint32) int8                                                                                                                       // char abi_c8(unsigned n)
	bool(n uint32) bool                                                                                                                     // bool abi_bool(unsigned n)
	u8Float(f float32, n uint32) uint8                                                                                                      // unsigned char abi_u8_float(float f, unsigned n)
	s16Float(f float32, n uint32) int16                                                                                                     // short abi_s16_float(float f, unsigned n)
	narrowFloat(f float32, a int8, b uint8, c int16, d uint16, e bool, g int8) int32                                                        // int abi_narrow_float(float f, signed char a, unsigned char b, short c, unsigned short d, bool e, char g)
	doubles(a, b, c, d, e, f, g, h, i, j float64) float64                                                                                   // double abi_doubles(double a, double b, double c, double d, double e, double f, double g, double h, double i, double j)
	floats(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r float32) float32                                                            // float abi_floats(float a, float b, float c, float d, float e, float f, float g, float h, float i, float j, float k, float l, float m, float n, float o, float p, float q, float r)
	mix(a int32, b float64, c int64, d float64, e int16, f, g, h, i, j float64, k int64, l, m float64, n int32, o int64, p float64) float64 // double abi_mix(int a, double b, long long c, double d, short e, double f, double g, double h, double i, double j, long long k, double l, double m, int n, long long o, double p)
	mixf(a int8, b float32, c int64, d, e, f, g, h, i, j float32, k int32, l, m float32, n int64) float32                                   // float abi_mixf(signed char a, float b, long long c, float d, float e, float f, float g, float h, float i, float j, int k, float l, float m, long long n)
	matrix(m *[2][3]int32) int32                                                                                                            // int abi_matrix(int m[2][3])
	texts(list unsafe.Pointer) int32                                                                                                        // int abi_texts(const char *const list[])
	call(f uintptr, n uint32) uint32                                                                                                        // unsigned abi_call(unsigned (*f)(unsigned), unsigned n)
	keep(n int32, at int64)                                                                                                                 // void abi_keep(int n, long long at)
	kept() int64                                                                                                                            // long long abi_kept(void)
	//poolgen:c optional=1
	charOptional(c int8) (int32, error) // int abi_optional(char c)
}
