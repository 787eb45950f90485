#include "textflag.h"

// A block is four vectors of four words: X0 to X3 of the first lane, X4 to X7 of the
// second. X8 and X9, X10 and X11 are temporary. The lanes take turns at every line, so
// that the processor works on one while it waits for a result of the other.

// LOAD is x ^= (src ^ mask) for a block. The result is also left at dst.
#define LOAD(src, mask, dst, x, y, z, w, t) \
	MOVOU (src)(AX*1), t;    PXOR t, x; \
	MOVOU 16(src)(AX*1), t;  PXOR t, y; \
	MOVOU 32(src)(AX*1), t;  PXOR t, z; \
	MOVOU 48(src)(AX*1), t;  PXOR t, w; \
	MOVOU (mask)(AX*1), t;   PXOR t, x; MOVOU x, (dst)(BX*1); \
	MOVOU 16(mask)(AX*1), t; PXOR t, y; MOVOU y, 16(dst)(BX*1); \
	MOVOU 32(mask)(AX*1), t; PXOR t, z; MOVOU z, 32(dst)(BX*1); \
	MOVOU 48(mask)(AX*1), t; PXOR t, w; MOVOU w, 48(dst)(BX*1)

// STORE adds to a block what LOAD left at dst, where the sum goes.
#define STORE(dst, x, y, z, w, t) \
	MOVOU (dst)(BX*1), t;   PADDL t, x; MOVOU x, (dst)(BX*1); \
	MOVOU 16(dst)(BX*1), t; PADDL t, y; MOVOU y, 16(dst)(BX*1); \
	MOVOU 32(dst)(BX*1), t; PADDL t, z; MOVOU z, 32(dst)(BX*1); \
	MOVOU 48(dst)(BX*1), t; PADDL t, w; MOVOU w, 48(dst)(BX*1)

// TURN is x ^= (a + b) <<< left for a vector of each lane; right is 32 - left.
#define TURN(x0, a0, b0, x1, a1, b1, left, right) \
	MOVO a0, X8;       MOVO a1, X10; \
	PADDL b0, X8;      PADDL b1, X10; \
	MOVO X8, X9;       MOVO X10, X11; \
	PSLLL $left, X8;   PSLLL $left, X10; \
	PSRLL $right, X9;  PSRLL $right, X11; \
	PXOR X8, x0;       PXOR X10, x1; \
	PXOR X9, x0;       PXOR X11, x1

// QUARTERS are the four quarter rounds of a column or row round.
#define QUARTERS(x0, y0, z0, w0, x1, y1, z1, w1) \
	TURN(y0, x0, w0, y1, x1, w1, 7, 25); \
	TURN(z0, y0, x0, z1, y1, x1, 9, 23); \
	TURN(w0, z0, y0, w1, z1, y1, 13, 19); \
	TURN(x0, w0, z0, x1, w1, z1, 18, 14)

// TWIST moves the words of three vectors by one, two and three places.
#define TWIST(one0, two0, three0, one1, two1, three1) \
	PSHUFD $0x39, one0, one0;     PSHUFD $0x39, one1, one1; \
	PSHUFD $0x4e, two0, two0;     PSHUFD $0x4e, two1, two1; \
	PSHUFD $0x93, three0, three0; PSHUFD $0x93, three1, three1

// ROUNDS are a column round and a row round.
#define ROUNDS \
	QUARTERS(X0, X1, X2, X3, X4, X5, X6, X7); \
	TWIST(X3, X2, X1, X7, X6, X5); \
	QUARTERS(X0, X3, X2, X1, X4, X7, X6, X5); \
	TWIST(X1, X2, X3, X5, X6, X7)

// stepPair is described in mixer_amd64.go.
//
// func stepPair(dst0, src0, mask0, dst1, src1, mask1 *byte, width int)
TEXT ·stepPair(SB), NOSPLIT, $0-56
	MOVQ dst0+0(FP), DI
	MOVQ src0+8(FP), SI
	MOVQ mask0+16(FP), R8
	MOVQ dst1+24(FP), R9
	MOVQ src1+32(FP), R10
	MOVQ mask1+40(FP), R11
	MOVQ width+48(FP), CX

	// The first block is mixed with the last one.
	MOVOU -64(SI)(CX*1), X0
	MOVOU -48(SI)(CX*1), X1
	MOVOU -32(SI)(CX*1), X2
	MOVOU -16(SI)(CX*1), X3
	MOVOU -64(R10)(CX*1), X4
	MOVOU -48(R10)(CX*1), X5
	MOVOU -32(R10)(CX*1), X6
	MOVOU -16(R10)(CX*1), X7
	MOVOU -64(R8)(CX*1), X8
	MOVOU -48(R8)(CX*1), X9
	MOVOU -32(R8)(CX*1), X10
	MOVOU -16(R8)(CX*1), X11
	PXOR  X8, X0
	PXOR  X9, X1
	PXOR  X10, X2
	PXOR  X11, X3
	MOVOU -64(R11)(CX*1), X8
	MOVOU -48(R11)(CX*1), X9
	MOVOU -32(R11)(CX*1), X10
	MOVOU -16(R11)(CX*1), X11
	PXOR  X8, X4
	PXOR  X9, X5
	PXOR  X10, X6
	PXOR  X11, X7

	MOVQ CX, R12
	SHRQ $1, R12 // half of the width
	XORQ AX, AX  // where the block is read
	XORQ BX, BX  // where it goes: the even ones into the first half
	MOVQ R12, DX // where the next one goes

block:
	LOAD(SI, R8, DI, X0, X1, X2, X3, X8)
	LOAD(R10, R11, R9, X4, X5, X6, X7, X10)
	ROUNDS
	ROUNDS
	ROUNDS
	ROUNDS
	STORE(DI, X0, X1, X2, X3, X8)
	STORE(R9, X4, X5, X6, X7, X10)
	ADDQ $64, AX
	XCHGQ BX, DX
	TESTQ $64, AX
	JNZ  block // an odd one follows
	ADDQ $64, BX
	ADDQ $64, DX
	CMPQ AX, CX
	JNE  block
	RET
