package metrics_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/poolgen/poolgen/runtime/metrics"
	"github.com/poolgen/poolgen/runtime/pool"
)

// A program whose pool is watched, with everything that can be asked of it on one handler.
func Example() {
	frames, err := pool.New(640*480, pool.Options{Name: "frames", Max: 8})
	if err != nil {
		panic(err)
	}
	defer frames.Close()

	set := metrics.NewSet()
	set.Pool(frames)
	w, err := metrics.Watch(set, metrics.WatchOptions{})
	if err != nil {
		panic(err)
	}
	defer w.Close()
	srv := httptest.NewServer(metrics.Handler(set, metrics.HandlerOptions{Watcher: w}))
	defer srv.Close()

	// Before it takes on something new:
	if err := w.Admit(); err != nil {
		fmt.Println("not now:", err)
	}
	resp, err := http.Get(srv.URL + "/report?format=json") // what poolgen report does
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status, resp.Header.Get("Content-Type"))
	fmt.Println(len(set.Report(w).Pools), "pool")
	// Output:
	// 200 OK application/json
	// 1 pool
}
