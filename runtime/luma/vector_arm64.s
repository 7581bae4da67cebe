#include "textflag.h"

// NEON. What Go's assembler does not know of it stands here as words; the last argument is what is written, and all are registers of 16 bytes by
// number.
//
// Registers: R0 and R1 the samples, R2 the bytes left, V6 the level in every byte, V16 the sum, V18 the count, V17 and V19 the largest, V7 zero; the
// others are for a round. Sums are widened from 8 to 64 bits in each round, so nothing overflows.

#define DIFFER(m, n, d) WORD $(0x6e207400 | (m)<<16 | (n)<<5 | (d)) // uabd d.16b, n.16b, m.16b
#define LARGER(m, n, d) WORD $(0x6e206400 | (m)<<16 | (n)<<5 | (d)) // umax d.16b, n.16b, m.16b
#define AT_LEAST(m, n, d) WORD $(0x6e203c00 | (m)<<16 | (n)<<5 | (d)) // cmhs d.16b, n.16b, m.16b
#define PAIRS8(n, d) WORD $(0x6e202800 | (n)<<5 | (d)) // uaddlp d.8h, n.16b
#define ADD_PAIRS8(n, d) WORD $(0x6e206800 | (n)<<5 | (d)) // uadalp d.8h, n.16b
#define PAIRS16(n, d) WORD $(0x6e602800 | (n)<<5 | (d)) // uaddlp d.4s, n.8h
#define ADD_PAIRS32(n, d) WORD $(0x6ea06800 | (n)<<5 | (d)) // uadalp d.2d, n.4s
#define LARGEST(n, d) WORD $(0x6e30a800 | (n)<<5 | (d)) // umaxv b(d), n.16b

#define ZERO(v) VEOR v.B16, v.B16, v.B16

// LOAD makes V0 and V1 the next samples.
#define LOAD VLD1.P 32(R0), [V0.B16, V1.B16]

// LOAD_APART makes them the absolute differences of the next samples of both.
#define LOAD_APART \
	LOAD \
	VLD1.P 32(R1), [V2.B16, V3.B16] \
	DIFFER(2, 0, 0) \
	DIFFER(3, 1, 1)

// EACH_BYTE makes V6 of the level in R3.
#define EACH_BYTE VDUP R3, V6.B16

// WIDEN adds the pairs of V4's 16 bits to the lanes of acc.
#define WIDEN(acc) \
	PAIRS16(4, 4) \
	ADD_PAIRS32(4, acc)

// SUM adds the bytes of V0 and V1 to V16.
#define SUM \
	PAIRS8(0, 4) \
	ADD_PAIRS8(1, 4) \
	WIDEN(16)

// COUNT adds to V18 how many bytes of V0 and V1 are at least the level, and changes them.
#define COUNT \
	AT_LEAST(6, 0, 0) \
	AT_LEAST(6, 1, 1) \
	VADD V1.B16, V0.B16, V0.B16 \
	VSUB V0.B16, V7.B16, V0.B16 \
	PAIRS8(0, 4) \
	WIDEN(18)

// TOLD makes r the sum of both lanes of v.
#define TOLD(v, r) \
	VADDP v.D2, v.D2, v.D2 \
	VMOV v.D[0], r

// ANY makes R4 not zero if a byte of V0 or V1 is at least the level.
#define ANY \
	LARGER(1, 0, 0) \
	AT_LEAST(6, 0, 0) \
	LARGEST(0, 0) \
	VMOV V0.B[0], R4

// func sumVector(p *byte, n int) uint64
TEXT ·sumVector(SB), NOSPLIT, $0-24
	MOVD p+0(FP), R0
	MOVD n+8(FP), R2
	ZERO(V16)

sum:
	LOAD
	SUM
	SUBS $32, R2
	BNE  sum
	TOLD(V16, R0)
	MOVD R0, ret+16(FP)
	RET

// func countVector(p *byte, n int, level uint8) uint64
TEXT ·countVector(SB), NOSPLIT, $0-32
	MOVD  p+0(FP), R0
	MOVD  n+8(FP), R2
	MOVBU level+16(FP), R3
	EACH_BYTE
	ZERO(V7)
	ZERO(V18)

count:
	LOAD
	COUNT
	SUBS $32, R2
	BNE  count
	TOLD(V18, R0)
	MOVD R0, ret+24(FP)
	RET

// func compareVector(a, b *byte, n int, level uint8) (sum, most, count uint64)
TEXT ·compareVector(SB), NOSPLIT, $0-56
	MOVD  a+0(FP), R0
	MOVD  b+8(FP), R1
	MOVD  n+16(FP), R2
	MOVBU level+24(FP), R3
	EACH_BYTE
	ZERO(V7)
	ZERO(V16)
	ZERO(V17)
	ZERO(V18)
	ZERO(V19)

compare:
	LOAD_APART
	LARGER(0, 17, 17)
	LARGER(1, 19, 19)
	SUM
	COUNT
	SUBS $32, R2
	BNE  compare
	LARGER(19, 17, 17)
	LARGEST(17, 17)
	VMOV V17.B[0], R1
	TOLD(V16, R0)
	TOLD(V18, R2)
	MOVD R0, sum+32(FP)
	MOVD R1, most+40(FP)
	MOVD R2, count+48(FP)
	RET

// func findVector(p *byte, n int, level uint8) int
TEXT ·findVector(SB), NOSPLIT, $0-32
	MOVD  p+0(FP), R0
	MOVD  n+8(FP), R2
	MOVBU level+16(FP), R3
	EACH_BYTE
	MOVD $0, R5

find:
	LOAD
	ANY
	CBNZ R4, findEnd
	ADD  $32, R5
	CMP  R2, R5
	BLO  find

findEnd:
	MOVD R5, ret+24(FP)
	RET

// func findChangeVector(a, b *byte, n int, level uint8) int
TEXT ·findChangeVector(SB), NOSPLIT, $0-40
	MOVD  a+0(FP), R0
	MOVD  b+8(FP), R1
	MOVD  n+16(FP), R2
	MOVBU level+24(FP), R3
	EACH_BYTE
	MOVD $0, R5

findChange:
	LOAD_APART
	ANY
	CBNZ R4, findChangeEnd
	ADD  $32, R5
	CMP  R2, R5
	BLO  findChange

findChangeEnd:
	MOVD R5, ret+32(FP)
	RET
