package testutil

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// RequireAll is the environment variable that turns the skip of a test whose
// tool is missing into a failure, when it is "1". scripts/test.sh sets it once
// scripts/setup.sh has installed everything.
const RequireAll = "POOLGEN_REQUIRE_ALL"

// VM is the environment variable that is set where scripts/vm/exec.sh runs the
// test in a guest: "1" on Debian's kernel, with the drivers vivid and
// snd-aloop; "full" on the project's own kernels, which have more of them.
const VM = "POOLGEN_VM"

// Guests have no compilers and the like: of tools only these packages, and the project's own kernels those of fullPackages too.
const (
	guestPackages = "alsa-utils v4l-utils"
	fullPackages  = "gstreamer1.0-tools"
)

// RequireTool returns the path of a command that the test runs, such as
// "arm-linux-gnueabihf-gcc". Without it the test is skipped with the name of
// the Debian package that has it, or fails if RequireAll is set.
func RequireTool(tb testing.TB, tool, debianPackage string) string {
	tb.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		missing(tb, tool, err, debianPackage)
	}
	return path
}

// RequireFile is RequireTool for a file, such as a library for another
// architecture: path is absolute, and returned.
func RequireFile(tb testing.TB, path, debianPackage string) string {
	tb.Helper()
	if _, err := os.Stat(path); err != nil {
		missing(tb, path, err, debianPackage)
	}
	return path
}

func missing(tb testing.TB, what string, err error, debianPackage string) {
	tb.Helper()
	vm := os.Getenv(VM)
	expected := vm == "" || slices.Contains(strings.Fields(guestPackages), debianPackage) || vm == "full" && debianPackage == fullPackages
	switch {
	case !expected:
		tb.Skipf("looking for %s: %v; guests have no %s", what, err, debianPackage)
	case os.Getenv(RequireAll) == "1":
		tb.Fatalf("looking for %s: %v; install the Debian package %s", what, err, debianPackage)
	default:
		tb.Skipf("looking for %s: %v; install the Debian package %s", what, err, debianPackage)
	}
}
