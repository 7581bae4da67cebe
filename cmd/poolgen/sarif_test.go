package main

import (
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// need walks to a member of a decoded log and fails when it is missing.
func need(t *testing.T, v any, path ...any) any {
	t.Helper()
	for i, step := range path {
		switch s := step.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok || m[s] == nil {
				t.Fatalf("%v is missing", path[:i+1])
			}
			v = m[s]
		case int:
			list, ok := v.([]any)
			if !ok || len(list) <= s {
				t.Fatalf("%v is missing", path[:i+1])
			}
			v = list[s]
		}
	}
	return v
}

// TestSARIF checks what the schema of SARIF 2.1.0 requires of every object that poolgen writes, and what code scanning needs besides.
func TestSARIF(t *testing.T) {
	var found []finding
	for _, r := range rules() {
		found = append(found, finding{r.code, "a dir/ü.go", 3, 7, "a <message> & more"})
	}
	found = append(found, finding{codeStale, "/outside/x_pool.go", 0, 0, "stale"})
	data, err := encode(sarifLog(found, errors.New("no disk")), "  ")
	if err != nil {
		t.Fatal(err)
	}
	var log any
	if err := json.Unmarshal(data, &log); err != nil {
		t.Fatal(err)
	}
	if got := need(t, log, "version"); got != "2.1.0" {
		t.Errorf("version %v", got)
	}
	if got := need(t, log, "$schema").(string); !strings.HasSuffix(got, "sarif-2.1.0.json") {
		t.Errorf("$schema %v", got)
	}
	run := need(t, log, "runs", 0)
	for _, member := range []string{"name", "version", "informationUri"} {
		if s := need(t, run, "tool", "driver", member).(string); s == "" {
			t.Errorf("driver.%s is empty", member)
		}
	}
	if got := need(t, run, "columnKind"); got != "unicodeCodePoints" {
		t.Errorf("columnKind %v", got)
	}
	if got := need(t, run, "invocations", 0, "executionSuccessful"); got != false {
		t.Errorf("executionSuccessful %v after an error", got)
	}
	if got := need(t, run, "invocations", 0, "toolExecutionNotifications", 0, "message", "text"); got != "no disk" {
		t.Errorf("notification %v", got)
	}
	list := need(t, run, "tool", "driver", "rules").([]any)
	ids := map[string]bool{}
	for i := range list {
		id := need(t, list, i, "id").(string)
		if !regexp.MustCompile(`^PG[0-9]{4}$`).MatchString(id) || ids[id] {
			t.Errorf("rule %q is malformed or there twice", id)
		}
		ids[id] = true
		for _, member := range []string{"shortDescription", "fullDescription", "help"} {
			if need(t, list, i, member, "text") == "" {
				t.Errorf("%s has no %s", id, member)
			}
		}
	}
	results := need(t, run, "results").([]any)
	if len(results) != len(found) {
		t.Fatalf("%d results of %d", len(results), len(found))
	}
	for i, f := range found {
		index := int(need(t, results, i, "ruleIndex").(float64))
		if id := need(t, results, i, "ruleId"); id != f.code || need(t, list, index, "id") != id {
			t.Errorf("result %d is of rule %v, at %d", i, id, index)
		}
		if need(t, results, i, "level") != "error" || need(t, results, i, "message", "text") != f.message {
			t.Errorf("result %d: %v", i, results[i])
		}
		at := need(t, results, i, "locations", 0, "physicalLocation")
		u, err := url.Parse(need(t, at, "artifactLocation", "uri").(string))
		if err != nil || u.Path != f.file {
			t.Errorf("uri %v: %v", u, err)
		}
		if f.line == 0 {
			if u.Scheme != "file" || at.(map[string]any)["region"] != nil {
				t.Errorf("a whole file outside: %v", at)
			}
			continue
		}
		if u.IsAbs() || need(t, at, "artifactLocation", "uriBaseId") != "%SRCROOT%" {
			t.Errorf("the place is not relative: %v", at)
		}
		if need(t, at, "region", "startLine") != 3.0 || need(t, at, "region", "startColumn") != 7.0 {
			t.Errorf("region %v", at)
		}
	}
	// Nothing found is an empty list, which is not the same as none.
	if data, _ := encode(sarifLog(nil, nil), ""); !strings.Contains(string(data), `"results":[]`) {
		t.Errorf("no results: %s", data)
	}
}
