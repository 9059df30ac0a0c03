package request_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// The header for a HEAD never says what that for a GET denies: length and validators are those of the body that a GET gets, or
// are not there.
func TestHeadThroughOnJSONKeepsWhatIsTrueOfGet(t *testing.T) {
	t.Parallel()
	origin := testkit.Upstream(t, func(w http.ResponseWriter, r *http.Request) {
		body := `{"a":1}`
		switch r.URL.Path {
		case "/large":
			body = `{"a":"` + strings.Repeat("x", 2000) + `"}`
		case "/missing":
			w.Header().Set("Content-Length", "0")
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/text" {
			w.Header().Set("Content-Type", "text/plain")
		}
		w.Header().Set("Etag", `"1"`)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		if r.Method != http.MethodHead {
			_, _ = w.Write([]byte(body))
		}
	})
	site := luatest.Setup{Limits: config.Limits{Body: 1000}}.Serve(t, fmt.Sprintf(`local route = require("luaroute")
		route:pool("p", %q)
		route:with(function(req, res) res:on_json(function(v) v.a = 2 v.b = 3 return v end) end):any("/*", "p")`, origin))
	for path, keeps := range map[string]bool{"/json": false, "/large": true, "/text": true, "/missing": true} {
		get, head := site.Do(t, "GET "+path, ""), site.Do(t, "HEAD "+path, "")
		for _, name := range []string{"Etag", "Content-Length"} {
			if has := head.Header.Get(name); has != "" && has != get.Header.Get(name) || keeps && has != get.Header.Get(name) {
				t.Errorf("%s: %s is %q for HEAD and %q for GET", path, name, has, get.Header.Get(name))
			}
		}
	}
}
