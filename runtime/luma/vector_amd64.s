#include "textflag.h"

// AVX2. Registers: Y15 is zero, Y6 the level in every byte, CX the bytes left.

// LEVEL makes Y6 of the level in AX.
#define LEVEL \
	VMOVD AX, X6 \
	VPBROADCASTB X6, Y6

// ADDLANES makes AX the sum of the four lanes of Y0.
#define ADDLANES \
	VEXTRACTI128 $1, Y0, X1 \
	VPADDQ X1, X0, X0 \
	VPSRLDQ $8, X0, X1 \
	VPADDQ X1, X0, X0 \
	VMOVQ X0, AX

// func sumVector(p *byte, n int) uint64
TEXT ·sumVector(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	VPXOR Y15, Y15, Y15

sum128:
	CMPQ CX, $128
	JLT  sum32
	VPSADBW (SI), Y15, Y4
	VPSADBW 32(SI), Y15, Y5
	VPSADBW 64(SI), Y15, Y6
	VPSADBW 96(SI), Y15, Y7
	VPADDQ Y4, Y0, Y0
	VPADDQ Y5, Y1, Y1
	VPADDQ Y6, Y2, Y2
	VPADDQ Y7, Y3, Y3
	ADDQ $128, SI
	SUBQ $128, CX
	JMP  sum128

sum32:
	TESTQ CX, CX
	JEQ   sumEnd
	VPSADBW (SI), Y15, Y4
	VPADDQ Y4, Y0, Y0
	ADDQ $32, SI
	SUBQ $32, CX
	JMP  sum32

sumEnd:
	VPADDQ Y1, Y0, Y0
	VPADDQ Y3, Y2, Y2
	VPADDQ Y2, Y0, Y0
	ADDLANES
	VZEROUPPER
	MOVQ AX, ret+16(FP)
	RET

// AT_LEAST makes R8 a bit for each byte of the register d that is at least the level: of those the larger one of both is d.
#define AT_LEAST(d, tmp, r) \
	VPMAXUB Y6, d, tmp \
	VPCMPEQB d, tmp, tmp \
	VPMOVMSKB tmp, r

// func countVector(p *byte, n int, level uint8) uint64
TEXT ·countVector(SB), NOSPLIT, $0-32
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	MOVBLZX level+16(FP), AX
	LEVEL
	XORQ R10, R10
	XORQ R11, R11

count64:
	CMPQ CX, $64
	JLT  count32
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	AT_LEAST(Y0, Y2, R8)
	AT_LEAST(Y1, Y3, R9)
	POPCNTL R8, R8
	POPCNTL R9, R9
	ADDQ R8, R10
	ADDQ R9, R11
	ADDQ $64, SI
	SUBQ $64, CX
	JMP  count64

count32:
	TESTQ CX, CX
	JEQ   countEnd
	VMOVDQU (SI), Y0
	AT_LEAST(Y0, Y2, R8)
	POPCNTL R8, R8
	ADDQ R8, R10

countEnd:
	ADDQ R11, R10
	VZEROUPPER
	MOVQ R10, ret+24(FP)
	RET

// APART makes d the absolute differences of the bytes at off from SI and DI: of the two saturated differences one is zero.
#define APART(off, d, tmp) \
	VMOVDQU off(SI), d \
	VMOVDQU off(DI), tmp \
	VPSUBUSB tmp, d, Y14 \
	VPSUBUSB d, tmp, tmp \
	VPOR Y14, tmp, d

// func compareVector(a, b *byte, n int, level uint8) (sum, most, count uint64)
TEXT ·compareVector(SB), NOSPLIT, $0-56
	MOVQ a+0(FP), SI
	MOVQ b+8(FP), DI
	MOVQ n+16(FP), CX
	MOVBLZX level+24(FP), AX
	LEVEL
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2 // the largest
	VPXOR Y3, Y3, Y3
	VPXOR Y15, Y15, Y15
	XORQ R10, R10
	XORQ R11, R11

compare64:
	CMPQ CX, $64
	JLT  compare32
	APART(0, Y4, Y8)
	APART(32, Y5, Y9)
	VPMAXUB Y4, Y2, Y2
	VPMAXUB Y5, Y3, Y3
	VPSADBW Y4, Y15, Y8
	VPSADBW Y5, Y15, Y9
	VPADDQ Y8, Y0, Y0
	VPADDQ Y9, Y1, Y1
	AT_LEAST(Y4, Y10, R8)
	AT_LEAST(Y5, Y11, R9)
	POPCNTL R8, R8
	POPCNTL R9, R9
	ADDQ R8, R10
	ADDQ R9, R11
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $64, CX
	JMP  compare64

compare32:
	TESTQ CX, CX
	JEQ   compareEnd
	APART(0, Y4, Y8)
	VPMAXUB Y4, Y2, Y2
	VPSADBW Y4, Y15, Y8
	VPADDQ Y8, Y0, Y0
	AT_LEAST(Y4, Y10, R8)
	POPCNTL R8, R8
	ADDQ R8, R10

compareEnd:
	VPADDQ Y1, Y0, Y0
	ADDLANES
	MOVQ AX, sum+32(FP)
	VPMAXUB Y3, Y2, Y2
	VEXTRACTI128 $1, Y2, X1
	VPMAXUB X1, X2, X2
	VPSRLDQ $8, X2, X1
	VPMAXUB X1, X2, X2
	VPSRLDQ $4, X2, X1
	VPMAXUB X1, X2, X2
	VPSRLDQ $2, X2, X1
	VPMAXUB X1, X2, X2
	VPSRLDQ $1, X2, X1
	VPMAXUB X1, X2, X2
	VMOVD X2, AX
	VZEROUPPER
	MOVBLZX AX, AX
	MOVQ AX, most+40(FP)
	ADDQ R11, R10
	MOVQ R10, count+48(FP)
	RET

// func findVector(p *byte, n int, level uint8) int
TEXT ·findVector(SB), NOSPLIT, $0-32
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	MOVBLZX level+16(FP), AX
	LEVEL
	XORQ DX, DX

find:
	VMOVDQU (SI)(DX*1), Y0
	AT_LEAST(Y0, Y2, R8)
	TESTL R8, R8
	JNE   findEnd
	ADDQ $32, DX
	CMPQ DX, CX
	JLT  find

findEnd:
	VZEROUPPER
	MOVQ DX, ret+24(FP)
	RET

// func findChangeVector(a, b *byte, n int, level uint8) int
TEXT ·findChangeVector(SB), NOSPLIT, $0-40
	MOVQ a+0(FP), SI
	MOVQ b+8(FP), DI
	MOVQ n+16(FP), CX
	MOVBLZX level+24(FP), AX
	LEVEL
	XORQ DX, DX

findChange:
	APART(0, Y4, Y8)
	AT_LEAST(Y4, Y2, R8)
	TESTL R8, R8
	JNE   findChangeEnd
	ADDQ $32, SI
	ADDQ $32, DI
	ADDQ $32, DX
	CMPQ DX, CX
	JLT  findChange

findChangeEnd:
	VZEROUPPER
	MOVQ DX, ret+32(FP)
	RET
