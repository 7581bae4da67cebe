package report

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// example has something in every part, with names that want to be markup.
func example() *Report {
	const evil = "<script>alert(1)</script>\"'&\x1b[31m"
	return &Report{
		Version: Version, Time: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), Program: evil, PID: 42, Uptime: 3600,
		Memory:          Memory{Go: 8 << 20, GoHeap: 4 << 20, OffHeap: 32 << 20, Resident: 48 << 20, Shared: 1 << 20, Proportional: 47 << 20},
		Pressure:        &Pressure{Level: "low", Limit: 64 << 20, Usage: 50 << 20, Actions: []Action{{Name: evil, Level: "low", Active: true, Applied: 3}}},
		Pools:           []Pool{{Name: evil, Capacity: 900 << 10, Outstanding: 3, HighWater: 7, Max: 8, HitRate: 0.995, Rate: 30}},
		Allocators:      []Allocator{{Name: evil, Live: 5}},
		Rings:           []Ring{{Name: evil, Used: 100, Size: 64 << 10, Max: 64 << 10, Committed: 68 << 10, ConsumerWakes: 77, Ended: true}},
		Flows:           []Flow{{Kind: "topic", Name: evil, Delivered: 100, Lost: 1, P99: 0.002}, {Kind: "subscriber", Name: evil, Waiting: 12, BytesWaiting: 3 << 20}},
		Stores:          []Store{{Name: evil, Error: evil, Tiers: []Tier{{Name: "hot", Hits: 90, HitRate: 0.9}, {Name: "cold"}}}},
		Copies:          []Copies{{What: evil, Count: 1234, Bytes: 5 << 30}},
		Recommendations: []Recommendation{{About: evil, Text: evil, Figures: evil}},
		History:         []Sample{{Ago: 20, Go: 1, OffHeap: 2, Resident: 3}, {Ago: 10, Go: 4 << 20, Rate: 30}, {Go: 5 << 20, Resident: 48 << 20}},
	}
}

func TestTextIsSafeAndWhole(t *testing.T) {
	text := example().Text()
	for _, r := range text {
		if r < ' ' && r != '\n' {
			t.Fatalf("control character %q in\n%s", r, text)
		}
	}
	for _, want := range []string{"process 42", "32.0 MiB", "900.0 KiB", "99.5 %", "30.0", "2ms", "hot", "90.0 %", "1234", "5.0 GiB", "68.0 KiB", "77", "ended", "12, 3.0 MiB", "Recommendations", "1h0m0s"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

// The page is well-formed, runs nothing, and refers to nothing outside of it.
func TestPage(t *testing.T) {
	page := example().HTML()
	for _, bad := range []string{"<script", "http:", "https:", "src=", "href=", "@import", "url(", "\x1b"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if n := strings.Count(page, "<svg "); n != 4 {
		t.Errorf("%d charts, want 4", n)
	}
	body := strings.TrimPrefix(page, "<!DOCTYPE html>\n")
	body = strings.Replace(body, `<meta charset="utf-8"><meta name="viewport" content="width=device-width">`, "", 1)
	for d := xml.NewDecoder(strings.NewReader(body)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, page)
		}
	}
}

func TestJSONThereAndBack(t *testing.T) {
	want := example()
	b, err := want.JSON()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":         {"", "no JSON"},
		"a page":          {"<html>", "no JSON"},
		"a wrong type":    {`{"version":1,"pid":"x"}`, "no JSON"},
		"another version": {`{"version":2}`, "version is 2"},
		"no version":      {`{}`, "version is 0"},
		"too much":        {`{"version":1,"program":"` + strings.Repeat("x", maxSize) + `"}`, "longer than"},
	} {
		if _, err := Read(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", -2048: "-2.0 KiB", math.MaxInt64: "8388608.0 TiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %s, want %s", n, got, want)
		}
	}
}

// Whatever a report's JSON says, it is shown without a panic, in bounded size, and the page stays well-formed.
func FuzzShow(f *testing.F) {
	b, err := example().JSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"version":1,"uptime_seconds":1e300,"history":[{"seconds_ago":1e308},{"seconds_ago":-1e308}],"pools":[{"max":-1,"outstanding":5,"hit_rate":-1e308}]}`))
	f.Add([]byte(`{"version":1,"time":"9999-12-31T23:59:59Z","flows":[{"p50_seconds":1e308}],"stores":[{"tiers":[{"hit_rate":1e308}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Read(strings.NewReader(string(b)))
		if err != nil {
			return
		}
		text, page := r.Text(), r.HTML()
		if strings.ContainsRune(text, 0x1b) || strings.Contains(page, "<script") || strings.Contains(page, "NaN") && !strings.Contains(string(b), "NaN") {
			t.Errorf("from %q:\n%s\n%s", b, text, page)
		}
	})
}
