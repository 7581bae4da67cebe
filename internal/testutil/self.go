package testutil

import (
	"os"
	"runtime"
	"testing"
)

// Self is the command line that runs this test's program once more: under qemu if it is for arm, unless the kernel sees to that, or is of arm itself.
func Self(tb testing.TB) []string {
	tb.Helper()
	if runtime.GOARCH == "arm" && os.Getenv(VM) == "" {
		if _, err := os.Stat("/proc/sys/fs/binfmt_misc/qemu-arm"); err != nil {
			return []string{RequireTool(tb, "qemu-arm-static", "qemu-user-static"), os.Args[0]}
		}
	}
	return os.Args[:1]
}
