package poolgen_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// setup runs scripts/setup.sh with nothing on the path but the folder bin, and returns its output and exit status.
func setup(t *testing.T, bin, mode string) (string, int) {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, "bash"), "scripts/setup.sh", mode)
	cmd.Env = []string{"PATH=" + bin, "HOME=" + t.TempDir(), "GOCACHE=off"}
	out, err := cmd.CombinedOutput()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// tools makes a folder with the programs that the script itself needs, and with those of with, as shell scripts.
func tools(t *testing.T, with map[string]string) string {
	t.Helper()
	bin := t.TempDir()
	for name, text := range with {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"bash", "dirname", "grep", "id", "mkdir", "env", "tail", "sh"} {
		if _, ok := with[name]; ok {
			continue
		}
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("looking for %s: %v", name, err)
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

// TestSetupSaysWhatIsMissing: where nothing can be installed, the script prints the line that would, and fails.
func TestSetupSaysWhatIsMissing(t *testing.T) {
	line := "setup: install them with: sudo sh -c 'apt-get update; apt-get install -y --no-install-recommends gcc "
	for name, with := range map[string]map[string]string{
		"no apt-get":         {"go": "exit 0"},
		"apt-get that fails": {"go": "exit 0", "apt-get": "echo 'no network' >&2; exit 100"},
		"no right to":        {"go": "exit 0", "apt-get": "exit 0", "id": "echo 1000", "sudo": "exit 1"},
	} {
		t.Run(name, func(t *testing.T) {
			out, status := setup(t, tools(t, with), "demo")
			if status != 1 || !strings.Contains(out, line) || !strings.Contains(out, "opus-tools'") {
				t.Errorf("status %d, want 1 and the line that installs:\n%s", status, out)
			}
		})
	}
	if out, status := setup(t, tools(t, nil), "demo"); status != 1 || !strings.Contains(out, "no go command") {
		t.Errorf("without go: status %d\n%s", status, out)
	}
	if out, status := setup(t, tools(t, map[string]string{"go": "exit 0"}), "everything"); status != 2 || !strings.Contains(out, "usage: setup.sh") {
		t.Errorf("unknown mode: status %d\n%s", status, out)
	}
}

// TestSetupIsNotDoneAgain: on a machine that has everything the script asks for nothing, not even what there is to install.
func TestSetupIsNotDoneAgain(t *testing.T) {
	bin := t.TempDir()
	asked := filepath.Join(bin, "asked")
	for _, name := range []string{"apt-get", "sudo", "dpkg"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\necho $0 $* >>"+asked+"\nexit 1\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("bash", "scripts/setup.sh", "demo")
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if text := string(out); err != nil && strings.Contains(text, "setup: missing") {
		t.Skipf("this machine lacks something: %s", text)
	}
	log, _ := os.ReadFile(asked)
	if err != nil || len(out) > 0 || len(log) > 0 {
		t.Errorf("%v; it printed %q and called %q", err, out, log)
	}
}
