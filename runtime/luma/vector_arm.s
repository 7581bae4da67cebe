#include "textflag.h"

// NEON. Go's assembler does not know these instructions, so they stand here as words; q is a register of 16 bytes, by number, and the last argument
// is what is written. No instruction needs an alignment.
//
// Registers: R0 and R1 the samples, R2 the bytes left, q12 the level in every byte, q8 the sum, q10 the count, q9 and q11 the largest; the others are
// for a round. Sums are widened from 8 to 64 bits in each round, so nothing overflows.

#define DEST(q) (((q)&7)<<13 | ((q)>>3)<<22)
#define FIRST(q) (((q)&7)<<17 | ((q)>>3)<<7)
#define SECOND(q) (((q)&7)<<1 | ((q)>>3)<<5)

#define ZERO(d) WORD $(0xf2800e50 | DEST(d)) // vmov.i8 d, #0
#define ADD8(m, n, d) WORD $(0xf2000840 | DEST(d) | FIRST(n) | SECOND(m)) // vadd.i8 d, n, m
#define DIFFER(m, n, d) WORD $(0xf3000740 | DEST(d) | FIRST(n) | SECOND(m)) // vabd.u8 d, n, m
#define LARGER(m, n, d) WORD $(0xf3000640 | DEST(d) | FIRST(n) | SECOND(m)) // vmax.u8 d, n, m
#define AT_LEAST(m, n, d) WORD $(0xf3000350 | DEST(d) | FIRST(n) | SECOND(m)) // vcge.u8 d, n, m
#define NEGATE(m, d) WORD $(0xf3b103c0 | DEST(d) | SECOND(m)) // vneg.s8 d, m
#define PAIRS8(m, d) WORD $(0xf3b002c0 | DEST(d) | SECOND(m)) // vpaddl.u8 d, m
#define ADD_PAIRS8(m, d) WORD $(0xf3b006c0 | DEST(d) | SECOND(m)) // vpadal.u8 d, m
#define PAIRS16(m, d) WORD $(0xf3b402c0 | DEST(d) | SECOND(m)) // vpaddl.u16 d, m
#define ADD_PAIRS32(m, d) WORD $(0xf3b806c0 | DEST(d) | SECOND(m)) // vpadal.u32 d, m

// LOAD makes q0 and q1 the next samples.
#define LOAD WORD $0xf420020d // vld1.8 {d0-d3}, [r0]!

// LOAD_APART makes them the absolute differences of the next samples of both.
#define LOAD_APART \
	LOAD \
	WORD $0xf421420d /* vld1.8 {d4-d7}, [r1]! */ \
	DIFFER(2, 0, 0) \
	DIFFER(3, 1, 1)

// EACH_BYTE makes q12 of the level in R3.
#define EACH_BYTE WORD $0xeee83b90 // vdup.8 q12, r3

// WIDEN adds the pairs of q2's 16 bits to the lanes of acc.
#define WIDEN(acc) \
	PAIRS16(2, 2) \
	ADD_PAIRS32(2, acc)

// SUM adds the bytes of q0 and q1 to q8.
#define SUM \
	PAIRS8(0, 2) \
	ADD_PAIRS8(1, 2) \
	WIDEN(8)

// COUNT adds to q10 how many bytes of q0 and q1 are at least the level, and changes them.
#define COUNT \
	AT_LEAST(12, 0, 0) \
	AT_LEAST(12, 1, 1) \
	ADD8(1, 0, 0) \
	NEGATE(0, 0) \
	PAIRS8(0, 2) \
	WIDEN(10)

// TOLD_SUM makes R0 and R1 the sum, TOLD_COUNT R6 and R7 the count.
#define TOLD_SUM \
	WORD $0xf27008a1 /* vadd.i64 d16, d16, d17 */ \
	WORD $0xec510b30 // vmov r0, r1, d16

#define TOLD_COUNT \
	WORD $0xf27448a5 /* vadd.i64 d20, d20, d21 */ \
	WORD $0xec576b34 // vmov r6, r7, d20

// LARGEST makes each of the lower bytes of q9 the larger one of two.
#define LARGEST WORD $0xf3422aa2 // vpmax.u8 d18, d18, d18

// ANY sets the flag Z unless a byte of q0 or q1 is at least the level.
#define ANY \
	LARGER(1, 0, 0) \
	AT_LEAST(12, 0, 0) \
	WORD $0xf2200111 /* vorr d0, d0, d1 */ \
	WORD $0xec554b10 /* vmov r4, r5, d0 */ \
	ORR.S R5, R4, R4

// func sumVector(p *byte, n int) uint64
TEXT ·sumVector(SB), NOSPLIT, $0-16
	MOVW p+0(FP), R0
	MOVW n+4(FP), R2
	ZERO(8)

sum:
	LOAD
	SUM
	SUB.S $32, R2
	BNE   sum
	TOLD_SUM
	MOVW R0, ret_lo+8(FP)
	MOVW R1, ret_hi+12(FP)
	RET

// func countVector(p *byte, n int, level uint8) uint64
TEXT ·countVector(SB), NOSPLIT, $0-20
	MOVW  p+0(FP), R0
	MOVW  n+4(FP), R2
	MOVBU level+8(FP), R3
	EACH_BYTE
	ZERO(10)

count:
	LOAD
	COUNT
	SUB.S $32, R2
	BNE   count
	TOLD_COUNT
	MOVW R6, ret_lo+12(FP)
	MOVW R7, ret_hi+16(FP)
	RET

// func compareVector(a, b *byte, n int, level uint8) (sum, most, count uint64)
TEXT ·compareVector(SB), NOSPLIT, $0-40
	MOVW  a+0(FP), R0
	MOVW  b+4(FP), R1
	MOVW  n+8(FP), R2
	MOVBU level+12(FP), R3
	EACH_BYTE
	ZERO(8)
	ZERO(9)
	ZERO(10)
	ZERO(11)

compare:
	LOAD_APART
	LARGER(0, 9, 9)
	LARGER(1, 11, 11)
	SUM
	COUNT
	SUB.S $32, R2
	BNE   compare
	LARGER(11, 9, 9)
	WORD $0xf3422aa3 // vpmax.u8 d18, d18, d19
	LARGEST
	LARGEST
	LARGEST
	WORD $0xeed24b90 // vmov.u8 r4, d18[0]
	MOVW $0, R5
	TOLD_COUNT
	TOLD_SUM
	MOVW R0, sum_lo+16(FP)
	MOVW R1, sum_hi+20(FP)
	MOVW R4, most_lo+24(FP)
	MOVW R5, most_hi+28(FP)
	MOVW R6, count_lo+32(FP)
	MOVW R7, count_hi+36(FP)
	RET

// func findVector(p *byte, n int, level uint8) int
TEXT ·findVector(SB), NOSPLIT, $0-16
	MOVW  p+0(FP), R0
	MOVW  n+4(FP), R2
	MOVBU level+8(FP), R3
	EACH_BYTE
	MOVW $0, R6

find:
	LOAD
	ANY
	BNE findEnd
	ADD $32, R6
	CMP R2, R6
	BLO find

findEnd:
	MOVW R6, ret+12(FP)
	RET

// func findChangeVector(a, b *byte, n int, level uint8) int
TEXT ·findChangeVector(SB), NOSPLIT, $0-20
	MOVW  a+0(FP), R0
	MOVW  b+4(FP), R1
	MOVW  n+8(FP), R2
	MOVBU level+12(FP), R3
	EACH_BYTE
	MOVW $0, R6

findChange:
	LOAD_APART
	ANY
	BNE findChangeEnd
	ADD $32, R6
	CMP R2, R6
	BLO findChange

findChangeEnd:
	MOVW R6, ret+16(FP)
	RET
