package main

import (
	"bufio"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestTheExampleOfTemplatesFillsPages(t *testing.T) {
	pages := map[string][]string{ // in the pieces in which the origin sends them
		"/whole":      {"<p>{{user}} is in {{plan}}</p>"},
		"/split":      {"<p>{", "{us", "er}", "} is in {{plan", "}}", "</p>"},
		"/bytewise":   strings.Split("<p>{{user}} is in {{plan}}</p>", ""),
		"/unknown":    {"{{other}} {{us er}} {user} {{{user}}} {{}} {{", "user"},
		"/end":        {"a {{us"},
		"/long":       {"{{" + strings.Repeat("a", 100), "}} {{user}}"},
		"/empty":      {""},
		"/large":      {strings.Repeat("<p>{{user}}</p>", 5_000)},
		"/attributes": {`<a title="{{user}}">`},
	}
	c, _ := startExample(t, "template/main.lua", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") == "br" {
			t.Error("the origin may compress")
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		pieces := pages[r.URL.Path]
		if len(pieces) == 1 {
			w.Header().Set("Content-Length", strconv.Itoa(len(pieces[0])))
			w.Header().Set("Etag", `"v1"`)
		}
		for _, piece := range pieces {
			fmt.Fprint(w, piece)
			if len(pieces) > 1 {
				_ = http.NewResponseController(w).Flush()
			}
		}
	})
	const filled = "<p>Ann &amp; &lt;Bob&gt; &quot;%1&quot; is in free</p>"
	for path, want := range map[string]string{
		"/whole":      filled,
		"/split":      filled,
		"/bytewise":   filled,
		"/unknown":    "{{other}} {{us er}} {user} {Ann &amp; &lt;Bob&gt; &quot;%1&quot;} {{}} {{user",
		"/end":        "a {{us",
		"/long":       "{{" + strings.Repeat("a", 100) + "}} Ann &amp; &lt;Bob&gt; &quot;%1&quot;",
		"/empty":      "",
		"/large":      strings.Repeat("<p>Ann &amp; &lt;Bob&gt; &quot;%1&quot;</p>", 5_000),
		"/attributes": `<a title="Ann &amp; &lt;Bob&gt; &quot;%1&quot;">`,
	} {
		answer := c.Get(path, `X-User: Ann & <Bob> "%1"`, "Accept-Encoding: br")
		answer.Want(200, want)
		if length := answer.Header.Get("Content-Length"); length != "" && length != strconv.Itoa(len(want)) {
			t.Errorf("%s: Content-Length is %s; want none or %d", path, length, len(want))
		}
		if answer.Header.Get("Etag") != "" || answer.Header.Get("Cache-Control") != "private" {
			t.Errorf("%s: the page of one user can be taken for that of another: %v", path, answer.Header)
		}
	}
	c.Get("/whole").Want(200, "<p>guest is in free</p>")
	c.Send(http.MethodHead, "/whole", nil).Want(200, "")
}

func TestTheExampleOfTemplatesLeavesOtherTypesAlone(t *testing.T) {
	image := "\x89PNG {{user}} " + random(100_000)
	c, _ := startExample(t, "template/main.lua", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		w.Header().Set("Etag", `"v1"`)
		http.ServeContent(w, r, "", time.Unix(1_700_000_000, 0), strings.NewReader(image))
	})
	for _, kind := range []string{"image/png", "application/octet-stream", "text/plain", "application/xhtml", ""} {
		target := "/file?type=" + kind
		answer := c.Get(target)
		answer.Want(200, image)
		if answer.Header.Get("Content-Length") != strconv.Itoa(len(image)) || answer.Header.Get("Etag") != `"v1"` || answer.Header.Get("Last-Modified") == "" {
			t.Errorf("%q: the header has changed: %v", kind, answer.Header)
		}
		part := c.Get(target, "Range: bytes=5-12")
		part.Want(206, "{{user}}")
		c.Get(target, `If-None-Match: "v1"`).Want(304, "")
	}
	c.Get("/file?type=text/html", "Range: bytes=5-12").Want(206, "{{user}}")
	if answer := c.Get("/file?type=TEXT/HTML"); answer.Status != 200 || !strings.HasPrefix(answer.Body, "\x89PNG guest ") {
		t.Errorf("a page whose type is written otherwise is not filled: %d", answer.Status)
	}
}

func TestTheExampleOfAStreamAddsEventsAndKeepsItStreaming(t *testing.T) {
	more := make(chan string)
	c, _ := startExample(t, "sse/main.lua", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") == "br" {
			t.Error("the origin may compress")
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case text, ok := <-more:
				if !ok {
					return
				}
				fmt.Fprint(w, text)
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				return
			}
		}
	})
	res, err := c.Open(http.MethodGet, "/events", nil, "Accept-Encoding: br")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	next := func() string { // the next event, in one line
		t.Helper()
		var event []string
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return strings.Join(append(event, err.Error()), " ")
			}
			if line = strings.TrimSuffix(line, "\n"); line == "" {
				return strings.Join(event, " ")
			}
			event = append(event, line)
		}
	}

	send := func(text string) {
		t.Helper()
		select {
		case more <- text:
		case <-e2e.Context(t).Done():
			t.Fatal("the origin is not asked any more")
		}
	}
	send("data: 1\n\n")
	if got := next(); !strings.HasPrefix(got, `event: hello data: {"id":"`) {
		t.Errorf("the first event is %q", got)
	}
	if got := next(); got != "data: 1" {
		t.Errorf("an event of the origin is %q", got)
	}
	// Each arrives before the origin sends the one behind it.
	for _, event := range []string{"data: 2", "event: tick id: 7 data: 3", ": a comment"} {
		text := strings.NewReplacer(" id:", "\nid:", " data:", "\ndata:").Replace(event) + "\n\n"
		send(text[:3])
		send(text[3:])
		if got := next(); got != event {
			t.Errorf("an event of the origin is %q; want %q", got, event)
		}
	}
	close(more)
	if got := next(); !strings.HasPrefix(got, `event: bye data: {"seconds":`) {
		t.Errorf("the last event is %q", got)
	}
	if got := next(); got != "EOF" {
		t.Errorf("behind the last event there is %q", got)
	}
}

func TestTheExampleOfAStreamLeavesWhatIsNoStreamAlone(t *testing.T) {
	c, _ := startExample(t, "sse/main.lua", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		if status, err := strconv.Atoi(r.URL.Query().Get("status")); err == nil {
			w.WriteHeader(status)
		}
		if r.URL.Query().Get("status") != "204" {
			fmt.Fprint(w, "body")
		}
	})
	c.Get("/events?type=text/html&status=503").Want(503, "body")
	c.Get("/events?type=application/json").Want(200, "body")
	c.Get("/events?type=text/event-stream&status=401").Want(401, "body")
	c.Get("/events?type=text/event-stream&status=204").Want(204, "")
	if answer := c.Get("/events?type=text/event-stream%3Bcharset=utf-8"); !strings.HasPrefix(answer.Body, "event: hello\n") {
		t.Errorf("a stream with a charset begins with %q", answer.Body)
	}
}
