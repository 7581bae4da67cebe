package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"testing"
	"time"
)

// browser speaks the DevTools protocol with a Chromium, over pipes: messages are JSON with a zero behind each.
type browser struct {
	to     io.Writer
	from   *bufio.Reader
	n      int
	thrown []string // exceptions of the page's scripts
}

// call sends a command and waits for its result.
func (b *browser) call(session, method string, params map[string]any, result any) error {
	b.n++
	m := map[string]any{"id": b.n, "method": method, "params": params}
	if session != "" {
		m["sessionId"] = session
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if _, err := b.to.Write(append(text, 0)); err != nil {
		return err
	}
	for {
		text, err := b.from.ReadBytes(0)
		if err != nil {
			return err
		}
		var answer struct {
			ID            int
			Method        string
			Result, Error json.RawMessage
		}
		text = bytes.TrimSuffix(text, []byte{0})
		if err := json.Unmarshal(text, &answer); err != nil {
			return err
		}
		if answer.Method == "Runtime.exceptionThrown" {
			b.thrown = append(b.thrown, string(text))
		}
		switch {
		case answer.ID != b.n:
		case answer.Error != nil:
			return fmt.Errorf("%s: %s", method, answer.Error)
		default:
			return json.Unmarshal(answer.Result, result)
		}
	}
}

// start runs a Chromium until the test ends, which it does not outlive.
func start(t *testing.T, ctx context.Context, path string) *browser {
	t.Helper()
	dir, err := os.MkdirTemp("", "meteor-browser")
	if err != nil {
		t.Fatal(err)
	}
	theirIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--user-data-dir="+dir, "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	err = cmd.Start()
	theirIn.Close()
	theirOut.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // Chromium ends with its pipe
		cmd.Wait() // and what it says then is its own business
		out.Close()
		os.RemoveAll(dir)
	})
	context.AfterFunc(ctx, func() { out.Close() }) // ends a call that waits
	return &browser{to: in, from: bufio.NewReader(out)}
}

// TestBrowser looks at the page as a browser has it once its scripts have run.
func TestBrowser(t *testing.T) {
	if testing.Short() || runtime.GOARCH == "arm" {
		t.Skip("the page is the same everywhere, and a browser is heavy: not with -short, not on arm")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skipf("looking for chromium: %v; install the Debian package chromium to have the page's scripts tested", err)
	}
	url := site(t)
	ctx, stop := context.WithTimeout(t.Context(), 90*time.Second)
	defer stop()
	b := start(t, ctx, chromium)
	var target struct{ TargetID string }
	var session struct{ SessionID string }
	var none struct{}
	if err := b.call("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		t.Fatal(err)
	}
	if err := b.call("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session); err != nil {
		t.Fatal(err)
	}
	if err := b.call(session.SessionID, "Runtime.enable", nil, &none); err != nil {
		t.Fatal(err)
	}
	if err := b.call(session.SessionID, "Page.navigate", map[string]any{"url": url}, &none); err != nil {
		t.Fatal(err)
	}
	wants := []*regexp.Regexp{
		regexp.MustCompile(`<figure id="meteor-[0-9]+"><img src="events/meteor-[0-9]+\.png"`),
		regexp.MustCompile(`clip of [0-9]+ frames`),
		regexp.MustCompile(`id="live" alt="the newest frame" src="live\.jpg\?[0-9]+"`),
		regexp.MustCompile(`<polyline id="line"[^>]* points="0\.0,[0-9.]+ `),
		regexp.MustCompile(`role="status">the sky at [0-9:.]+ UTC<`),
		regexp.MustCompile(`<td>hot</td><td>[1-9][0-9]*</td>`),
		regexp.MustCompile(`<td>pool frames</td>`),
		regexp.MustCompile(`<td>clips</td><td>[1-9]`),
		regexp.MustCompile(`pictures loaded: [2-9]`),
	}
	const look = `document.documentElement.outerHTML + "pictures loaded: " + [...document.images].filter(i => i.complete && i.naturalWidth === 160).length`
	last, missing := "", ""
	for {
		var got struct{ Result struct{ Value string } }
		if err := b.call(session.SessionID, "Runtime.evaluate", map[string]any{"expression": look}, &got); err != nil {
			t.Fatalf("%v; the page had no %s:\n%s", err, missing, last)
		}
		last, missing = got.Result.Value, ""
		for _, want := range wants {
			if !want.MatchString(last) {
				missing = want.String()
			}
		}
		if missing == "" {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if b.thrown != nil {
		t.Errorf("the page's scripts threw %q", b.thrown)
	}
	if path := os.Getenv("POOLGEN_SCREENSHOT"); path != "" { // to look at it
		var shot struct{ Data []byte }
		if err := b.call(session.SessionID, "Page.captureScreenshot", map[string]any{"format": "png"}, &shot); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, shot.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
