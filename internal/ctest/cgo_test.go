package ctest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
)

// TestOneProcess runs the tests of cstress, in which C and Go share a process through cgo, on this machine and on an emulated ARM. They
// are built with a stamp of the headers: Go's build cache does not see that a header outside the package changed.
func TestOneProcess(t *testing.T) {
	for _, c := range []struct {
		toolchain
		env []string
	}{
		{gcc, nil},
		{clang, nil},
		{armGcc, []string{"GOARCH=arm", "GOARM=7"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tool := testutil.RequireTool(t, c.tool, c.pkg)
			if c.qemu {
				testutil.RequireTool(t, "qemu-arm-static", "qemu-user-static")
				testutil.RequireFile(t, "/lib/ld-linux-armhf.so.3", "libc6:armhf")
			}
			program := filepath.Join(t.TempDir(), "cstress.test")
			build := exec.Command("go", "test", "-c", "-o", program, "./cstress")
			build.Env = append(os.Environ(), append(c.env, "CGO_ENABLED=1", "CC="+tool, "CGO_CFLAGS=-O2 -g -DPOOLGEN_TEST_STAMP=0x"+stamp(t))...)
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			out := c.run(t, nil, program, "-test.v", "-test.timeout", (4 * time.Minute).String())
			for _, want := range []string{"--- PASS: TestMixedStress/debug", "--- PASS: TestOneReferenceIsReleasedOnce"} {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
		})
	}
}

// stamp changes with what cstress includes.
func stamp(t *testing.T) string {
	t.Helper()
	h := sha256.New()
	for _, name := range []string{"../../include/poolgen.h", "../../include/poolgen_abi.h", "../../include/poolgen_priv.h", "testdata/check.h", "testdata/peers.h"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		h.Write(text)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:6])
}
