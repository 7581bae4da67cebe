package luma

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/cpu"

	"github.com/poolgen/poolgen/internal/testutil"
)

// vectorsEnv tells a test program that TestChoice has started whether it has vectors.
const vectorsEnv = "POOLGEN_LUMA_VECTORS"

// Where the machine says that it has vectors, they are used.
func TestVectors(t *testing.T) {
	t.Logf("vectors are used: %t", vectors())
	if want := os.Getenv(vectorsEnv); want != "" {
		if (want == "yes") != vectors() {
			t.Errorf("vectors are used: %t, want %s", vectors(), want)
		}
		return
	}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Skip("asking for the processor's features: ", err)
	}
	if strings.Contains(os.Getenv("GODEBUG"), "cpu.") {
		t.Skip("GODEBUG changes the processor's features")
	}
	has := func(flag string) bool { return slices.Contains(strings.Fields(string(info)), flag) }
	// An emulator for arm shows the features of its host, which have other names.
	if want := runtime.GOARCH == "amd64" && has("avx2") && has("popcnt") || has("neon") || runtime.GOARCH == "arm64"; want && !vectors() {
		t.Error("the processor has vectors, but they are not used")
	}
}

// The choice at the start: this program runs once more on processors with and without vectors, where what a processor lacks is an illegal
// instruction.
func TestChoice(t *testing.T) {
	if os.Getenv(vectorsEnv) != "" {
		t.Skip("started by itself")
	}
	type machine struct{ emulator, cpu, debug, want string }
	var machines []machine
	switch runtime.GOARCH {
	case "amd64":
		machines = []machine{{"qemu-x86_64-static", "Nehalem", "", "no"}, {"qemu-x86_64-static", "max,-popcnt", "", "no"}, {"qemu-x86_64-static", "max", "", "yes"},
			{"", "", "cpu.avx2=off", "no"}, {"", "", "cpu.popcnt=off", "no"}}
		if !cpu.X86.HasAVX2 {
			machines = machines[:3]
		}
	case "arm":
		none := "cortex-a15,neon=off"
		if goarm() < "7" {
			none = "arm1176"
		}
		machines = []machine{{"qemu-arm-static", none, "", "no"}, {"qemu-arm-static", "cortex-a15", "", "yes"}, {"qemu-arm-static", "cortex-a15", "cpu.neon=off", "no"}}
	case "arm64":
		machines = []machine{{"qemu-aarch64-static", "cortex-a53", "", "yes"}, {"qemu-aarch64-static", "cortex-a53", "cpu.asimd=off", "no"}}
	default:
		t.Skip("there are no vectors on ", runtime.GOARCH)
	}
	if testing.Short() {
		machines = machines[:1]
	}
	for _, m := range machines {
		t.Run(strings.Trim(m.cpu+" "+m.debug, " "), func(t *testing.T) {
			argv := []string{os.Args[0]}
			if m.emulator != "" {
				if race {
					t.Skip("the race detector takes minutes under an emulator")
				}
				argv = []string{testutil.RequireTool(t, m.emulator, "qemu-user-static"), "-cpu", m.cpu, os.Args[0]}
			}
			cmd := exec.CommandContext(t.Context(), argv[0], append(argv[1:], "-test.short", "-test.v", "-test.run=^Test|Fuzz")...)
			cmd.Env = append(os.Environ(), vectorsEnv+"="+m.want, "GODEBUG="+m.debug)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: TestVectors") || !strings.Contains(string(out), "--- PASS: TestGuards") {
				t.Errorf("%v\n%s", err, out[max(0, len(out)-4000):])
			}
		})
	}
}

// goarm is the GOARM of the build: one of 5, 6 and 7.
func goarm() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "GOARM" {
				return s.Value
			}
		}
	}
	return "7"
}
