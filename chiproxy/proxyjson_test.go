package chiproxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy/jsonshape"
)

func TestFieldsOfAResponseAreChangedOrTheResponseFails(t *testing.T) {
	t.Parallel()
	large := `{"a":"` + strings.Repeat("x", maxShaped) + `"}`
	for name, c := range map[string]struct {
		method   string
		header   http.Header
		status   int
		body     string
		got      int
		want     string
		validate bool // whether the length and the validators of the upstream are still there
	}{
		"JSON":                           {"GET", http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Etag": {`"1"`}}, 200, `{"p":1,"a":9007199254740993}`, 200, `{"a":9007199254740993}`, false},
		"JSON of a kind":                 {"GET", http.Header{"Content-Type": {"Application/HAL+JSON"}, "Etag": {`"1"`}}, 201, `{"p":1}`, 201, `{}`, false},
		"JSON that needs no change":      {"GET", http.Header{"Content-Type": {"application/json"}, "Etag": {`"1"`}}, 200, `{"a":1}`, 200, `{"a":1}`, true},
		"HEAD":                           {"HEAD", http.Header{"Content-Type": {"application/json"}, "Etag": {`"1"`}}, 200, ``, 200, ``, false},
		"text":                           {"GET", http.Header{"Content-Type": {"text/plain"}, "Etag": {`"1"`}}, 200, `{"p":1}`, 200, `{"p":1}`, true},
		"an error of the upstream":       {"GET", http.Header{"Content-Type": {"application/json"}, "Etag": {`"1"`}}, 404, `{"p":1}`, 404, `{"p":1}`, true},
		"no content":                     {"GET", http.Header{"Content-Type": {"application/json"}, "Etag": {`"1"`}}, 204, ``, 204, ``, true},
		"what is no JSON":                {"GET", http.Header{"Content-Type": {"application/json"}}, 200, `{"p":1`, 502, ``, false},
		"nothing":                        {"GET", http.Header{"Content-Type": {"application/json"}}, 200, ``, 502, ``, false},
		"too large":                      {"GET", http.Header{"Content-Type": {"application/json"}, "Content-Length": {fmt.Sprint(len(large))}}, 200, large, 502, ``, false},
		"too large, of unknown length":   {"GET", http.Header{"Content-Type": {"application/json"}}, 200, large, 502, ``, false},
		"compressed without being asked": {"GET", http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"br"}}, 200, `{"p":1}`, 502, ``, false},
	} {
		url := serve(t, Proxy{Pool: "a", ResponseJSON: &jsonshape.Options{Deny: []string{"p"}}}, upstreamScope(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "" {
				t.Errorf("%s: the upstream is asked for a part: %v", name, r.Header)
			}
			for field, values := range c.header {
				w.Header()[field] = values
			}
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		}))
		r, _ := http.NewRequestWithContext(t.Context(), c.method, url, nil)
		r.Header = http.Header{"Range": {"bytes=0-1"}, "Accept-Encoding": {"gzip"}}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(name, err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != c.got || c.got != 502 && string(body) != c.want || strings.Contains(string(body), `"p"`) && strings.Contains(name, "no JSON") {
			t.Errorf("%s: %d %.50q %v", name, resp.StatusCode, body, err)
		}
		if has := resp.Header.Get("Etag") != ""; has != c.validate {
			t.Errorf("%s: the header is %v", name, resp.Header)
		}
	}
}

func TestAWrongShapeOfJSONIsAnErrorOfTheLoad(t *testing.T) {
	t.Parallel()
	_, err := Proxy{Pool: "a", ResponseJSON: &jsonshape.Options{}}.Bind(upstreamScope(t, func(http.ResponseWriter, *http.Request) {}))
	if err == nil || !strings.Contains(err.Error(), "response_json: there are no changes") {
		t.Error(err)
	}
}
