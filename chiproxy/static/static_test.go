package static_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
)

func TestAnswersOfDataReachTheClient(t *testing.T) {
	t.Parallel()
	const text = "text/plain; charset=utf-8"
	type fields map[string]string
	for name, row := range map[string]struct {
		method string
		action chiproxy.Action
		status int
		body   string
		header fields
	}{
		"nothing said is an empty 200":   {"GET", static.Respond{}, 200, "", fields{"Content-Length": "0", "Content-Type": ""}},
		"a body is plain text":           {"GET", static.Respond{Body: "<html>"}, 200, "<html>", fields{"Content-Length": "6", "Content-Type": text}},
		"a type is kept, in any case":    {"GET", static.Respond{Body: "{}", Headers: http.Header{"content-type": {"application/json"}}}, 200, "{}", fields{"Content-Type": "application/json"}},
		"HEAD gets the header only":      {"HEAD", static.Respond{Status: 201, Body: "body"}, 201, "", fields{"Content-Length": "4", "Content-Type": text}},
		"HEAD may name a length":         {"HEAD", static.Respond{Headers: http.Header{"content-length": {"99"}}}, 200, "", fields{"Content-Length": "99"}},
		"GET has the length of its body": {"GET", static.Respond{Body: "body", Headers: http.Header{"Content-Length": {"4"}}}, 200, "body", fields{"Content-Length": "4"}},
		"204 has no length":              {"GET", static.Respond{Status: 204, Headers: http.Header{"Content-Length": {"9"}}}, 204, "", fields{"Content-Length": ""}},
		"an unusual status is kept":      {"GET", static.Respond{Status: 799}, 799, "", nil},
		"headers replace those outside":  {"GET", static.Respond{Headers: http.Header{"x-outer": {"inner"}}}, 200, "", fields{"X-Outer": "inner"}},
		"a redirect is 302":              {"GET", static.Redirect{Location: "/x?y#z"}, 302, "", fields{"Location": "/x?y#z", "Content-Length": "0"}},
		"a redirect has its status":      {"POST", static.Redirect{Location: "https://a.example/", Status: 308}, 308, "", fields{"Location": "https://a.example/"}},
		"a location is a URL":            {"GET", static.Redirect{Location: "/ü?ü=%20{path}"}, 302, "", fields{"Location": "/%C3%BC?%C3%BC=%20%7Bpath%7D"}},
	} {
		t.Run(name, func(t *testing.T) {
			bound, err := (*chiproxy.PoolScope)(nil).Bind(row.action)
			if err != nil {
				t.Fatal(err)
			}
			for kind, a := range map[string]chiproxy.Action{"bound": bound, "as it is": row.action} {
				s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("X-Outer", "outer")
					verdict, err := a.Do(&chiproxy.Exchange{W: w, R: r})
					if verdict != chiproxy.Done || err != nil {
						t.Errorf("%s: %v, %v", kind, verdict, err)
					}
				}))
				defer s.Close()
				req, _ := http.NewRequestWithContext(t.Context(), row.method, s.URL, nil)
				resp, err := http.DefaultTransport.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != row.status || string(body) != row.body {
					t.Errorf("%s: %d %q %v", kind, resp.StatusCode, body, err)
				}
				for name, want := range row.header {
					if got := resp.Header.Get(name); got != want {
						t.Errorf("%s: %s is %q, want %q", kind, name, got, want)
					}
				}
			}
		})
	}
}

func TestAnAnswerThatCannotBeSentIsRefused(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		action chiproxy.Action
		want   string
	}{
		"an informational status":         {static.Respond{Status: 103}, "respond: status 103: expected 200 to 999"},
		"a status of four digits":         {static.Respond{Status: 1000}, "respond: status 1000: expected 200 to 999"},
		"a negative status":               {static.Respond{Status: -1}, "respond: status -1: expected 200 to 999"},
		"204 with a body":                 {static.Respond{Status: 204, Body: "x"}, "respond: status 204 has no body"},
		"304 with a body":                 {static.Respond{Status: 304, Body: "x"}, "respond: status 304 has no body"},
		"a header with a line break":      {static.Respond{Headers: http.Header{"X": {"a\r\nSet-Cookie: b"}}}, `respond: header X: the value "a\r\nSet-Cookie: b" has a control character`},
		"a header with a wrong name":      {static.Respond{Headers: http.Header{"X:": {"a"}}}, `respond: "X:" is not a header name`},
		"a redirect without a place":      {static.Redirect{}, "redirect: the location is missing"},
		"a redirect with a line break":    {static.Redirect{Location: "/a\nb"}, `redirect: header Location: the value "/a\nb" has a control character`},
		"a redirect with NUL":             {static.Redirect{Location: "/a\x00b"}, `redirect: header Location: the value "/a\x00b" has a control character`},
		"a redirect that is not modified": {static.Redirect{Location: "/", Status: 304}, "redirect: status 304: expected 300 to 399, but not 304"},
		"a redirect that answers":         {static.Redirect{Location: "/", Status: 200}, "redirect: status 200: expected 300 to 399, but not 304"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := (*chiproxy.PoolScope)(nil).Bind(row.action); err == nil || !strings.HasPrefix(err.Error(), row.want) {
				t.Errorf("when bound: %v\nwant %s", err, row.want)
			}
			w := httptest.NewRecorder()
			if _, err := row.action.Do(&chiproxy.Exchange{W: w, R: httptest.NewRequest("GET", "/", nil)}); err == nil || !strings.HasPrefix(err.Error(), row.want) {
				t.Errorf("when done: %v\nwant %s", err, row.want)
			}
			if len(w.Header()) > 0 || w.Body.Len() > 0 {
				t.Errorf("something was written: %v %q", w.Header(), w.Body)
			}
		})
	}
}

func TestAnAnswerWithoutABodyHasNoLength(t *testing.T) {
	t.Parallel()
	for _, status := range []int{204, 304} {
		w := httptest.NewRecorder()
		a := static.Respond{Status: status, Headers: http.Header{"Content-Length": {"9"}}}
		if _, err := a.Do(&chiproxy.Exchange{W: w, R: httptest.NewRequest("GET", "/", nil)}); err != nil || w.Header()["Content-Length"] != nil {
			t.Errorf("%d: %v %v", status, w.Header(), err)
		}
	}
}

func TestAnAnswerSaysWhatItDoes(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		action interface {
			chiproxy.Action
			chiproxy.Describer
		}
		status  int
		refuses bool
		says    string
	}{
		"a status":         {static.Respond{Status: 201}, 201, false, "respond 201"},
		"no status":        {static.Respond{}, 200, false, "respond 200"},
		"one that refuses": {static.Respond{Status: 403}, 403, true, "respond 403"},
		"nothing is there": {static.Respond{Status: 404}, 404, false, "respond 404"},
		"a redirect":       {static.Redirect{Location: "/x"}, 302, false, "redirect 302 /x"},
	} {
		bound, err := (*chiproxy.PoolScope)(nil).Bind(row.action)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range []chiproxy.Action{row.action, bound} {
			traits := a.Traits()
			if traits.Status != row.status || traits.Refuses() != row.refuses || traits.Open() != (row.status/100 == 2) || traits.Declines || traits.Forwards || !traits.Pure {
				t.Errorf("%s: %+v", name, traits)
			}
		}
		if o := row.action.Describe(); fmt.Sprintf("%s %s", o.Kind, o.Text) != row.says {
			t.Errorf("%s: %s %s", name, o.Kind, o.Text)
		}
	}
}
