package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/runtime/metrics"
	"github.com/poolgen/poolgen/runtime/pool"
)

// The report of a program that runs, by its address in each form.
func TestReportOfAProgram(t *testing.T) {
	p, err := pool.New(4096, pool.Options{Name: "pictures", Max: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	s := metrics.NewSet()
	s.Pool(p)
	mux := http.NewServeMux()
	mux.Handle("/", metrics.Handler(s, metrics.HandlerOptions{}))
	mux.Handle("/debug/", http.StripPrefix("/debug", metrics.Handler(s, metrics.HandlerOptions{})))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	page := filepath.Join(t.TempDir(), "page.html")
	for _, args := range [][]string{
		{strings.TrimPrefix(srv.URL, "http://")}, {srv.URL}, {srv.URL + "/"}, {srv.URL + "/debug/report"}, {"-json", srv.URL}, {"-html=-", srv.URL},
		{"-html=" + page, srv.URL},
	} {
		var out, errs bytes.Buffer
		if code := run(append([]string{"report"}, args...), &out, &errs); code != exitOK {
			t.Errorf("report %q: %d, %s", args, code, &errs)
		}
		text := out.String()
		if strings.HasPrefix(args[0], "-html="+page) {
			b, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			text = string(b)
		}
		if !strings.Contains(text, "pictures") {
			t.Errorf("report %q does not know the pool:\n%s", args, text)
		}
	}
	for args, want := range map[string]string{srv.URL + "/nowhere": "404 Not Found", srv.URL + "/metrics": "it is no JSON"} {
		var out, errs bytes.Buffer
		if code := run([]string{"report", args}, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), want) {
			t.Errorf("report %s: %d, %s", args, code, &errs)
		}
	}
}
