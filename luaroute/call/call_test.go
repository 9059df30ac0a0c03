package call_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/call"
)

// local lets tests ask servers of their own.
var local = call.Rules{Allow: []string{"127.0.0.0/8", "::1"}}

func client(t testing.TB, r call.Rules) *call.Client {
	t.Helper()
	c, err := call.New(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func server(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// want checks what kind of error a call ends with.
func want(t *testing.T, err error, kind call.Kind, text string) {
	t.Helper()
	var failed *call.Error
	if !errors.As(err, &failed) || failed.Kind != kind || !strings.HasPrefix(err.Error(), string(kind)) || !strings.Contains(err.Error(), text) {
		t.Errorf("the error is %v; want one of %q with %q", err, kind, text)
	}
}

func TestAnAnswerHasWhatTheServerSent(t *testing.T) {
	t.Parallel()
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Add("X-Two", "a")
		w.Header().Add("X-Two", "b")
		w.WriteHeader(418)
		fmt.Fprintf(w, "%s %s %s %s %s", r.Method, r.Host, r.Header.Get("X-In"), r.UserAgent(), body)
	})
	res, err := client(t, local).Do(t.Context(), &call.Request{
		Method: "PUT", URL: url + "/x", Body: "hello", Header: http.Header{"X-In": {"in"}, "Host": {"app.example"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Status != 418 || res.Body != "PUT app.example in luaroute hello" || strings.Join(res.Header["X-Two"], "") != "ab" || res.URL != url+"/x" || res.Elapsed <= 0 {
		t.Errorf("the answer is %+v", res)
	}
}

func TestAURLThatCannotBeAskedIsSaidSo(t *testing.T) {
	t.Parallel()
	for url, kind := range map[string]call.Kind{
		"": call.Invalid, "file:///etc/passwd": call.Invalid, "ftp://a.example/": call.Invalid, "http://": call.Invalid, "http:///x": call.Invalid,
		"/path": call.Invalid, "http://a b/": call.Invalid, "http://[::1": call.Invalid, "gopher://a.example": call.Invalid, "unix/:/x": call.Invalid,
		"unix//run/x:x": call.Invalid, "http://a.example:25/": call.Forbidden, "unix//run/none.sock:/": call.Forbidden,
		"http://" + "2f746d70" + ".socket.invalid/": call.Forbidden, "http://x.socket.invalid/": call.DNS, "http://a.example:99999/": call.Refused,
	} {
		_, err := client(t, call.Rules{}).Do(t.Context(), &call.Request{URL: url, Timeout: time.Minute})
		want(t, err, kind, "")
	}
}

func TestRedirectsAreFollowedAsFarAsTheyAreAllowed(t *testing.T) {
	t.Parallel()
	var last atomic.Pointer[http.Header]
	other := server(t, func(w http.ResponseWriter, r *http.Request) {
		last.Store(&r.Header)
		if r.URL.Path == "/back" {
			http.Redirect(w, r, "http://"+r.URL.Query().Get("to")+"/end", http.StatusFound)
		}
	})
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		last.Store(&r.Header)
		switch to := r.URL.Query().Get("to"); {
		case to != "":
			http.Redirect(w, r, to, http.StatusFound)
		case strings.HasPrefix(r.URL.Path, "/hop"):
			var n int
			_, _ = fmt.Sscanf(r.URL.Path, "/hop%d", &n)
			if n > 0 {
				http.Redirect(w, r, fmt.Sprintf("/hop%d", n-1), http.StatusTemporaryRedirect)
			}
		}
	})
	c := client(t, local)
	for _, row := range []struct {
		path string
		most int
		kind call.Kind
		text string
	}{
		{"/hop10", 10, "", ""},
		{"/hop11", 10, call.Redirects, "more than 10"},
		{"/hop2", 1, call.Redirects, "more than 1"},
		{"/?to=file:///etc/passwd", 3, call.Redirects, `the scheme "file"`},
		{"/?to=unix//run/x.sock", 3, "", ""}, // a relative path
		{"/?to=http://2f746d70.socket.invalid/", 3, call.Redirects, "socket"},
		{"/?to=http://10.0.0.1:1/", 3, call.Forbidden, "a private address"},
		{"/?to=http://[::ffff:169.254.169.254]/", 3, call.Forbidden, "link-local"},
		{"/?to=http://127.0.0.1:25/", 3, call.Forbidden, "25"},
		{"/?to=http:///x", 3, call.Redirects, "no host"},
	} {
		res, err := c.Do(t.Context(), &call.Request{URL: url + row.path, Redirects: row.most, Timeout: time.Minute})
		switch {
		case row.kind != "":
			want(t, err, row.kind, row.text)
		case err != nil || res.Status != 200:
			t.Errorf("%s: %+v, %v", row.path, res, err)
		}
	}
	res, err := c.Do(t.Context(), &call.Request{URL: url + "/hop1"})
	if err != nil || res.Status != 307 || res.Header.Get("Location") != "/hop0" {
		t.Errorf("without redirects: %+v, %v", res, err)
	}

	secrets := http.Header{"Authorization": {"s"}, "Cookie": {"s"}, "X-Api-Key": {"s"}, "X-Kept": {"k"}}
	ask := func(to string) http.Header {
		t.Helper()
		res, err := c.Do(t.Context(), &call.Request{URL: url + to, Redirects: 3, Header: secrets, Sensitive: []string{"x-api-key"}})
		if err != nil || res.Status != 200 {
			t.Fatalf("%s: %+v, %v", to, res, err)
		}
		return *last.Load()
	}
	if h := ask("/hop1"); h.Get("Authorization") != "s" || h.Get("X-Api-Key") != "s" {
		t.Errorf("on the same host credentials are dropped: %v", h)
	}
	for _, to := range []string{"/?to=" + other, "/?to=" + other + "/back?to=" + strings.TrimPrefix(url, "http://")} {
		h := ask(to)
		if h.Get("Authorization")+h.Get("Cookie")+h.Get("X-Api-Key")+h.Get("Referer") != "" || h.Get("X-Kept") != "k" {
			t.Errorf("%s: the other host is told %v", to, h)
		}
	}
}

func TestABodyIsCountedAfterDecompression(t *testing.T) {
	t.Parallel()
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			zeros := make([]byte, 1<<20)
			for range 1000 {
				if _, err := z.Write(zeros); err != nil {
					return
				}
			}
		case "/small":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, "small")
			_ = z.Close()
		case "/announced":
			w.Header().Set("Content-Length", "99999999999")
			_, _ = io.WriteString(w, "x")
		case "/endless":
			for {
				if _, err := io.WriteString(w, strings.Repeat("x", 1000)); err != nil {
					return
				}
			}
		case "/header":
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
		case "/broken":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "this is not gzip")
		}
	})
	c := client(t, local)
	for path, kind := range map[string]call.Kind{
		"/bomb": call.TooLarge, "/announced": call.TooLarge, "/endless": call.TooLarge, "/header": call.TooLarge, "/broken": call.Invalid, "/small": "",
	} {
		for range 2 { // what was read half does not disturb the next
			res, err := c.Do(t.Context(), &call.Request{URL: url + path, MaxBody: 1 << 20, Timeout: time.Minute}) // zeros take long on a busy machine
			if kind != "" {
				want(t, err, kind, "")
			} else if err != nil || res.Body != "small" {
				t.Errorf("%+v, %v", res, err)
			}
		}
		if res, err := c.Get(t.Context(), url+"/small", 5, nil); err != nil || res.Body != "small" {
			t.Errorf("after %s: %+v, %v", path, res, err)
		}
	}
	_, err := c.Get(t.Context(), url+"/small", 4, nil)
	want(t, err, call.TooLarge, "more than 4 bytes")
}

func TestMemoryIsReservedForLargeBodiesAndReleased(t *testing.T) {
	t.Parallel()
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 500_000))
	})
	var held, most int64
	reserve := func(n int64) bool {
		held += n
		most = max(most, held)
		return true
	}
	c := client(t, local)
	if res, err := c.Do(t.Context(), &call.Request{URL: url, Reserve: reserve}); err != nil || len(res.Body) != 500_000 {
		t.Fatal(err)
	}
	if most < 500_000 || held != 0 {
		t.Errorf("reserved: %d, and %d in the end", most, held)
	}
	_, err := c.Do(t.Context(), &call.Request{URL: url, Reserve: func(n int64) bool { held += n; return false }})
	want(t, err, call.Busy, "memory")
	if held != 0 {
		t.Errorf("%d bytes stay reserved", held)
	}
}

func TestACallEndsInTime(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			_, _ = io.WriteString(w, "x")
			w.(http.Flusher).Flush()
		}
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(stop) })
	c := client(t, local)
	for _, path := range []string{"/header", "/body"} {
		_, err := c.Do(t.Context(), &call.Request{URL: url + path, Timeout: 50 * time.Millisecond, Retries: 3})
		want(t, err, call.Timeout, "within 50ms")
	}
	gone := errors.New("the client is gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(gone) })
	if _, err := c.Get(ctx, url+"/body", 10, nil); !errors.Is(err, gone) {
		t.Errorf("the error is %v", err)
	}
}

func TestOnlyARequestWithoutAnAnswerIsSentAgain(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		switch {
		case r.URL.Path == "/status":
			w.WriteHeader(503)
		case r.URL.Path == "/half":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
		case n < 3:
			conn, _, _ := w.(http.Hijacker).Hijack()
			_ = conn.Close()
		default:
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(body)
		}
	})
	c := client(t, local)
	for _, row := range []struct {
		method, path string
		kind         call.Kind
		times        int64
	}{
		{"PUT", "/", "", 3}, {"POST", "/", call.Closed, 1}, {"PATCH", "/", call.Closed, 1}, {"PUT", "/status", "", 1}, {"PUT", "/half", call.Closed, 1},
	} {
		asked.Store(0)
		res, err := c.Do(t.Context(), &call.Request{Method: row.method, URL: url + row.path, Body: "body", Retries: 3})
		switch {
		case row.kind != "":
			want(t, err, row.kind, "")
		case err != nil || row.path == "/" && res.Body != "body":
			t.Errorf("%+v: %+v, %v", row, res, err)
		}
		if n := asked.Load(); n != row.times {
			t.Errorf("%+v: sent %d times", row, n)
		}
	}
}

func TestFailuresOfTheNetworkAreToldApart(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	_ = l.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(secure.Close)
	plain := server(t, func(http.ResponseWriter, *http.Request) {})
	garbage := raw(t, "SSH-2.0-OpenSSH\r\n")
	for url, kind := range map[string]call.Kind{
		"http://" + nobody: call.Refused, "http://none.invalid/": call.DNS, secure.URL: call.TLS, strings.Replace(plain, "http", "https", 1): call.TLS,
		"http://" + garbage: call.Invalid, "http://" + raw(t, ""): call.Closed, "http://" + raw(t, "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"): call.Invalid,
	} {
		_, err := client(t, local).Get(t.Context(), url, 10, nil)
		want(t, err, kind, "")
	}
}

// raw starts a server that says the same to everyone, and hangs up.
func raw(t *testing.T, text string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

func TestASocketIsAskedByItsPath(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	other := server(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Host) })
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "/there", http.StatusFound)
			return
		case "/to":
			w.Header().Set("Location", r.URL.RawQuery)
			w.WriteHeader(http.StatusFound)
			return
		}
		fmt.Fprint(w, r.Host, r.URL)
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	url := "unix/" + path + ":/v1/x?a=1"
	_, err = client(t, local).Get(t.Context(), url, 100, nil)
	want(t, err, call.Forbidden, "is a unix socket, and http may dial public 127.0.0.0/8 ::1; it needs `allow 127.0.0.0/8 ::1 unix/"+path+"`")
	c := client(t, call.Rules{Allow: []string{"unix/" + path}})
	if res, err := c.Get(t.Context(), url, 100, nil); err != nil || res.Body != "localhost/v1/x?a=1" || res.URL != url {
		t.Errorf("%+v, %v", res, err)
	}
	if res, err := c.Do(t.Context(), &call.Request{URL: "unix/" + path + ":/away", Redirects: 1}); err != nil || res.Body != "localhost/there" {
		t.Errorf("%+v, %v", res, err)
	}
	both := client(t, call.Rules{Allow: append([]string{"unix/" + path}, local.Allow...)})
	host := strings.TrimPrefix(other, "http://")
	for _, location := range []string{other + "/", "//" + host + "/"} {
		res, err := both.Do(t.Context(), &call.Request{URL: "unix/" + path + ":/to?" + location, Redirects: 1, Header: http.Header{"Host": {"own.example"}}})
		if err != nil || res.Body != host {
			t.Errorf("a redirect to %s: %+v, %v; want the Host of the server", location, res, err)
		}
	}
	_, err = both.Do(t.Context(), &call.Request{URL: "unix/" + path + ":/to?//2f746d702f6f74686572.socket.invalid/", Redirects: 1})
	want(t, err, call.Redirects, "one leads to a socket")
	_, err = client(t, call.Rules{Allow: []string{"unix/" + path}, Deny: []string{"unix/" + path}}).Get(t.Context(), url, 100, nil)
	want(t, err, call.Forbidden, "denied")
}
