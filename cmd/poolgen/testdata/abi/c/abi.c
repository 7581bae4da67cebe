#include <limits.h>
#include "abi.h"

int abi_char_signed(void) { return CHAR_MIN < 0; }
int abi_char(char c) { return c; }
int abi_char_late(long a, long b, long c, long d, long e, long f, long g, long h, char i) { return i; }
long long abi_narrow(signed char a, unsigned char b, short c, unsigned short d, bool e) { return a + 1000LL * b + 1000000LL * c + 1000000000000LL * d + e; }
long long abi_narrow_late(long a, long b, long c, long d, long e, long f, long g, long h, signed char i, unsigned char j, short k, unsigned short l, bool m) { return abi_narrow(i, j, k, l, m) + a + b + c + d + e + f + g + h; }
signed char abi_s8(unsigned n) { return n; }
unsigned char abi_u8(unsigned n) { return n; }
short abi_s16(unsigned n) { return n; }
unsigned short abi_u16(unsigned n) { return n; }
char abi_c8(unsigned n) { return n; }
bool abi_bool(unsigned n) { return n & 0x100; }
unsigned char abi_u8_float(float f, unsigned n) { return n + (unsigned)f; }
short abi_s16_float(float f, unsigned n) { return n + (unsigned)f; }
int abi_narrow_float(float f, signed char a, unsigned char b, short c, unsigned short d, bool e, char g) { return f + a + 3 * b + 5 * c + 7 * d + 11 * e + 13 * (unsigned char)g; }
double abi_doubles(double a, double b, double c, double d, double e, double f, double g, double h, double i, double j) {
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j;
}
float abi_floats(float a, float b, float c, float d, float e, float f, float g, float h, float i, float j, float k, float l, float m, float n, float o, float p, float q, float r) {
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j + 11 * k + 12 * l + 13 * m + 14 * n + 15 * o + 16 * p + 17 * q + 18 * r;
}
double abi_mix(int a, double b, long long c, double d, short e, double f, double g, double h, double i, double j, long long k, double l, double m, int n, long long o, double p) {
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j + 11 * k + 12 * l + 13 * m + 14 * n + 15 * o + 16 * p;
}
float abi_mixf(signed char a, float b, long long c, float d, float e, float f, float g, float h, float i, float j, int k, float l, float m, long long n) {
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j + 11 * k + 12 * l + 13 * m + 14 * n;
}
int abi_matrix(int m[2][3]) { return m[0][0] + 10 * m[0][2] + 100 * m[1][0] + 1000 * m[1][2]; }
int abi_texts(const char *const list[]) {
	int n = 0;
	while (list[n])
		n++;
	return n;
}
static long long kept;
void abi_keep(int n, long long at) { kept = n + at; }
long long abi_kept(void) { return kept; }
int abi_optional(char c) { return c; }
unsigned abi_call(unsigned (*f)(unsigned), unsigned n) { return f(n); }
