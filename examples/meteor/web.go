package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"slices"
	"sync"
	"time"

	_ "embed"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/pool"
	"github.com/poolgen/poolgen/runtime/store"
)

//go:embed page.html
var page []byte

// pages is the page with what it asks for:
//
//	/                       the page
//	/readings               brightness, as server-sent events
//	/live.jpg               the newest frame
//	/events                 the list of meteors, the newest first, as JSON
//	/events/NAME.png        a meteor's picture
//	/events/NAME.clip       its clip, for store.ReadClip
//	/stats                  memory and tiers, as JSON
//	/metrics                the same and more for Prometheus
//	/report                 a page about the memory, with what could be better
//	/healthz                200, or 503 while memory is too scarce for more browsers
func (s *station) pages() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'")
		_, _ = w.Write(page) // an error is the browser's leaving
	})
	m.HandleFunc("GET /readings", s.stream)
	m.HandleFunc("GET /live.jpg", s.live)
	m.HandleFunc("GET /events", func(w http.ResponseWriter, _ *http.Request) {
		all := s.events.all()
		slices.Reverse(all)
		answer(w, all)
	})
	m.HandleFunc("GET /events/{file}", s.file)
	m.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.stats()) })
	for _, path := range []string{"/metrics", "/report", "/healthz"} {
		m.Handle("GET "+path, s.watched)
	}
	return m
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v) // an error is the browser's leaving
}

// stream sends readings, those of the last seconds first, until the browser leaves or the night ends. A browser that is slow misses some.
func (s *station) stream(w http.ResponseWriter, r *http.Request) {
	if err := s.admit(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	sub, err := s.readings.Subscribe(bus.SubOptions{Name: "page", Policy: bus.DropOldest, Events: 250, Last: 250, Batch: 1})
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer sub.Close()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	flush := http.NewResponseController(w)
	for {
		ev, err := sub.Next(r.Context())
		if err != nil {
			return
		}
		batch := []reading{ev.Value}
		for more, ok := sub.TryNext(); ok; more, ok = sub.TryNext() {
			batch = append(batch, more.Value)
		}
		b, err := json.Marshal(batch)
		if err != nil {
			return
		}
		if _, err := fmt.Fprintf(w, "data: %s\n\n", b); err != nil || flush.Flush() != nil {
			return
		}
		select { // a few times a second are enough for the eye
		case <-r.Context().Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// live sends the newest frame. However many browsers ask, and slow ones among them, there is one frame in the making of a picture, and none in
// the sending.
func (s *station) live(w http.ResponseWriter, _ *http.Request) {
	b, err := s.newest.jpeg(s.taken, s.c.width, s.c.height)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(b) // an error is the browser's leaving
}

// newest is the picture of the newest frame that anybody asked for.
type newest struct {
	mu      sync.Mutex
	frame   uint64 // its number in the topic
	picture []byte // never written to again
}

func (n *newest) jpeg(taken *bus.Topic[frame], width, height int) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	sub, err := taken.Subscribe(bus.SubOptions{Name: "live", Policy: bus.Latest, Last: 1}) // the topic's history has it
	if err != nil {
		return nil, err
	}
	defer sub.Close()
	ev, ok := sub.TryNext()
	if !ok {
		return nil, errors.New("no frame yet")
	}
	if n.picture == nil || n.frame != ev.Sequence {
		var b bytes.Buffer
		img := &image.Gray{Pix: ev.Value.Bytes(), Stride: width, Rect: image.Rect(0, 0, width, height)}
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 80}); err != nil {
			return nil, err
		}
		n.frame, n.picture = ev.Sequence, b.Bytes()
	}
	return n.picture, nil
}

// file sends an event's picture or clip.
func (s *station) file(w http.ResponseWriter, r *http.Request) {
	for _, ev := range s.events.all() {
		for extension, kind := range map[string]string{".png": "image/png", ".clip": "application/octet-stream"} {
			if r.PathValue("file") == ev.Name+extension {
				w.Header().Set("Content-Type", kind)
				http.ServeFile(w, r, s.events.file(ev.Name, extension))
				return
			}
		}
	}
	http.NotFound(w, r)
}

type tier struct {
	Name   string `json:"name"`
	Frames int    `json:"frames"`
	Bytes  int64  `json:"bytes"`
	Budget int64  `json:"budget"` // 0: no limit
	Hits   uint64 `json:"hits"`
}

type pools struct {
	Name      string `json:"name"`
	Out       int    `json:"out"`
	Max       int    `json:"max"`
	HighWater int    `json:"high_water"`
	Bytes     int64  `json:"bytes"`
}

type listener struct {
	Name      string `json:"name"`
	Offered   uint64 `json:"offered"`
	Delivered uint64 `json:"delivered"`
	Lagged    uint64 `json:"lagged"`
}

// stats is what /stats answers.
type stats struct {
	Frames    uint64     `json:"frames"` // that were taken
	Meteors   int64      `json:"meteors"`
	Dropped   uint64     `json:"dropped"` // frames that the archive lost: they came too fast, or the disk was slow
	Problem   string     `json:"problem"` // the last, or the disk's now; empty if there was none
	Memory    memory     `json:"memory"`
	Pools     []pools    `json:"pools"`
	Tiers     []tier     `json:"tiers"`
	Listeners []listener `json:"listeners"`
}

func (s *station) stats() stats {
	a := stats{Meteors: s.seen.Load(), Memory: s.memory()}
	st := s.store.Stats()
	a.Dropped = st.Dropped + s.lost.Load()
	s.mu.Lock()
	a.Problem = s.problem
	s.mu.Unlock()
	if st.Err != nil {
		a.Problem = st.Err.Error()
	}
	for i, t := range []store.Tier{st.Hot, st.Warm, st.Cold} {
		a.Tiers = append(a.Tiers, tier{[]string{"hot", "warm", "cold"}[i], t.Frames, t.Bytes, t.Budget, t.Hits})
	}
	for _, p := range []*pool.Pool{s.frames, s.loads, s.trails} {
		v := p.Stats()
		a.Pools = append(a.Pools, pools{v.Name, v.Outstanding, v.Max, v.HighWater, v.BytesCommitted})
	}
	a.Frames = s.taken.Stats().Published
	for _, v := range s.listeners() {
		a.Listeners = append(a.Listeners, listener{v.Name, v.Offered, v.Delivered, v.Lagged})
	}
	return a
}
