#include "textflag.h"

// AVX2. Registers: SI and DI the samples, CX the bytes left, Y6 the level in every byte, Y15 zero.

#define SAMPLES \
	MOVQ p+0(FP), SI \
	MOVQ n+8(FP), CX

#define SAMPLES_OF_BOTH \
	MOVQ a+0(FP), SI \
	MOVQ b+8(FP), DI \
	MOVQ n+16(FP), CX

// EACH_BYTE makes Y6 of the level in AX.
#define EACH_BYTE \
	VMOVD AX, X6 \
	VPBROADCASTB X6, Y6

// ADD_LANES makes AX the sum of the four lanes of Y0.
#define ADD_LANES \
	VEXTRACTI128 $1, Y0, X1 \
	VPADDQ X1, X0, X0 \
	VPSRLDQ $8, X0, X1 \
	VPADDQ X1, X0, X0 \
	VMOVQ X0, AX

// ADD_BYTES adds the bytes at off to the lanes of acc.
#define ADD_BYTES(off, tmp, acc) \
	VPSADBW off(SI), Y15, tmp \
	VPADDQ tmp, acc, acc

// AT_LEAST makes r a bit for each byte of d that is at least the level: the larger one of both is then d.
#define AT_LEAST(d, tmp, r) \
	VPMAXUB Y6, d, tmp \
	VPCMPEQB d, tmp, tmp \
	VPMOVMSKB tmp, r

// COUNT adds to acc how many bytes of d are at least the level.
#define COUNT(d, tmp, r, acc) \
	AT_LEAST(d, tmp, r) \
	POPCNTL r, r \
	ADDQ r, acc

// APART makes d the absolute differences of the bytes at off: of the two saturated differences one is zero.
#define APART(off, d, tmp) \
	VMOVDQU off(SI), d \
	VMOVDQU off(DI), tmp \
	VPSUBUSB tmp, d, Y14 \
	VPSUBUSB d, tmp, tmp \
	VPOR Y14, tmp, d

// COMPARE adds the differences at off to sum, their largest to most, and how many are at least the level to count.
#define COMPARE(off, d, tmp, r, sum, most, count) \
	APART(off, d, tmp) \
	VPMAXUB d, most, most \
	VPSADBW d, Y15, tmp \
	VPADDQ tmp, sum, sum \
	COUNT(d, tmp, r, count)

// LARGER makes each byte of X2 the larger one of it and of that so many bytes above.
#define LARGER(n) \
	VPSRLDQ $n, X2, X1 \
	VPMAXUB X1, X2, X2

// func sumVector(p *byte, n int) uint64
TEXT ·sumVector(SB), NOSPLIT, $0-24
	SAMPLES
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	VPXOR Y15, Y15, Y15

sum128:
	CMPQ CX, $128
	JLT  sum32
	ADD_BYTES(0, Y4, Y0)
	ADD_BYTES(32, Y5, Y1)
	ADD_BYTES(64, Y6, Y2)
	ADD_BYTES(96, Y7, Y3)
	ADDQ $128, SI
	SUBQ $128, CX
	JMP  sum128

sum32:
	TESTQ CX, CX
	JEQ   sumEnd
	ADD_BYTES(0, Y4, Y0)
	ADDQ $32, SI
	SUBQ $32, CX
	JMP  sum32

sumEnd:
	VPADDQ Y1, Y0, Y0
	VPADDQ Y3, Y2, Y2
	VPADDQ Y2, Y0, Y0
	ADD_LANES
	VZEROUPPER
	MOVQ AX, ret+16(FP)
	RET

// func countVector(p *byte, n int, level uint8) uint64
TEXT ·countVector(SB), NOSPLIT, $0-32
	SAMPLES
	MOVBLZX level+16(FP), AX
	EACH_BYTE
	XORQ R10, R10
	XORQ R11, R11

count128:
	CMPQ CX, $128
	JLT  count32
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	VMOVDQU 64(SI), Y2
	VMOVDQU 96(SI), Y3
	COUNT(Y0, Y7, R8, R10)
	COUNT(Y1, Y8, R9, R11)
	COUNT(Y2, Y9, R12, R10)
	COUNT(Y3, Y10, R13, R11)
	ADDQ $128, SI
	SUBQ $128, CX
	JMP  count128

count32:
	TESTQ CX, CX
	JEQ   countEnd
	VMOVDQU (SI), Y0
	COUNT(Y0, Y7, R8, R10)
	ADDQ $32, SI
	SUBQ $32, CX
	JMP  count32

countEnd:
	ADDQ R11, R10
	VZEROUPPER
	MOVQ R10, ret+24(FP)
	RET

// func compareVector(a, b *byte, n int, level uint8) (sum, most, count uint64)
TEXT ·compareVector(SB), NOSPLIT, $0-56
	SAMPLES_OF_BOTH
	MOVBLZX level+24(FP), AX
	EACH_BYTE
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	VPXOR Y15, Y15, Y15
	XORQ R10, R10
	XORQ R11, R11

compare64:
	CMPQ CX, $64
	JLT  compare32
	COMPARE(0, Y4, Y8, R8, Y0, Y2, R10)
	COMPARE(32, Y5, Y9, R9, Y1, Y3, R11)
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $64, CX
	JMP  compare64

compare32:
	TESTQ CX, CX
	JEQ   compareEnd
	COMPARE(0, Y4, Y8, R8, Y0, Y2, R10)

compareEnd:
	VPADDQ Y1, Y0, Y0
	ADD_LANES
	MOVQ AX, sum+32(FP)
	VPMAXUB Y3, Y2, Y2
	VEXTRACTI128 $1, Y2, X1
	VPMAXUB X1, X2, X2
	LARGER(8)
	LARGER(4)
	LARGER(2)
	LARGER(1)
	VMOVD X2, AX
	VZEROUPPER
	MOVBLZX AX, AX
	MOVQ AX, most+40(FP)
	ADDQ R11, R10
	MOVQ R10, count+48(FP)
	RET

// func findVector(p *byte, n int, level uint8) int
TEXT ·findVector(SB), NOSPLIT, $0-32
	SAMPLES
	MOVBLZX level+16(FP), AX
	EACH_BYTE
	XORQ DX, DX
	SUBQ $128, CX

find128:
	CMPQ DX, CX
	JGT  find32
	PREFETCHT0 4096(SI)(DX*1) // rows are too short for the processor to see ahead
	PREFETCHT0 4160(SI)(DX*1)
	VMOVDQU (SI)(DX*1), Y0
	VMOVDQU 64(SI)(DX*1), Y1
	VPMAXUB 32(SI)(DX*1), Y0, Y0
	VPMAXUB 96(SI)(DX*1), Y1, Y1
	VPMAXUB Y1, Y0, Y0
	AT_LEAST(Y0, Y2, R8)
	SUBQ  $-128, DX
	TESTL R8, R8
	JEQ   find128
	ADDQ $-128, DX

find32:
	SUBQ $-128, CX

findNext:
	CMPQ DX, CX
	JGE  findEnd
	VMOVDQU (SI)(DX*1), Y0
	AT_LEAST(Y0, Y2, R8)
	TESTL R8, R8
	JNE   findEnd
	ADDQ $32, DX
	JMP  findNext

findEnd:
	VZEROUPPER
	MOVQ DX, ret+24(FP)
	RET

// func findChangeVector(a, b *byte, n int, level uint8) int
TEXT ·findChangeVector(SB), NOSPLIT, $0-40
	SAMPLES_OF_BOTH
	MOVBLZX level+24(FP), AX
	EACH_BYTE
	XORQ DX, DX

findChange64:
	CMPQ CX, $64
	JLT  findChange32
	APART(0, Y4, Y8)
	APART(32, Y5, Y9)
	VPMAXUB Y5, Y4, Y4
	AT_LEAST(Y4, Y2, R8)
	TESTL R8, R8
	JNE   findChange32
	ADDQ $64, SI
	ADDQ $64, DI
	ADDQ $64, DX
	SUBQ $64, CX
	JMP  findChange64

findChange32:
	TESTQ CX, CX
	JEQ   findChangeEnd
	APART(0, Y4, Y8)
	AT_LEAST(Y4, Y2, R8)
	TESTL R8, R8
	JNE   findChangeEnd
	ADDQ $32, SI
	ADDQ $32, DI
	ADDQ $32, DX
	SUBQ $32, CX
	JMP  findChange32

findChangeEnd:
	VZEROUPPER
	MOVQ DX, ret+32(FP)
	RET
