package request_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

func TestAByteOrderMarkIsNoPartOfJSON(t *testing.T) {
	t.Parallel()
	const mark = "\uFEFF"
	p := luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.Copy(w, r.Body)
	})
	s := luatest.Setup{}.Serve(t, fmt.Sprintf(`local route, json = require("luaroute"), require("json") route:pool("p", %q)
		route:post("/response", function(req, res) res:on_json(function(v) v.secret = nil return v end) return "p" end)
		route:post("/request", function(req) local v, err = req:json() return 200, err or json.encode(v) end)
		route:post("/text", function(req) local v, err = json.decode(req:body()) return 200, err or json.encode(v) end)`, p))
	for _, path := range []string{"/request", "/text"} {
		for body, want := range map[string]string{
			mark + `{"a":1}`: `200 {"a":1}`, mark + ` 5`: `200 5`,
			mark + mark + `5`: `200 json: at byte 3: found '\ufeff'; expected a value`, `5` + mark: `200 json: at byte 1: there is more text after the value`,
		} {
			if a := s.Do(t, "POST "+path, body); a.String() != want {
				t.Errorf("%s %q: got %s, want %s", path, body, a, want)
			}
		}
	}
	if a := s.Do(t, "POST /response", mark+`{"a":1,"secret":2}`); a.String() != `200 {"a":1}` {
		t.Errorf("the response is %s", a)
	}
}
