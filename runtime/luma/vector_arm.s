#include "textflag.h"

// NEON. Go's assembler does not know most of these instructions, so they stand here as words, with what they are beside them. Sums
// are widened from 8 to 64 bits in each round, so nothing overflows. Only R0 to R7 are used, and no instruction that needs an alignment.

// func sumVector(p *byte, n int) uint64
TEXT ·sumVector(SB), NOSPLIT, $0-16
	MOVW p+0(FP), R0
	MOVW n+4(FP), R1
	WORD $0xf2c00e50 // vmov.i8 q8, #0
	// 1:
	WORD $0xf420020d // vld1.8 {d0-d3}, [r0]!
	WORD $0xf3b042c0 // vpaddl.u8 q2, q0
	WORD $0xf3b046c2 // vpadal.u8 q2, q1
	WORD $0xf3b442c4 // vpaddl.u16 q2, q2
	WORD $0xf3f806c4 // vpadal.u32 q8, q2
	WORD $0xe2511020 // subs r1, r1, #32
	WORD $0x1afffff8 // bne 1b
	WORD $0xf27008a1 // vadd.i64 d16, d16, d17
	WORD $0xec510b30 // vmov r0, r1, d16
	MOVW R0, ret_lo+8(FP)
	MOVW R1, ret_hi+12(FP)
	RET

// func countVector(p *byte, n int, level uint8) uint64
TEXT ·countVector(SB), NOSPLIT, $0-20
	MOVW p+0(FP), R0
	MOVW n+4(FP), R1
	MOVBU level+8(FP), R2
	WORD $0xf2c00e50 // vmov.i8 q8, #0
	WORD $0xeee62b10 // vdup.8 q3, r2
	// 1:
	WORD $0xf420020d // vld1.8 {d0-d3}, [r0]!
	WORD $0xf3000356 // vcge.u8 q0, q0, q3
	WORD $0xf3022356 // vcge.u8 q1, q1, q3
	WORD $0xf2000842 // vadd.i8 q0, q0, q1
	WORD $0xf3b103c0 // vneg.s8 q0, q0
	WORD $0xf3b042c0 // vpaddl.u8 q2, q0
	WORD $0xf3b442c4 // vpaddl.u16 q2, q2
	WORD $0xf3f806c4 // vpadal.u32 q8, q2
	WORD $0xe2511020 // subs r1, r1, #32
	WORD $0x1afffff5 // bne 1b
	WORD $0xf27008a1 // vadd.i64 d16, d16, d17
	WORD $0xec510b30 // vmov r0, r1, d16
	MOVW R0, ret_lo+12(FP)
	MOVW R1, ret_hi+16(FP)
	RET

// func compareVector(a, b *byte, n int, level uint8) (sum, most, count uint64)
TEXT ·compareVector(SB), NOSPLIT, $0-40
	MOVW a+0(FP), R0
	MOVW b+4(FP), R1
	MOVW n+8(FP), R2
	MOVBU level+12(FP), R3
	WORD $0xf2c00e50 // vmov.i8 q8, #0
	WORD $0xf2c02e50 // vmov.i8 q9, #0
	WORD $0xf2c04e50 // vmov.i8 q10, #0
	WORD $0xf2c06e50 // vmov.i8 q11, #0
	WORD $0xeee83b90 // vdup.8 q12, r3
	// 1:
	WORD $0xf420020d // vld1.8 {d0-d3}, [r0]!
	WORD $0xf421420d // vld1.8 {d4-d7}, [r1]!
	WORD $0xf3000744 // vabd.u8 q0, q0, q2
	WORD $0xf3022746 // vabd.u8 q1, q1, q3
	WORD $0xf34226c0 // vmax.u8 q9, q9, q0
	WORD $0xf34666c2 // vmax.u8 q11, q11, q1
	WORD $0xf3b042c0 // vpaddl.u8 q2, q0
	WORD $0xf3b046c2 // vpadal.u8 q2, q1
	WORD $0xf3b442c4 // vpaddl.u16 q2, q2
	WORD $0xf3f806c4 // vpadal.u32 q8, q2
	WORD $0xf3000378 // vcge.u8 q0, q0, q12
	WORD $0xf3022378 // vcge.u8 q1, q1, q12
	WORD $0xf2000842 // vadd.i8 q0, q0, q1
	WORD $0xf3b103c0 // vneg.s8 q0, q0
	WORD $0xf3b042c0 // vpaddl.u8 q2, q0
	WORD $0xf3b442c4 // vpaddl.u16 q2, q2
	WORD $0xf3f846c4 // vpadal.u32 q10, q2
	WORD $0xe2522020 // subs r2, r2, #32
	WORD $0x1affffec // bne 1b
	WORD $0xf34226e6 // vmax.u8 q9, q9, q11
	WORD $0xf3422aa3 // vpmax.u8 d18, d18, d19
	WORD $0xf3422aa2 // vpmax.u8 d18, d18, d18
	WORD $0xf3422aa2 // vpmax.u8 d18, d18, d18
	WORD $0xf3422aa2 // vpmax.u8 d18, d18, d18
	WORD $0xeed24b90 // vmov.u8 r4, d18[0]
	WORD $0xe3a05000 // mov r5, #0
	WORD $0xf27448a5 // vadd.i64 d20, d20, d21
	WORD $0xec576b34 // vmov r6, r7, d20
	WORD $0xf27008a1 // vadd.i64 d16, d16, d17
	WORD $0xec510b30 // vmov r0, r1, d16
	MOVW R0, sum_lo+16(FP)
	MOVW R1, sum_hi+20(FP)
	MOVW R4, most_lo+24(FP)
	MOVW R5, most_hi+28(FP)
	MOVW R6, count_lo+32(FP)
	MOVW R7, count_hi+36(FP)
	RET

// func findVector(p *byte, n int, level uint8) int
TEXT ·findVector(SB), NOSPLIT, $0-16
	MOVW p+0(FP), R0
	MOVW n+4(FP), R1
	MOVBU level+8(FP), R2
	MOVW $0, R3
	WORD $0xeee62b10 // vdup.8 q3, r2
	// 1:
	WORD $0xf420020d // vld1.8 {d0-d3}, [r0]!
	WORD $0xf3000642 // vmax.u8 q0, q0, q1
	WORD $0xf3000356 // vcge.u8 q0, q0, q3
	WORD $0xf2200111 // vorr d0, d0, d1
	WORD $0xec554b10 // vmov r4, r5, d0
	WORD $0xe1944005 // orrs r4, r4, r5
	WORD $0x1a000002 // bne 2f
	WORD $0xe2833020 // add r3, r3, #32
	WORD $0xe1530001 // cmp r3, r1
	WORD $0x3afffff5 // blo 1b
	// 2:
	MOVW R3, ret+12(FP)
	RET

// func findChangeVector(a, b *byte, n int, level uint8) int
TEXT ·findChangeVector(SB), NOSPLIT, $0-20
	MOVW a+0(FP), R0
	MOVW b+4(FP), R1
	MOVW n+8(FP), R2
	MOVBU level+12(FP), R3
	MOVW $0, R6
	WORD $0xeee83b90 // vdup.8 q12, r3
	// 1:
	WORD $0xf420020d // vld1.8 {d0-d3}, [r0]!
	WORD $0xf421420d // vld1.8 {d4-d7}, [r1]!
	WORD $0xf3000744 // vabd.u8 q0, q0, q2
	WORD $0xf3022746 // vabd.u8 q1, q1, q3
	WORD $0xf3000642 // vmax.u8 q0, q0, q1
	WORD $0xf3000378 // vcge.u8 q0, q0, q12
	WORD $0xf2200111 // vorr d0, d0, d1
	WORD $0xec554b10 // vmov r4, r5, d0
	WORD $0xe1944005 // orrs r4, r4, r5
	WORD $0x1a000002 // bne 2f
	WORD $0xe2866020 // add r6, r6, #32
	WORD $0xe1560002 // cmp r6, r2
	WORD $0x3afffff2 // blo 1b
	// 2:
	MOVW R6, ret+16(FP)
	RET
