package testutil

import (
	"os"
	"runtime"
	"strings"
	"testing"
)

// Emulated says that this program is for another processor than the kernel's, as under qemu's user emulation. There a program with many threads that
// starts another may stand still for ever: the child, before it is that other program, waits for a lock that one of those threads had.
func Emulated() bool {
	if runtime.GOARCH != "arm" && runtime.GOARCH != "arm64" {
		return false // amd64 and 386 run as they are on the machines that these tests are for
	}
	if arch, err := os.ReadFile("/proc/sys/kernel/arch"); err == nil {
		return strings.HasPrefix(string(arch), "x86") // since Linux 6.1
	}
	cpus, err := os.ReadFile("/proc/cpuinfo")
	return err == nil && strings.Contains(string(cpus), "vendor_id") // which only x86 has
}

// Self is the command line that runs this test's program once more: under qemu if this is emulated, unless the kernel sees to that.
func Self(tb testing.TB) []string {
	tb.Helper()
	if runtime.GOARCH == "arm" && Emulated() {
		if _, err := os.Stat("/proc/sys/fs/binfmt_misc/qemu-arm"); err != nil {
			return []string{RequireTool(tb, "qemu-arm-static", "qemu-user-static"), os.Args[0]}
		}
	}
	return os.Args[:1:1]
}
