package chiproxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
)

func TestAnswersOfDataReachTheClient(t *testing.T) {
	t.Parallel()
	const text = "text/plain; charset=utf-8"
	type fields map[string]string
	for name, row := range map[string]struct {
		method string
		action Action
		status int
		body   string
		header fields
	}{
		"nothing said is an empty 200":          {"GET", Respond{}, 200, "", fields{"Content-Length": "0", "Content-Type": ""}},
		"a body is plain text":                  {"GET", Respond{Body: "<html>"}, 200, "<html>", fields{"Content-Length": "6", "Content-Type": text}},
		"a type is kept, in any case":           {"GET", Respond{Body: "{}", Headers: http.Header{"content-type": {"application/json"}}}, 200, "{}", fields{"Content-Type": "application/json"}},
		"HEAD gets the header only":             {"HEAD", Respond{Status: 201, Body: "body"}, 201, "", fields{"Content-Length": "4", "Content-Type": text}},
		"HEAD may name a length":                {"HEAD", Respond{Headers: http.Header{"content-length": {"99"}}}, 200, "", fields{"Content-Length": "99"}},
		"GET has the length of its body":        {"GET", Respond{Body: "body", Headers: http.Header{"Content-Length": {"4"}}}, 200, "body", fields{"Content-Length": "4"}},
		"204 has no length":                     {"GET", Respond{Status: 204, Headers: http.Header{"Content-Length": {"9"}}}, 204, "", fields{"Content-Length": ""}},
		"an unusual status is kept":             {"GET", Respond{Status: 799}, 799, "", nil},
		"headers replace those outside":         {"GET", Respond{Headers: http.Header{"x-outer": {"inner"}}}, 200, "", fields{"X-Outer": "inner"}},
		"a redirect is 302":                     {"GET", Redirect{Location: "/x?y#z"}, 302, "", fields{"Location": "/x?y#z", "Content-Length": "0"}},
		"a redirect has its status":             {"POST", Redirect{Location: "https://a.example/", Status: 308}, 308, "", fields{"Location": "https://a.example/"}},
		"a location is a URL":                   {"GET", Redirect{Location: "/ü?ü=%20{path}"}, 302, "", fields{"Location": "/%C3%BC?%C3%BC=%20%7Bpath%7D"}},
		"the next handler answers":              {"GET", Next{}, 418, "", nil},
		"a module answers":                      {"GET", Module{Handler: answering{}}, 202, "module", nil},
		"a module may go on to Caddy's handler": {"GET", Module{Handler: passing{}}, 418, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			bound, err := (*PoolScope)(nil).Bind(row.action)
			if err != nil {
				t.Fatal(err)
			}
			for kind, a := range map[string]Action{"bound": bound, "as it is": row.action} {
				s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("X-Outer", "outer")
					verdict, err := a.Do(exchangeOf(w, r, nil))
					if verdict != Done || err != nil {
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
		action Action
		want   string
	}{
		"an informational status":         {Respond{Status: 103}, "respond: status 103: expected 200 to 999"},
		"a status of four digits":         {Respond{Status: 1000}, "respond: status 1000: expected 200 to 999"},
		"a negative status":               {Respond{Status: -1}, "respond: status -1: expected 200 to 999"},
		"204 with a body":                 {Respond{Status: 204, Body: "x"}, "respond: status 204 has no body"},
		"304 with a body":                 {Respond{Status: 304, Body: "x"}, "respond: status 304 has no body"},
		"a header with a line break":      {Respond{Headers: http.Header{"X": {"a\r\nSet-Cookie: b"}}}, `respond: header X: the value "a\r\nSet-Cookie: b" has a control character`},
		"a header with a wrong name":      {Respond{Headers: http.Header{"X:": {"a"}}}, `respond: "X:" is not a header name`},
		"a redirect without a place":      {Redirect{}, "redirect: the location is missing"},
		"a redirect with a line break":    {Redirect{Location: "/a\nb"}, `redirect: header Location: the value "/a\nb" has a control character`},
		"a redirect with NUL":             {Redirect{Location: "/a\x00b"}, `redirect: header Location: the value "/a\x00b" has a control character`},
		"a redirect that is not modified": {Redirect{Location: "/", Status: 304}, "redirect: status 304: expected 300 to 399, but not 304"},
		"a redirect that answers":         {Redirect{Location: "/", Status: 200}, "redirect: status 200: expected 300 to 399, but not 304"},
		"an error that is none":           {Error{Status: 200}, "error: status 200: expected 400 to 999"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := (*PoolScope)(nil).Bind(row.action); !strings.HasPrefix(errText(err), row.want) {
				t.Errorf("when bound: %v\nwant %s", err, row.want)
			}
			w := httptest.NewRecorder()
			if _, err := row.action.Do(exchangeOf(w, get("/"), nil)); !strings.HasPrefix(errText(err), row.want) {
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
		a := Respond{Status: status, Headers: http.Header{"Content-Length": {"9"}}}
		if _, err := a.Do(exchangeOf(w, get("/"), nil)); err != nil || w.Header()["Content-Length"] != nil {
			t.Errorf("%d: %v %v", status, w.Header(), err)
		}
	}
}

func TestARaisedErrorIsCaddys(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		raise  Error
		status int
		text   string
	}{
		"a status and a message": {Error{Status: 403, Message: "go away"}, 403, "go away"},
		"a status only":          {Error{Status: 404}, 404, "Not Found"},
		"nothing":                {Error{}, 500, "Internal Server Error"},
	} {
		verdict, err := row.raise.Do(new(Exchange))
		he, ok := errors.AsType[caddyhttp.HandlerError](err)
		if !ok || verdict != Done || he.StatusCode != row.status || he.Err.Error() != row.text {
			t.Errorf("%s: %v, %v", name, verdict, err)
		}
	}
}

func TestDeclineDeclines(t *testing.T) {
	t.Parallel()
	if verdict, err := (Decline{}).Do(new(Exchange)); verdict != Declined || err != nil {
		t.Errorf("%v, %v", verdict, err)
	}
}

func TestActionsDescribeThemselves(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]Describer{
		"proxy users":       Proxy{Pool: "users"},
		"proxy p":           (*toPool)(&pool.Named{Name: "p"}),
		"respond 200":       Respond{},
		"respond 404":       Respond{Status: 404},
		"redirect 302 /x":   Redirect{Location: "/x"},
		"next ":             Next{},
		"decline ":          Decline{},
		"error 500":         Error{},
		"handler templates": Module{Name: "templates"},
		"matcher x":         Module{Name: "templates", Origin: origin.Origin{Kind: "matcher", Text: "x"}},
	} {
		if o := a.Describe(); fmt.Sprintf("%s %s", o.Kind, o.Text) != want {
			t.Errorf("%s %s, want %s", o.Kind, o.Text, want)
		}
	}
}

// answering is a module that answers.
type answering struct{}

func (answering) ServeHTTP(w http.ResponseWriter, _ *http.Request, _ caddyhttp.Handler) error {
	w.WriteHeader(http.StatusAccepted)
	_, err := io.WriteString(w, "module")
	return err
}
