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
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/poolgen/poolgen/internal/testutil"
)

// browser speaks the DevTools protocol with a Chromium, over pipes: messages are JSON with a zero behind each.
type browser struct {
	to    io.Writer
	from  *bufio.Reader
	n     int
	wrong []string // exceptions of the page's scripts, errors in its console
	asked []string // addresses
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
		if err := b.event(answer.Method, text); err != nil {
			return err
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

// event notes what a page did that nobody asked for.
func (b *browser) event(method string, text []byte) error {
	var e struct {
		Params struct {
			Type    string
			Entry   struct{ Level string }
			Request struct{ URL string }
		}
	}
	switch method {
	case "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Network.requestWillBeSent":
	default:
		return nil
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return err
	}
	p := e.Params
	if method == "Runtime.exceptionThrown" || p.Type == "error" || p.Type == "warning" || p.Entry.Level == "error" || p.Entry.Level == "warning" {
		b.wrong = append(b.wrong, string(text))
	}
	if p.Request.URL != "" {
		b.asked = append(b.asked, p.Request.URL)
	}
	return nil
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
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
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

// tab opens a page.
func (b *browser) tab(t *testing.T) string {
	t.Helper()
	var target struct{ TargetID string }
	var session struct{ SessionID string }
	if err := b.call("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		t.Fatal(err)
	}
	if err := b.call("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session); err != nil {
		t.Fatal(err)
	}
	for _, domain := range []string{"Runtime", "Log", "Network", "Page"} {
		b.do(t, session.SessionID, domain+".enable", nil)
	}
	return session.SessionID
}

// do is a call without a result.
func (b *browser) do(t *testing.T, session, method string, params map[string]any) {
	t.Helper()
	var none struct{}
	if err := b.call(session, method, params, &none); err != nil {
		t.Fatal(err)
	}
}

// until evaluates an expression until it is true.
func (b *browser) until(t *testing.T, session, what, expression string) {
	t.Helper()
	for {
		var got struct {
			Result           struct{ Value any }
			ExceptionDetails any
		}
		err := b.call(session, "Runtime.evaluate", map[string]any{"expression": expression}, &got)
		if got.Result.Value == true {
			return
		}
		if err != nil || got.ExceptionDetails != nil {
			t.Fatalf("%s: %v, %v, %v; wrong: %q", what, got.Result.Value, err, got.ExceptionDetails, b.wrong)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestBrowser looks at the page as a browser has it once its scripts have run, in a wide window and in one like a phone's.
func TestBrowser(t *testing.T) {
	if testing.Short() || runtime.GOARCH == "arm" || runtime.GOARCH == "386" {
		t.Skip("the page is the same everywhere, and a browser is heavy: not with -short, not on 32 bits")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil { // the same without windows, which is smaller
		chromium = testutil.RequireTool(t, "chromium-headless-shell", "chromium-headless-shell")
	}
	url := site(t)
	ctx, stop := context.WithTimeout(t.Context(), 4*time.Minute)
	defer stop()
	b := start(t, ctx, chromium)
	page := b.tab(t)
	for _, window := range []struct {
		name          string
		width, height int
	}{{"desktop", 1280, 900}, {"phone", 390, 844}} {
		b.do(t, page, "Emulation.setDeviceMetricsOverride", map[string]any{"width": window.width, "height": window.height, "deviceScaleFactor": 1, "mobile": window.width < 500})
		b.do(t, page, "Page.navigate", map[string]any{"url": url})
		for _, want := range []struct{ what, is string }{
			{"the page", `document.readyState === "complete" && document.title === "Meteor watch"`},
			{"brightness", `/^[0-9.]+ of 255$/.test($("mean").textContent) && $("line").points.numberOfItems > 20`},
			{"the time", `/^the sky at [0-9:.]+ UTC$/.test($("state").textContent)`},
			{"the newest frame", `$("live").complete && $("live").naturalWidth === 160`},
			{"an event with its picture", `document.querySelector("#events figure img")?.naturalWidth === 160`},
			{"an event with its clip", `/^clip of [1-9][0-9]* frames$/.test(document.querySelector("#events figure a")?.textContent)`},
			{"memory", `/[1-9][0-9.]* MiB.*normal/.test($("facts").textContent) && /pool frames[0-9.]+ [KM]iB[0-9]+ of [0-9]+/.test($("memory").textContent)`},
			{"tiers", `/hot[1-9][0-9]*[0-9.]+ [KM]iB.*warm[1-9].*cold/.test($("tiers").textContent) && document.querySelector("#tiers meter")?.value > 0`},
			{"listeners", `/archive[1-9].*detector[1-9].*clips[1-9]/.test($("topics").textContent)`},
			{"no problem", `$("problem").textContent === ""`},
			{"all of it within the window", `document.documentElement.scrollWidth <= innerWidth`},
			{"what there is now, to compare", `window.had = [$("mean").textContent, $("line").getAttribute("points"), $("live").src], true`},
			{"another brightness", `$("mean").textContent !== had[0] && $("line").getAttribute("points") !== had[1]`},
			{"another frame", `$("live").src !== had[2] && $("live").complete && $("live").naturalWidth === 160`},
		} {
			b.until(t, page, want.what, want.is)
		}
		if dir := os.Getenv("POOLGEN_SCREENSHOTS"); dir != "" { // to look at them
			var shot struct{ Data []byte }
			if err := b.call(page, "Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &shot); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, window.name+".png"), shot.Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if b.wrong != nil {
		t.Errorf("the page's scripts or its console: %q", b.wrong)
	}
	for _, asked := range b.asked {
		if !strings.HasPrefix(asked, url+"/") && asked != "data:," {
			t.Errorf("the page asks for %s", asked)
		}
	}
	if len(b.asked) < 10 {
		t.Errorf("it asks for nothing: %q", b.asked)
	}
}
