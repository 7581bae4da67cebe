package metrics

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// HandlerOptions tune Handler. The zero value has no watcher and no profiles.
type HandlerOptions struct {
	Watcher *Watcher // what /healthz, /report and /metrics tell of pressure; nil if there is none
	// Profiles adds /debug/pprof/: whoever reaches the handler can then make the program slower and see what it does.
	Profiles bool
	// Collectors are the program's own, for /metrics.
	Collectors []prometheus.Collector
	// Healthy is asked by /healthz; its error is shown there. nil means that only pressure counts.
	Healthy func(context.Context) error
}

// Handler serves, for those whom the program lets reach it:
//
//	/metrics       for Prometheus: the set, the watcher, and client_golang's figures of Go and of the process
//	/report        the report: a page, text or JSON, as ?format=html, text or json says, or else what the client accepts
//	/healthz       200, or 503 while Watcher.Admit refuses or the program is not healthy: whether to send it more work, not whether to start it anew
//	/debug/pprof/  with HandlerOptions.Profiles: Go's profiles by name, profile?seconds=N for the CPU, and holders, see Set.SampleHolders
//
// A collector that fails hides only its own figures; promhttp_metric_handler_errors_total counts that. Goroutines that serve the handler carry the pprof label poolgen=metrics. The panic of a collector that is registered twice is the caller's.
func Handler(s *Set, o HandlerOptions) http.Handler {
	reg := prometheus.NewRegistry()
	reg.MustRegister(s, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if o.Watcher != nil {
		reg.MustRegister(o.Watcher)
	}
	reg.MustRegister(o.Collectors...)
	h := &handler{s, o}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg, ErrorHandling: promhttp.ContinueOnError}))
	mux.HandleFunc("GET /report", h.report)
	mux.HandleFunc("GET /healthz", h.healthz)
	if o.Profiles {
		mux.HandleFunc("GET /debug/pprof/{$}", h.index)
		mux.HandleFunc("GET /debug/pprof/{name}", h.profile)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pprof.Do(r.Context(), pprof.Labels("poolgen", "metrics"), func(ctx context.Context) { mux.ServeHTTP(w, r.WithContext(ctx)) })
	})
}

type handler struct {
	set *Set
	o   HandlerOptions
}

func (h *handler) report(w http.ResponseWriter, r *http.Request) {
	format, accept := r.URL.Query().Get("format"), r.Header.Get("Accept")
	if format == "" {
		switch {
		case strings.Contains(accept, "text/html"):
			format = "html"
		case strings.Contains(accept, "application/json"):
			format = "json"
		default:
			format = "text"
		}
	}
	rep := h.set.Report(h.o.Watcher)
	var body []byte
	kind := "text/plain; charset=utf-8"
	switch format {
	case "text":
		body = []byte(rep.Text())
	case "html":
		body, kind = []byte(rep.HTML()), "text/html; charset=utf-8"
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	case "json":
		b, err := rep.JSON()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		body, kind = b, "application/json"
	default:
		http.Error(w, "format must be html, text or json", http.StatusBadRequest)
		return
	}
	send(w, kind, body)
}

func send(w http.ResponseWriter, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // the client is gone
}

func (h *handler) healthz(w http.ResponseWriter, r *http.Request) {
	text, status := "ok\n", http.StatusOK
	if h.o.Watcher != nil {
		text = fmt.Sprintf("ok, memory pressure is %v\n", h.o.Watcher.Level())
		if h.o.Watcher.refuses() {
			text, status = fmt.Sprintf("refusing, memory pressure is %v\n", h.o.Watcher.Level()), http.StatusServiceUnavailable
		}
	}
	if h.o.Healthy != nil {
		if err := h.o.Healthy(r.Context()); err != nil {
			text, status = err.Error()+"\n", http.StatusServiceUnavailable
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

func (h *handler) index(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	b.WriteString("holders\nprofile?seconds=10\n")
	for _, p := range pprof.Profiles() {
		fmt.Fprintf(&b, "%s?debug=1  %d\n", p.Name(), p.Count())
	}
	send(w, "text/plain; charset=utf-8", b.Bytes())
}

// maxProfile is the longest CPU profile that can be asked for.
const maxProfile = 5 * time.Minute

// profile serves what net/http/pprof does, without its handlers on the default mux.
func (h *handler) profile(w http.ResponseWriter, r *http.Request) {
	name, q := r.PathValue("name"), r.URL.Query()
	number := func(key string, most int) (int, bool) {
		n, err := strconv.Atoi(q.Get(key))
		return n, q.Get(key) == "" || err == nil && n >= 0 && n <= most
	}
	debug, ok := number("debug", 2)
	seconds, fine := number("seconds", int(maxProfile/time.Second))
	if !ok || !fine {
		http.Error(w, fmt.Sprintf("debug must be from 0 to 2, seconds from 0 to %d", int(maxProfile/time.Second)), http.StatusBadRequest)
		return
	}
	kind := "application/octet-stream"
	var b bytes.Buffer
	var err error
	switch name {
	case "holders":
		err = h.set.WriteHolders(&b)
	case "profile":
		if seconds == 0 {
			seconds = 10
		}
		if err = pprof.StartCPUProfile(&b); err != nil {
			break
		}
		select {
		case <-time.After(time.Duration(seconds) * time.Second):
		case <-r.Context().Done():
		}
		pprof.StopCPUProfile()
	default:
		p := pprof.Lookup(name)
		if p == nil {
			http.Error(w, "there is no such profile; see /debug/pprof/", http.StatusNotFound)
			return
		}
		if debug > 0 {
			kind = "text/plain; charset=utf-8"
		}
		err = p.WriteTo(&b, debug)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	send(w, kind, b.Bytes())
}
