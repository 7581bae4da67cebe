#include "textflag.h"

// NEON. Go's assembler does not know most of these instructions, so they stand here as words, with what they are beside them. Sums
// are widened from 8 to 64 bits in each round, so nothing overflows.

// func sumVector(p *byte, n int) uint64
TEXT ·sumVector(SB), NOSPLIT, $0-24
	MOVD p+0(FP), R0
	MOVD n+8(FP), R1
	WORD $0x6f00e410 // movi v16.2d, #0
	// 1:
	WORD $0x4cdfa000 // ld1 {v0.16b, v1.16b}, [x0], #32
	WORD $0x6e202802 // uaddlp v2.8h, v0.16b
	WORD $0x6e206822 // uadalp v2.8h, v1.16b
	WORD $0x6e602842 // uaddlp v2.4s, v2.8h
	WORD $0x6ea06850 // uadalp v16.2d, v2.4s
	WORD $0xf1008021 // subs x1, x1, #32
	WORD $0x54ffff41 // b.ne 1b
	WORD $0x5ef1ba10 // addp d16, v16.2d
	WORD $0x9e660200 // fmov x0, d16
	MOVD R0, ret+16(FP)
	RET

// func countVector(p *byte, n int, level uint8) uint64
TEXT ·countVector(SB), NOSPLIT, $0-32
	MOVD p+0(FP), R0
	MOVD n+8(FP), R1
	MOVBU level+16(FP), R2
	WORD $0x6f00e410 // movi v16.2d, #0
	WORD $0x4e010c46 // dup v6.16b, w2
	// 1:
	WORD $0x4cdfa000 // ld1 {v0.16b, v1.16b}, [x0], #32
	WORD $0x6e263c00 // cmhs v0.16b, v0.16b, v6.16b
	WORD $0x6e263c21 // cmhs v1.16b, v1.16b, v6.16b
	WORD $0x4e218400 // add v0.16b, v0.16b, v1.16b
	WORD $0x6e20b800 // neg v0.16b, v0.16b
	WORD $0x6e202802 // uaddlp v2.8h, v0.16b
	WORD $0x6e602842 // uaddlp v2.4s, v2.8h
	WORD $0x6ea06850 // uadalp v16.2d, v2.4s
	WORD $0xf1008021 // subs x1, x1, #32
	WORD $0x54fffee1 // b.ne 1b
	WORD $0x5ef1ba10 // addp d16, v16.2d
	WORD $0x9e660200 // fmov x0, d16
	MOVD R0, ret+24(FP)
	RET

// func compareVector(a, b *byte, n int, level uint8) (sum, most, count uint64)
TEXT ·compareVector(SB), NOSPLIT, $0-56
	MOVD a+0(FP), R0
	MOVD b+8(FP), R1
	MOVD n+16(FP), R2
	MOVBU level+24(FP), R3
	WORD $0x6f00e410 // movi v16.2d, #0
	WORD $0x6f00e411 // movi v17.2d, #0
	WORD $0x6f00e412 // movi v18.2d, #0
	WORD $0x6f00e413 // movi v19.2d, #0
	WORD $0x4e010c66 // dup v6.16b, w3
	// 1:
	WORD $0x4cdfa000 // ld1 {v0.16b, v1.16b}, [x0], #32
	WORD $0x4cdfa022 // ld1 {v2.16b, v3.16b}, [x1], #32
	WORD $0x6e227400 // uabd v0.16b, v0.16b, v2.16b
	WORD $0x6e237421 // uabd v1.16b, v1.16b, v3.16b
	WORD $0x6e206631 // umax v17.16b, v17.16b, v0.16b
	WORD $0x6e216673 // umax v19.16b, v19.16b, v1.16b
	WORD $0x6e202804 // uaddlp v4.8h, v0.16b
	WORD $0x6e206824 // uadalp v4.8h, v1.16b
	WORD $0x6e602884 // uaddlp v4.4s, v4.8h
	WORD $0x6ea06890 // uadalp v16.2d, v4.4s
	WORD $0x6e263c00 // cmhs v0.16b, v0.16b, v6.16b
	WORD $0x6e263c21 // cmhs v1.16b, v1.16b, v6.16b
	WORD $0x4e218400 // add v0.16b, v0.16b, v1.16b
	WORD $0x6e20b800 // neg v0.16b, v0.16b
	WORD $0x6e202804 // uaddlp v4.8h, v0.16b
	WORD $0x6e602884 // uaddlp v4.4s, v4.8h
	WORD $0x6ea06892 // uadalp v18.2d, v4.4s
	WORD $0xf1008042 // subs x2, x2, #32
	WORD $0x54fffdc1 // b.ne 1b
	WORD $0x5ef1ba10 // addp d16, v16.2d
	WORD $0x5ef1ba52 // addp d18, v18.2d
	WORD $0x6e336631 // umax v17.16b, v17.16b, v19.16b
	WORD $0x6e30aa31 // umaxv b17, v17.16b
	WORD $0x9e660200 // fmov x0, d16
	WORD $0x0e013e21 // umov w1, v17.b[0]
	WORD $0x9e660242 // fmov x2, d18
	MOVD R0, sum+32(FP)
	MOVD R1, most+40(FP)
	MOVD R2, count+48(FP)
	RET

// func findVector(p *byte, n int, level uint8) int
TEXT ·findVector(SB), NOSPLIT, $0-32
	MOVD p+0(FP), R0
	MOVD n+8(FP), R1
	MOVBU level+16(FP), R2
	MOVD $0, R3
	WORD $0x4e010c46 // dup v6.16b, w2
	// 1:
	WORD $0x4cdfa000 // ld1 {v0.16b, v1.16b}, [x0], #32
	WORD $0x6e216400 // umax v0.16b, v0.16b, v1.16b
	WORD $0x6e263c00 // cmhs v0.16b, v0.16b, v6.16b
	WORD $0x6e30a800 // umaxv b0, v0.16b
	WORD $0x0e013c04 // umov w4, v0.b[0]
	WORD $0x35000084 // cbnz w4, 2f
	WORD $0x91008063 // add x3, x3, #32
	WORD $0xeb01007f // cmp x3, x1
	WORD $0x54ffff03 // b.lo 1b
	// 2:
	MOVD R3, ret+24(FP)
	RET

// func findChangeVector(a, b *byte, n int, level uint8) int
TEXT ·findChangeVector(SB), NOSPLIT, $0-40
	MOVD a+0(FP), R0
	MOVD b+8(FP), R1
	MOVD n+16(FP), R2
	MOVBU level+24(FP), R3
	MOVD $0, R5
	WORD $0x4e010c66 // dup v6.16b, w3
	// 1:
	WORD $0x4cdfa000 // ld1 {v0.16b, v1.16b}, [x0], #32
	WORD $0x4cdfa022 // ld1 {v2.16b, v3.16b}, [x1], #32
	WORD $0x6e227400 // uabd v0.16b, v0.16b, v2.16b
	WORD $0x6e237421 // uabd v1.16b, v1.16b, v3.16b
	WORD $0x6e216400 // umax v0.16b, v0.16b, v1.16b
	WORD $0x6e263c00 // cmhs v0.16b, v0.16b, v6.16b
	WORD $0x6e30a800 // umaxv b0, v0.16b
	WORD $0x0e013c04 // umov w4, v0.b[0]
	WORD $0x35000084 // cbnz w4, 2f
	WORD $0x910080a5 // add x5, x5, #32
	WORD $0xeb0200bf // cmp x5, x2
	WORD $0x54fffea3 // b.lo 1b
	// 2:
	MOVD R5, ret+32(FP)
	RET
