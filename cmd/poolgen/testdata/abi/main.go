package main

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"
)

func main() {
	l, err := openAbi()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	// What C makes of the byte 0xff, and of 0x80.
	want, low := int32(255), int32(128)
	if l.charSigned() != 0 {
		want, low = -1, -128
	}
	optional, err := l.charOptional(-1)
	fmt.Println("char", l.char(-1) == want, l.charUnsigned(255) == want, l.charUnsigned(128) == low, l.charLate(1, 2, 3, 4, 5, 6, 7, 8, -1) == want, optional == want, err)
	fmt.Println("narrow", l.narrow(-2, 254, -300, 65000, true), l.narrowLate(1, 2, 3, 4, 5, 6, 7, 8, -2, 254, -300, 65000, true))
	const n = 0x8765fe9c
	fmt.Println("results", l.s8(n), l.u8(n), l.s16(n), l.u16(n), l.c8(n), l.bool(0x8100), l.bool(0x8000), l.u8Float(1, n), l.s16Float(1, n))
	fmt.Println("floats", l.narrowFloat(0.5, -2, 254, -300, 65000, true, -1), l.doubles(1, 2, 3, 4, 5, 6, 7, 8, 9, -10),
		l.floats(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, -18))
	fmt.Println("mixed", l.mix(-1, 2, -3<<33, 4, -5, 6, 7, 8, 9, 10, -11<<34, 12, 13, -14, 15<<33, -16),
		l.mixf(-1, 2, -3<<8, 4, 5, 6, 7, 8, 9, 10, -11, 12, 13, -14<<8))
	l.keep(-1, 1<<40)
	list := [3]*byte{new(byte), new(byte)}
	var pins runtime.Pinner
	defer pins.Unpin()
	pins.Pin(list[0])
	pins.Pin(list[1])
	fmt.Println("memory", l.matrix(&[2][3]int32{{1, 2, 3}, {4, 5, 6}}), l.kept(), l.texts(unsafe.Pointer(&list)))
}
