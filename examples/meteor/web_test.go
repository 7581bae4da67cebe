package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/pool"
	"github.com/poolgen/poolgen/runtime/store"
)

// site runs the program, thirty times as fast as time goes by, until the test ends, and returns its address once there is a meteor.
func site(t *testing.T) string {
	t.Helper()
	c := night(t, 0)
	c.machine = fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal: 1000000 kB\nMemAvailable: 900000 kB\n")}} // others may press on this one
	c.speed, c.listen, c.width, c.height = 30, "127.0.0.1:0", 160, 120
	ctx, stop := context.WithCancel(context.Background())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, c, w)
		w.CloseWithError(err)
		ended <- err
	}()
	out := bufio.NewReader(r)
	url, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		rest, err := io.ReadAll(out)
		if e := <-ended; e != nil || err != nil || !strings.Contains(string(rest), " 0 out, ") {
			t.Errorf("at the end it says %q, %v, %v", rest, e, err)
		}
	})
	url = strings.TrimSpace(url)
	for deadline := time.Now().Add(4 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var list []event
		asked(t, url+"/events", &list)
		if len(list) > 0 {
			return url
		}
		if time.Now().After(deadline) {
			t.Fatal("no meteor in four minutes")
		}
	}
}

// got is the answer to a request, which must be of the kind.
func got(t *testing.T, url, kind string) []byte {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK || !strings.HasPrefix(r.Header.Get("Content-Type"), kind) {
		t.Fatalf("%s: %s, %s, %v: %.200s", url, r.Status, r.Header.Get("Content-Type"), err, b)
	}
	return b
}

func asked(t *testing.T, url string, v any) {
	t.Helper()
	if err := json.Unmarshal(got(t, url, "application/json"), v); err != nil {
		t.Fatal(err)
	}
}

// TestPages asks for everything that the page asks for.
func TestPages(t *testing.T) {
	testutil.OpenFDs(t)
	url := site(t)
	if b := got(t, url+"/", "text/html"); !bytes.Contains(b, []byte("Meteor watch")) || regexp.MustCompile(`(src|href)="?https?:`).Match(b) {
		t.Errorf("the page is not there, or asks others for something: %.300s", b)
	}
	var list []event
	asked(t, url+"/events", &list)
	for _, picture := range []string{"/live.jpg", "/events/" + list[0].Name + ".png"} {
		img, _, err := image.Decode(bytes.NewReader(got(t, url+picture, "image/")))
		if err != nil || img.Bounds() != image.Rect(0, 0, 160, 120) {
			t.Errorf("%s: %v, %v", picture, img, err)
		}
	}
	blocks, err := pool.New(160*120, pool.Options{Max: 2})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for fr, err := range store.ReadClip(bytes.NewReader(got(t, url+"/events/"+list[0].Name+".clip", "application/octet-stream")), blocks) {
		if err != nil {
			t.Fatal(err)
		}
		fr.Release()
		n++
	}
	if n != list[0].Frames {
		t.Errorf("a clip of %d frames, the list says %d", n, list[0].Frames)
	}
	if err := blocks.Close(); err != nil {
		t.Error(err)
	}
	var s stats
	asked(t, url+"/stats", &s)
	if s.Meteors == 0 || len(s.Tiers) != 3 || s.Tiers[0].Frames == 0 || s.Tiers[0].Bytes > s.Tiers[0].Budget || len(s.Pools) != 3 || s.Pools[0].Out == 0 ||
		s.Memory.Resident == 0 || s.Memory.Heap == 0 || s.Frames == 0 || len(s.Listeners) != 3 || s.Listeners[0].Lagged != 0 || s.Memory.Pressure != "normal" || s.Dropped != 0 || s.Problem != "" {
		t.Errorf("the figures: %+v", s)
	}
	for path, want := range map[string]string{"/metrics": "poolgen_pool_", "/report?format=text": "frames", "/healthz": ""} {
		if b := got(t, url+path, "text/plain"); !bytes.Contains(b, []byte(want)) {
			t.Errorf("%s: %.300s", path, b)
		}
	}
	for _, none := range []string{"/none", "/events/none.png", "/events/" + list[0].Name + ".json", "/events/..%2fstore%2flock", "/events/../store/lock", "/events/" + list[0].Name + ".png/", "/events/.png", "/events/%00", "/events/"} {
		r, err := http.Get(url + none)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", none, r.Status)
		}
	}
}

// TestReadings follows the stream: every frame's time is after the one before.
func TestReadings(t *testing.T) {
	url := site(t)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	q, err := http.NewRequestWithContext(ctx, "GET", url+"/readings", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	last, n := int64(0), 0
	for lines := bufio.NewScanner(r.Body); n < 300 && lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var some []reading
		if err := json.Unmarshal([]byte(data), &some); err != nil {
			t.Fatal(err)
		}
		for _, v := range some {
			if v.Time <= last || v.Mean < 5 || v.Mean > 100 {
				t.Fatalf("after %d: %+v", last, v)
			}
			last = v.Time
			n++
		}
	}
	if n < 300 {
		t.Errorf("the stream ended after %d readings", n)
	}
}
