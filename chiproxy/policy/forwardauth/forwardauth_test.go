package forwardauth_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/forwardauth"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
)

func TestTheServerIsAskedWithTheHeaderOfTheClientWithoutWhatIsAboutItsBodyAndConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, config(nil))
	r := httptest.NewRequest(http.MethodPost, "http://shop.example/a%2Fb?q=1", strings.NewReader("a body"))
	r.Header = http.Header{
		"Cookie": {"sid=1"}, "Authorization": {"Bearer x"}, "Accept": {"text/html"}, "User-Agent": {"test"}, "X-Own": {"a", "b"},
		"Connection": {"Upgrade, X-Own"}, "Upgrade": {"websocket"}, "Sec-Websocket-Key": {"k"}, "Sec-Websocket-Version": {"13"}, "Content-Type": {"text/plain"},
		"Content-Length": {"6"}, "Content-Encoding": {"gzip"}, "Expect": {"100-continue"}, "Range": {"bytes=0-1"}, "If-None-Match": {`"a"`},
		"If-Modified-Since": {"x"}, "If-Range": {"x"}, "Te": {"trailers"}, "Trailer": {"X-T"}, "Remote-User": {"eve"}, "Remote_user": {"eve"},
		"X-Forwarded-For": {"10.1.1.1"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"evil.example"}, "X-Forwarded-Method": {"HEAD"},
		"X-Forwarded-Uri": {"/public"}, "X_forwarded_uri": {"/public"}, "X-Original-Url": {"https://evil.example/"}, "X-Original-Uri": {"/public"},
		"X-Original-Method": {"GET"}, "X-Forwarded-User": {"eve"}, "X-Forwarded-Groups": {"root"},
		"X-Real-Ip": {"10.1.1.1"}, "X_real_ip": {"10.1.1.1"}, "Forwarded": {"for=10.1.1.1"},
	}
	if got := s.do(r); got.Code != 403 {
		t.Fatal(got.Code)
	}
	q := s.question()
	got := fmt.Sprint(q.Method, " ", q.RequestURI, " ", q.Host, " ", q.ContentLength, " ", q.TransferEncoding)
	if want := "GET /verify?x=1 shop.example 0 []"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
	want := http.Header{
		"Cookie": {"sid=1"}, "Authorization": {"Bearer x"}, "Accept": {"text/html"}, "User-Agent": {"test"}, "X-Own": {"a", "b"},
		"X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"shop.example"}, "X-Forwarded-Method": {"POST"},
		"X-Forwarded-Uri": {"/a%2Fb?q=1"}, "X-Original-Url": {"http://shop.example/a%2Fb?q=1"},
	}
	for _, name := range slices.Sorted(maps.Keys(q.Header)) {
		if name == "Accept-Encoding" || name == "Via" {
			continue // of Caddy
		}
		if !slices.Equal(q.Header[name], want[name]) {
			t.Errorf("%s is %q; want %q", name, q.Header[name], want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("the question lacks %v", want)
	}
}

func TestAProxyInFrontThatIsTrustedSaysWhatTheClientAsksFor(t *testing.T) {
	t.Parallel()
	s := serve(t, allow, config(nil))
	for _, trusted := range []bool{true, false} {
		r := policytest.From(policytest.Request("GET", "http://inner/a?b", "X-Forwarded-For", "10.1.1.1", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "shop.example"), policytest.Client)
		caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, trusted)
		if err := s.table.Serve(httptest.NewRecorder(), r, nil); err != nil {
			t.Fatal(err)
		}
		h := s.question().Header
		got := strings.Join([]string{h.Get("X-Forwarded-For"), h.Get("X-Forwarded-Proto"), h.Get("X-Forwarded-Host"), h.Get("X-Original-Url")}, " ")
		want := "192.0.2.1 http inner http://inner/a?b"
		if trusted {
			want = "10.1.1.1, 192.0.2.1 https shop.example https://shop.example/a?b"
		}
		if got != want {
			t.Errorf("trusted %v: got %s; want %s", trusted, got, want)
		}
	}
}

func TestTheServerHearsOfWebSocketsAsGETInHTTP2Too(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, config(nil))
	r := policytest.Request(http.MethodConnect, "/chat", ":protocol", "websocket")
	r.URL.Path, r.RequestURI, r.ProtoMajor, r.Proto, r.Host = "/chat", "/chat", 2, "HTTP/2.0", "a.example"
	if got := s.do(r); got.Code != 401 {
		t.Fatal(got.Code)
	}
	if h := s.question().Header; h.Get("X-Forwarded-Method") != "GET" || h.Get("X-Forwarded-Uri") != "/chat" || len(h[":protocol"]) > 0 {
		t.Error(h)
	}
}

func TestARequestThatPassesHasWhatTheAnswerSays(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		answer http.HandlerFunc
		copies []forwardauth.Copy
		want   string // of the app's request
		cookie string // of the response
	}{
		{"fields", allow, copied, "Remote-User=ann X-User-Id=7", "app=1"},
		{"none", func(http.ResponseWriter, *http.Request) {}, copied, "", "app=1"},
		{"204", func(w http.ResponseWriter, r *http.Request) { allow(w, r); w.WriteHeader(204) }, copied, "Remote-User=ann X-User-Id=7", "app=1"},
		{"several values", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Remote-User"] = []string{"a", "", "b"}
			w.Header()["X-Id"] = []string{""}
		}, copied, "Remote-User=a,b", "app=1"},
		{"Authorization", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Authorization", "Bearer for "+r.Header.Get("Authorization"))
		}, []forwardauth.Copy{{From: "authorization", To: "authorization"}}, "Authorization=Bearer for Basic x", "app=1"},
		{"cookies", func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Set-Cookie"] = []string{"sid=2; HttpOnly", "other=3"}
		}, nil, "", "app=1 | sid=2; HttpOnly | other=3"},
		{"a large body", func(w http.ResponseWriter, r *http.Request) {
			allow(w, r)
			_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
		}, copied, "Remote-User=ann X-User-Id=7", "app=1"},
		{"hints first", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(103); allow(w, r) }, copied, "Remote-User=ann X-User-Id=7", "app=1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, row.answer, config(func(c *forwardauth.Config) { c.Copies = row.copies }))
			got := s.get("/", "Authorization", "Basic x", "Connection", "Remote-User, Authorization")
			if got.Code != 200 || got.Body.String() != "app" {
				t.Fatal(got.Code, got.Body)
			}
			var fields []string
			for _, name := range []string{"Remote-User", "X-User-Id", "Authorization", "X-Other", "X-Id"} {
				if values := s.request().Header.Values(name); len(values) > 0 && (name != "Authorization" || row.name == "Authorization") {
					fields = append(fields, name+"="+strings.Join(values, ","))
				}
			}
			if said := strings.Join(fields, " "); said != row.want {
				t.Errorf("the app got %s; want %s", said, row.want)
			}
			if cookies := strings.Join(got.Header().Values("Set-Cookie"), " | "); cookies != row.cookie {
				t.Errorf("the client got %s; want %s", cookies, row.cookie)
			}
		})
	}
}

func TestWhatTheClientSaysOfItselfIsRemovedWhateverTheAnswer(t *testing.T) {
	t.Parallel()
	caching := &forwardauth.Caching{TTL: time.Hour, Key: []string{"header:Authorization"}}
	for name, row := range map[string]struct {
		answer http.HandlerFunc
		more   func(*forwardauth.Config)
	}{
		"2xx without the fields":   {func(http.ResponseWriter, *http.Request) {}, nil},
		"2xx with empty fields":    {func(w http.ResponseWriter, _ *http.Request) { w.Header()["Remote-User"] = []string{""} }, nil},
		"an error that is let by":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, func(c *forwardauth.Config) { c.Open = true }},
		"no answer that is let by": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, func(c *forwardauth.Config) { c.Open = true }},
		"a remembered verdict":     {func(http.ResponseWriter, *http.Request) {}, func(c *forwardauth.Config) { own := *caching; c.Caching = &own }},
		"headers of an error that is let by": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Remote-User", "root")
			w.WriteHeader(503)
		}, func(c *forwardauth.Config) { c.Open = true }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, row.answer, config(row.more))
			for _, spoofed := range [][]string{
				{"Remote-User", "eve"},
				{"remote-user", "eve", "X-User-Id", "1", "X-Id", "2"},
				{"REMOTE_USER", "eve", "X_User-Id", "1", "X.Id", "2"},
				{"Remote-User", "eve", "Connection", "Remote-User"},
				{"Remote-User", "", "X-Id", "1"},
			} {
				for range 2 { // the second one from the cache
					if got := s.get("/", append(spoofed, "Authorization", "Bearer x")...); got.Code != 200 {
						t.Fatal(got.Code)
					}
					if got := s.identity(); got != "||" {
						t.Errorf("%q: the app got %s", spoofed, got)
					}
				}
				if q := s.question().Header; q.Get("Remote-User") != "" || q.Get("X-Id") != "" || q.Get("X-User-Id") != "" {
					t.Errorf("%q: the server got %v", spoofed, q)
				}
			}
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("body"))
			r.ContentLength = -1
			r.Trailer = http.Header{"Remote-User": {"eve"}, "X-Fine": {"1"}}
			r.Header.Set("Authorization", "Bearer x")
			if got := s.do(r); got.Code != 200 || s.identity() != "||" && s.identity() != "|||X-Fine=1" {
				t.Errorf("trailers: %d, the app got %s", got.Code, s.identity())
			}
			if caching := row.more != nil && name == "a remembered verdict"; caching && s.asked.Load() != 2 { // GET and POST
				t.Errorf("asked %d times", s.asked.Load())
			}
		})
	}
}

func TestAnyOtherAnswerIsThatOfTheRequest(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", forwardauth.MaxBody)
	for _, row := range []struct {
		name, method string
		answer       http.HandlerFunc
		status       int
		body         string
		fields       map[string]string
	}{
		{"a redirection to the login", "GET", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Set-Cookie", "csrf=1")
			w.Header().Add("Set-Cookie", "csrf2=1")
			http.Redirect(w, r, "/oauth2/start?rd=%2F", http.StatusFound)
		}, 302, "<a href=\"/oauth2/start?rd=%2F\">Found</a>.\n\n", map[string]string{"Location": "/oauth2/start?rd=%2F", "Set-Cookie": "csrf=1 | csrf2=1", "Content-Type": "text/html; charset=utf-8"}},
		{"a challenge", "POST", func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Www-Authenticate"] = []string{`Basic realm="a"`, "Bearer"}
			w.WriteHeader(401)
		}, 401, "", map[string]string{"Www-Authenticate": `Basic realm="a" | Bearer`, "Content-Length": "0"}},
		{"a page", "GET", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403); _, _ = io.WriteString(w, long) }, 403, long, nil},
		{"a page that is too large", "GET", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/a")
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(403)
			_, _ = io.WriteString(w, long+"y")
		}, 403, "", map[string]string{"Location": "/a", "Content-Type": "", "Content-Length": "0"}},
		{"a page that breaks off", "GET", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(404)
			_, _ = io.WriteString(w, "part")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, 404, "", map[string]string{"Content-Length": "0"}},
		{"HEAD", "HEAD", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(401)
			_, _ = io.WriteString(w, r.Method+" login")
		}, 401, "", map[string]string{"Content-Length": "9"}},
		{"not modified", "GET", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(304) }, 304, "", map[string]string{"Content-Length": ""}},
		{"429", "GET", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Retry-After", "3"); w.WriteHeader(429) }, 429, "", map[string]string{"Retry-After": "3"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, row.answer, config(nil))
			got := s.do(policytest.Request(row.method, "/", "If-None-Match", `"x"`))
			if got.Code != row.status || got.Body.String() != row.body {
				t.Errorf("got %d with %d bytes; want %d with %d", got.Code, got.Body.Len(), row.status, len(row.body))
			}
			for name, want := range row.fields {
				if v := strings.Join(got.Header().Values(name), " | "); v != want {
					t.Errorf("%s is %q; want %q", name, v, want)
				}
			}
			if s.app.Load() > 0 {
				t.Error("the app was asked")
			}
		})
	}
}

func TestARequestThatNobodyJudgesGets503OrPassesIfThatIsWanted(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"503 with cookies": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Set-Cookie", "a=b")
			w.WriteHeader(503)
		},
		"a connection that ends": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a switch of protocols": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Upgrade", "x")
			w.Header().Set("Connection", "Upgrade")
			w.WriteHeader(101)
		},
		"nothing in time": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"no server":       nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, open := range []bool{false, true} {
				c := config(func(c *forwardauth.Config) {
					c.Open = open
					if name == "nothing in time" {
						c.Timeout = 20 * time.Millisecond
					}
					c.Caching = &forwardauth.Caching{TTL: time.Hour, Negative: time.Hour, Key: []string{"header:Authorization"}}
				})
				s := &site{}
				if answer == nil {
					s.build(t, "127.0.0.1:1", c)
				} else {
					s = serve(t, answer, c)
				}
				for range 2 { // nothing is remembered
					got := s.get("/", "Authorization", "x")
					want := 503
					if open {
						want = 200
					}
					if got.Code != want || got.Header().Get("Set-Cookie") != map[bool]string{true: "app=1"}[open] {
						t.Errorf("open %v: got %d, %v; want %d", open, got.Code, got.Header(), want)
					}
				}
				if answer != nil && s.asked.Load() != 2 {
					t.Errorf("asked %d times", s.asked.Load())
				}
			}
		})
	}
}

func TestAClientThatLeavesEndsTheQuestion(t *testing.T) {
	t.Parallel()
	asked, ended := make(chan struct{}), make(chan struct{})
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
		close(ended)
	}, config(func(c *forwardauth.Config) { c.Open, c.Timeout = true, time.Hour }))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int)
	go func() { done <- s.do(policytest.Request("GET", "/").WithContext(ctx)).Code }()
	<-asked
	cancel()
	<-ended
	if got := <-done; got != 499 || s.app.Load() != 0 {
		t.Errorf("%d, and the app got %d requests", got, s.app.Load())
	}
}

func TestHTTP2AndHEADAndBodiesPass(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Forwarded-Uri") == "/no" {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(401)
			_, _ = io.WriteString(w, "log in")
			return
		}
		allow(w, r)
	}, config(nil))
	server := s.listen(t)
	server.EnableHTTP2 = true
	server.StartTLS()
	client := server.Client()
	for _, row := range []struct {
		method, target, body string
		status               int
		want                 string
	}{
		{"GET", "/", "", 200, "app"},
		{"HEAD", "/", "", 200, ""},
		{"POST", "/", strings.Repeat("x", 1<<20), 200, "app"},
		{"GET", "/no", "", 401, "log in"},
		{"HEAD", "/no", "", 401, ""},
		{"POST", "/no", strings.Repeat("x", 1<<20), 401, "log in"},
	} {
		r, _ := http.NewRequestWithContext(t.Context(), row.method, server.URL+row.target, strings.NewReader(row.body))
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != row.status || string(body) != row.want || res.ProtoMajor != 2 {
			t.Errorf("%s %s: %s %d %q", row.method, row.target, res.Proto, res.StatusCode, body)
		}
	}
	if h := s.question().Header; h.Get("X-Forwarded-Proto") != "https" || !strings.HasPrefix(h.Get("X-Original-Url"), "https://127.0.0.1") {
		t.Error(h)
	}
}

func TestAnExplanationAsksNobodyAndSaysSo(t *testing.T) {
	t.Parallel()
	s := serve(t, allow, config(nil))
	steps := policytest.Explain(s.table, policytest.Request("GET", "/", "Remote-User", "eve"))
	if len(steps) != 1 || steps[0].Note != "the pool auth is not asked; the request passes as from nobody" || steps[0].Middleware != "forward_auth" || steps[0].At != "main.lua:3" || s.asked.Load() != 0 {
		t.Errorf("%+v, asked %d times", steps, s.asked.Load())
	}
}

func TestWrongOptionsAreErrors(t *testing.T) {
	t.Parallel()
	caching := func(key ...string) func(*forwardauth.Config) {
		return func(c *forwardauth.Config) {
			c.Caching = &forwardauth.Caching{TTL: time.Second, Key: key, Instance: "wrong"}
		}
	}
	copies := func(name string) func(*forwardauth.Config) {
		return func(c *forwardauth.Config) { c.Copies = []forwardauth.Copy{{From: "X-Fine", To: name}} }
	}
	for want, change := range map[string]func(*forwardauth.Config){
		`path is ""; expected a path such as "/verify"`:                  func(c *forwardauth.Config) { c.Path = "" },
		`path is "http://a/b"; expected a path`:                          func(c *forwardauth.Config) { c.Path = "http://a/b" },
		`path is "/a#b"; expected a path`:                                func(c *forwardauth.Config) { c.Path = "/a#b" },
		`path is "*"; expected a path`:                                   func(c *forwardauth.Config) { c.Path = "*" },
		`copy_headers: "a b" is not a header name`:                       copies("a b"),
		"the field Host means something else":                            copies("host"),
		"the field Cookie means something else":                          copies("cookie"),
		"the field Content-Length means something else":                  copies("content-length"),
		"the field X-Forwarded-For means something else":                 copies("x-forwarded-for"),
		"the field Sec-Websocket-Key means something else":               copies("sec-websocket-key"),
		"the field A is set twice":                                       func(c *forwardauth.Config) { c.Copies = []forwardauth.Copy{{"B", "A"}, {"C", "a"}} },
		"cache: ttl is missing":                                          func(c *forwardauth.Config) { c.Caching = &forwardauth.Caching{Key: []string{"cookie:a"}} },
		"cache: key is missing; expected what tells apart those who ask": caching(),
		"key is all, which many clients share":                           caching("all"),
		"key is client_ip + host, which many clients share":              caching("client_ip", "host"),
		"key is header:host, which many clients share":                   caching("header:host"),
		`cache: the key is "coookie:a"`:                                  caching("coookie:a"),
		`cache: the key "all" tells no requests apart, and stands alone`: caching("all", "cookie:a"),
	} {
		if _, err := forwardauth.New(config(change)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want %s", err, want)
		}
	}
}
