package soundcard

import (
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
)

//go:embed module
var sources embed.FS

// Build compiles the module into dir and returns its path. The test is skipped where there is no C compiler for its architecture, or
// fails if testutil.RequireAll is set.
func Build(tb testing.TB, dir string) string {
	tb.Helper()
	cc := compiler(tb)
	path := filepath.Join(dir, "card.so")
	args := []string{"-shared", "-fPIC", "-DPIC", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", path}
	for _, name := range []string{"pcm.c", "ctl.c"} {
		text, err := sources.ReadFile("module/" + name)
		if err != nil {
			tb.Fatal(err)
		}
		source := filepath.Join(dir, name)
		if err := os.WriteFile(source, text, 0o644); err != nil {
			tb.Fatal(err)
		}
		args = append(args, source)
	}
	if out, err := exec.Command(cc, append(args, "-lasound", "-lpthread")...).CombinedOutput(); err != nil {
		tb.Fatalf("building the sound card: %v\n%s", err, out)
	}
	return path
}

// compiler finds the C compiler for the architecture of the test, and alsa-lib's headers.
func compiler(tb testing.TB) string {
	tb.Helper()
	var cc string
	switch runtime.GOARCH {
	case "amd64":
		cc = testutil.RequireTool(tb, "x86_64-linux-gnu-gcc", "gcc")
	case "arm":
		cc = testutil.RequireTool(tb, "arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf")
	default:
		tb.Skipf("no C compiler for %s to build the sound card with", runtime.GOARCH)
	}
	testutil.RequireFile(tb, "/usr/include/alsa/pcm_ioplug.h", "libasound2-dev")
	return cc
}

// Conf is alsa-lib's configuration for the module: a PCM and a mixer of that name with these fields. Each module stands in a configuration
// once; more of its PCMs and mixers have type card.
func Conf(module, name, fields string) string {
	return fmt.Sprintf("pcm_type.card { lib %q }\nctl_type.card { lib %q }\npcm.%s { type card\n%s }\n", module, module, name, fields)
}
