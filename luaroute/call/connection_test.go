package call_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/call"
)

func TestTheHeaderOfAnAnswerIsBounded(t *testing.T) {
	t.Parallel()
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/field":
			w.Header().Set("X-Large", strings.Repeat("x", 1<<20))
		case "/fields":
			for n := range 1 << 14 {
				w.Header().Set(fmt.Sprint("X-", n), strings.Repeat("x", 64))
			}
		case "/hints": // answers before the answer
			for range 20 {
				w.Header().Set("Link", strings.Repeat("x", 60_000))
				w.WriteHeader(http.StatusEarlyHints)
			}
		case "/redirect":
			w.Header().Set("X-Large", strings.Repeat("x", 1<<20))
			http.Redirect(w, r, "/", http.StatusFound)
		case "/200k":
			w.Header().Set("X-Large", strings.Repeat("x", 200<<10))
		}
	})
	c := client(t, local)
	for _, path := range []string{"/field", "/fields", "/hints", "/redirect"} {
		_, err := c.Do(t.Context(), &call.Request{URL: url + path, Redirects: 3})
		want(t, err, call.TooLarge, "the header of the answer has more than 256 KiB")
	}
	if res, err := c.Get(t.Context(), url+"/200k", 10, nil); err != nil || len(res.Header.Get("X-Large")) != 200<<10 {
		t.Errorf("a header of 200 KiB: %v", err)
	}
}

// TestAConnectionIsUsedAgainAfterAWholeAnswerAlone gives up bodies half way. What is left of one must not be taken for the next answer.
func TestAConnectionIsUsedAgainAfterAWholeAnswerAlone(t *testing.T) {
	t.Parallel()
	const large = 1 << 20
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-From", r.RemoteAddr)
		switch r.URL.Path {
		case "/length":
			w.Header().Set("Content-Length", strconv.Itoa(large))
			fallthrough
		case "/chunks":
			_, _ = io.WriteString(w, strings.Repeat("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", large/41+1)[:large])
		case "/stops":
			_, _ = io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		default:
			_, _ = io.WriteString(w, "whole "+r.URL.Path)
		}
	})
	c := client(t, local)
	from := func(path string) string {
		t.Helper()
		res, err := c.Get(t.Context(), url+path, 100, nil)
		if err != nil || res.Body != "whole "+path {
			t.Fatalf("%s: %+v, %v", path, res, err)
		}
		return res.Header.Get("X-From")
	}
	last := from("/1")
	if next := from("/2"); next != last {
		t.Error("the connection was not used again after a whole answer")
	}
	for path, kind := range map[string]call.Kind{"/length": call.TooLarge, "/chunks": call.TooLarge, "/stops": call.Timeout} {
		_, err := c.Do(t.Context(), &call.Request{URL: url + path, MaxBody: 100, Timeout: map[bool]time.Duration{true: 50 * time.Millisecond}[path == "/stops"]})
		want(t, err, kind, "")
		next := from("/after" + path)
		if next == last {
			t.Errorf("%s: the connection was used again", path)
		}
		if last = from("/again" + path); last != next {
			t.Errorf("%s: the next connection is not used again", path)
		}
	}
}

func TestACallThatOutlivesItsClientLeavesNoConnection(t *testing.T) {
	begun, closed, proceed := make(chan struct{}), make(chan struct{}, 10), make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			close(begun)
			<-proceed
		}
		fmt.Fprint(w, "ok")
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	s.Start()
	defer s.Close()
	c, err := call.New(call.Rules{Allow: []string{"127.0.0.1", "10.0.0.9"}})
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error)
	go func() {
		_, err := c.Get(t.Context(), s.URL+"/wait", 10, nil)
		answered <- err
	}()
	<-begun
	c.Close()
	close(proceed)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	<-closed
	if _, err := c.Get(t.Context(), s.URL, 10, nil); err != nil { // by a script that still runs
		t.Error(err)
	}
	<-closed
}
