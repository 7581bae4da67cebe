package testutil

import (
	"os"
	"os/exec"
	"testing"
)

// RequireAll is the environment variable that turns the skip of a test whose
// tool is missing into a failure, when it is "1". scripts/test.sh sets it once
// scripts/setup.sh has installed everything.
const RequireAll = "POOLGEN_REQUIRE_ALL"

// RequireTool returns the path of a command that the test runs, such as
// "arm-linux-gnueabihf-gcc". Without it the test is skipped with the name of
// the Debian package that has it, or fails if RequireAll is set.
func RequireTool(tb testing.TB, tool, debianPackage string) string {
	tb.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		missing(tb, "looking for %s: %v; install the Debian package %s", tool, err, debianPackage)
	}
	return path
}

// RequireFile is RequireTool for a file, such as a library for another
// architecture: path is absolute, and returned.
func RequireFile(tb testing.TB, path, debianPackage string) string {
	tb.Helper()
	if _, err := os.Stat(path); err != nil {
		missing(tb, "looking for %s: %v; install the Debian package %s", path, err, debianPackage)
	}
	return path
}

func missing(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if os.Getenv(RequireAll) == "1" {
		tb.Fatalf(format, args...)
	}
	tb.Skipf(format, args...)
}
