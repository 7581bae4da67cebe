package gen

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestMemoryForgets checks that a record which no run renews is removed, and one that is younger is not.
func TestMemoryForgets(t *testing.T) {
	dir := t.TempDir()
	c := Config{Dir: dir, Patterns: []string{"."}, Cache: filepath.Join(dir, ".cache")}
	writeFile(t, filepath.Join(dir, "go.mod"), "module example.com/a\n\ngo 1.26\n")
	source := "package a\n\n//poolgen:pool shared\ntype t struct{ X int32 }\n"
	run := func(text string) *Result {
		t.Helper()
		writeFile(t, filepath.Join(dir, "a.go"), text)
		r, err := Run(c)
		if err != nil || len(r.Diagnostics) > 0 {
			t.Fatal(err, r)
		}
		return r
	}
	run(source)
	if r := run(source); r.Skipped != 1 || len(r.Unchanged) != 2 {
		t.Errorf("the second run: %+v", r)
	}
	records, err := filepath.Glob(filepath.Join(c.Cache, "*", "*"))
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	old, young := filepath.Join(filepath.Dir(records[0]), "old.json"), filepath.Join(filepath.Dir(records[0]), "young.json")
	for name, age := range map[string]time.Duration{old: memorySpan + time.Hour, young: memorySpan - time.Hour} {
		writeFile(t, name, "{}")
		if err := os.Chtimes(name, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if r := run(source + "// changed\n"); r.Skipped != 0 {
		t.Errorf("after a change: %+v", r)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("an old record is still there")
	}
	if _, err := os.Stat(young); err != nil {
		t.Error(err)
	}
	if r := run(source + "// changed\n"); r.Skipped != 1 {
		t.Errorf("the last run: %+v", r)
	}
}
