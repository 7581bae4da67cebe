#include <stdbool.h>
#include <stdint.h>

int abi_char_signed(void);
int abi_char(char c);
int abi_char_late(long a, long b, long c, long d, long e, long f, long g, long h, char i);
long long abi_narrow(signed char a, unsigned char b, short c, unsigned short d, bool e);
long long abi_narrow_late(long a, long b, long c, long d, long e, long f, long g, long h, signed char i, unsigned char j, short k, unsigned short l, bool m);
signed char abi_s8(unsigned n);
unsigned char abi_u8(unsigned n);
short abi_s16(unsigned n);
unsigned short abi_u16(unsigned n);
char abi_c8(unsigned n);
bool abi_bool(unsigned n);
unsigned char abi_u8_float(float f, unsigned n);
short abi_s16_float(float f, unsigned n);
int abi_narrow_float(float f, signed char a, unsigned char b, short c, unsigned short d, bool e, char g);
double abi_doubles(double a, double b, double c, double d, double e, double f, double g, double h, double i, double j);
float abi_floats(float a, float b, float c, float d, float e, float f, float g, float h, float i, float j, float k, float l, float m, float n, float o, float p, float q, float r);
double abi_mix(int a, double b, long long c, double d, short e, double f, double g, double h, double i, double j, long long k, double l, double m, int n, long long o, double p);
float abi_mixf(signed char a, float b, long long c, float d, float e, float f, float g, float h, float i, float j, int k, float l, float m, long long n);
int abi_matrix(int m[2][3]);
int abi_texts(const char *const list[]);
void abi_keep(int n, long long at);
long long abi_kept(void);
int abi_optional(char c);
unsigned abi_call(unsigned (*f)(unsigned), unsigned n);
