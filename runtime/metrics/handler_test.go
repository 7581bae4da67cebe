package metrics

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/poolgen/poolgen/internal/report"
	"github.com/poolgen/poolgen/runtime/pool"
)

func fetch(t *testing.T, h http.Handler, url, accept string) (int, string, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, w.Header().Get("Content-Type"), string(body)
}

func TestHandler(t *testing.T) {
	s := everything(t)
	m := newMachine(1000)
	w := m.watch(t, s, WatchOptions{})
	var sick error
	h := Handler(s, HandlerOptions{Watcher: w, Profiles: true, Healthy: func(context.Context) error { return sick }})
	for _, c := range []struct {
		url, accept string
		code        int
		kind        string
		want        []string
	}{
		{"/metrics", "", 200, "text/plain", []string{"poolgen_pool_max_blocks{", "poolgen_pressure_level 0", "go_goroutines ", "process_resident_memory_bytes "}},
		{"/report", "text/html,application/xhtml+xml", 200, "text/html", []string{"<!DOCTYPE html>", "frames"}},
		{"/report", "application/json", 200, "application/json", []string{`"version": 1`}},
		{"/report", "*/*", 200, "text/plain", []string{"Recommendations"}},
		{"/report?format=json", "text/html", 200, "application/json", []string{`"pools"`}},
		{"/report?format=pdf", "", 400, "text/plain", nil},
		{"/healthz", "", 200, "text/plain", []string{"ok, memory pressure is normal"}},
		{"/debug/pprof/", "", 200, "text/plain", []string{"goroutine", "holders"}},
		{"/debug/pprof/goroutine?debug=1", "", 200, "text/plain", []string{`"poolgen":"metrics"`}},
		{"/debug/pprof/heap", "", 200, "application/octet-stream", []string{"\x1f\x8b"}},
		{"/debug/pprof/nonsense", "", 404, "text/plain", nil},
		{"/debug/pprof/heap?debug=x", "", 400, "text/plain", nil},
		{"/debug/pprof/profile?seconds=99999", "", 400, "text/plain", nil},
		{"/elsewhere", "", 404, "text/plain", nil},
	} {
		code, kind, body := fetch(t, h, c.url, c.accept)
		if code != c.code || !strings.HasPrefix(kind, c.kind) {
			t.Errorf("%s: %d, %s", c.url, code, kind)
		}
		for _, want := range c.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %q in\n%.2000s", c.url, want, body)
			}
		}
	}
	_, _, body := fetch(t, h, "/report?format=json", "")
	if _, err := report.Read(strings.NewReader(body)); err != nil {
		t.Error(err)
	}
	sick = errSick
	if code, _, body := fetch(t, h, "/healthz", ""); code != 503 || !strings.Contains(body, errSick.Error()) {
		t.Errorf("sick: %d %s", code, body)
	}
	health := httptest.NewRecorder()
	h.ServeHTTP(health, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", http.NoBody))
	if health.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Error("a browser may take the error for a page")
	}
	sick = nil
	m.usage(999)
	w.look()
	if code, _, body := fetch(t, h, "/healthz", ""); code != 503 || !strings.Contains(body, "refusing, memory pressure is critical") {
		t.Errorf("under pressure: %d %s", code, body)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if code, _, body := fetch(t, h, "/healthz", ""); code != 200 || !strings.Contains(body, "normal") {
		t.Errorf("after Close, which admits again: %d %s", code, body)
	}
	if code, _, _ := fetch(t, Handler(NewSet(), HandlerOptions{}), "/debug/pprof/", ""); code != 404 {
		t.Errorf("profiles that nobody asked for: %d", code)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/report", http.NoBody)
	rec := httptest.NewRecorder()
	if h.ServeHTTP(rec, r); rec.Code != 405 {
		t.Errorf("POST: %d", rec.Code)
	}
}

// While the level is critical but what was done has helped, the program admits, and is healthy.
func TestHealthyWhereActionsHelped(t *testing.T) {
	m := newMachine(1000)
	w, r := recorded(t, m, false)
	r.effects["shrink"] = func() { m.usage(500) }
	m.usage(999)
	w.look()
	if r.take() != "+trim +demote +shrink" || w.Level() != Critical || w.Admit() != nil {
		t.Fatalf("level %v, Admit %v", w.Level(), w.Admit())
	}
	if code, _, body := fetch(t, Handler(NewSet(), HandlerOptions{Watcher: w}), "/healthz", ""); code != 200 {
		t.Errorf("%d %s", code, body)
	}
}

// One collector that fails, or panics, leaves the figures of the others there.
func TestScrapeErrors(t *testing.T) {
	desc := prometheus.NewDesc("broken_bytes", "Fails.", nil, nil)
	for _, c := range []prometheus.Collector{
		failing{desc, func(ch chan<- prometheus.Metric) { ch <- prometheus.NewInvalidMetric(desc, errSick) }},
		failing{desc, func(chan<- prometheus.Metric) { panic("no") }},
	} {
		h := Handler(NewSet(), HandlerOptions{Collectors: []prometheus.Collector{c}})
		fetch(t, h, "/metrics", "")
		code, _, body := fetch(t, h, "/metrics", "")
		if code != 200 || !strings.Contains(body, "poolgen_process_go_bytes ") || !strings.Contains(body, `promhttp_metric_handler_errors_total{cause="gathering"} 1`) {
			t.Errorf("%d\n%s", code, body)
		}
	}
}

type failing struct {
	desc *prometheus.Desc
	send func(chan<- prometheus.Metric)
}

func (f failing) Describe(ch chan<- *prometheus.Desc) { ch <- f.desc }
func (f failing) Collect(ch chan<- prometheus.Metric) { f.send(ch) }

func holdOne(t *testing.T, p *pool.Pool) pool.Buf {
	t.Helper()
	b, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestHoldersProfile(t *testing.T) {
	s := NewSet()
	p := newPool(t, "frames", 1000, pool.Options{Max: 8})
	s.Pool(p)
	s.SampleHolders(1)
	held := []pool.Buf{holdOne(t, p), holdOne(t, p)}
	holdOne(t, p).Release()
	var b bytes.Buffer
	if err := s.WriteHolders(&b); err != nil {
		t.Fatal(err)
	}
	prof, err := profile.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	if len(prof.Sample) != 2 || len(prof.SampleType) != 2 {
		t.Fatalf("two blocks are held:\n%s", prof)
	}
	if err := prof.RemoveUninteresting(); err != nil { // as go tool pprof does
		t.Fatal(err)
	}
	for _, one := range prof.Sample {
		if name := one.Location[0].Line[0].Function.Name; !strings.HasSuffix(name, "holdOne") {
			t.Errorf("at the top stands %s", name)
		}
		if one.Value[0] != 1 || one.Value[1] != 1000 || one.Label["pool"][0] != "frames" || len(one.NumLabel["age"]) != 1 {
			t.Errorf("%+v", one)
		}
		found := false
		for _, l := range one.Location {
			for _, line := range l.Line {
				found = found || strings.HasSuffix(line.Function.Name, "holdOne") && line.Line > 0
			}
		}
		if !found {
			t.Errorf("the stack does not name who holds it:\n%s", prof)
		}
	}
	for _, b := range held {
		b.Release()
	}
	s.SampleHolders(0)
	b.Reset()
	if err := s.WriteHolders(&b); err != nil {
		t.Fatal(err)
	}
	if prof, err = profile.Parse(&b); err != nil || len(prof.Sample) != 0 {
		t.Errorf("nothing is held: %v, %v", prof, err)
	}
}
