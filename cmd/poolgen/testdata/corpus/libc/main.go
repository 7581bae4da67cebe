package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"
)

func main() {
	l, err := openLibc()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	to := make([]byte, 300)
	said := func(n int32) string { return string(to[:n]) }
	c := func(s string) *byte { return &append([]byte(s), 0)[0] }
	var end uintptr

	fmt.Println(strings.HasPrefix(l.release(), "2."), l.abs(-7), l.labs(-1<<31+1), l.llabs(-1<<62))
	text := c("18446744073709551615!")
	n := l.unsigned(text, &end, 10)
	fmt.Println(n, end-uintptr(unsafe.Pointer(text)))
	fmt.Println(l.float64(c("-0x1.8p40"), &end), l.float32(c("2.5"), &end))
	fmt.Println(said(l.printInt(&to[0], 300, c("%d"), -5)), said(l.printWide(&to[0], 300, c("%lld"), -1<<40)))
	fmt.Println(said(l.printMixed(&to[0], 300, c("%d %lld %d %lld"), -1, 2<<40, -3, -4<<40)))
	fmt.Println(said(l.printEven(&to[0], 300, c("%d %d %llu %d %d %d %lld"), 1, -2, 3<<60, -4, 5, -6, -7<<40)))
	fmt.Println(said(l.printMany(&to[0], 300, c("%lld %lld %lld %lld %lld %lld %lld %lld %d %lld"), 1<<40, -2, 3<<40, -4, 5<<40, -6, 7<<40, -8, 9, -10<<40)))
	fmt.Println(said(l.printPointers(&to[0], 300, c("%s and %s"), c("one"), c("two"))))

	_, err = l.random()
	fmt.Println(err == nil == l.hasRandom(), err == nil || errors.Is(err, errors.ErrUnsupported))
	f, err := l.missing(1)
	fmt.Println(f, err, errors.Is(err, errors.ErrUnsupported))
	w, err := l.optionalWide(-1 << 50)
	fmt.Println(w, err)

	format := c("%d %lld %d %lld")
	fmt.Println(testing.AllocsPerRun(100, func() {
		l.abs(-1)
		l.llabs(-1)
		l.printMixed(&to[0], 300, format, 1, 2, 3, 4)
		_, _ = l.optionalWide(1)
	}))
}
