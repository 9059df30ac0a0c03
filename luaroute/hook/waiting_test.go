package hook_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// late is a body that comes after a while.
type late struct {
	after time.Duration
	io.Reader
}

func (l *late) Read(p []byte) (int, error) {
	time.Sleep(l.after)
	l.after = 0
	return l.Reader.Read(p)
}

// What the limits of waiting and running count is the script's own. The upstream and the client take as long as they take.
func TestNeitherTheUpstreamNorTheClientCountsAsWaitingOfTheScript(t *testing.T) {
	t.Parallel()
	const wall, longer = 5 * time.Millisecond, 50 * time.Millisecond
	slow := luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		time.Sleep(longer)
		fmt.Fprintf(w, "got %s", body)
	})
	site := luatest.Setup{
		Libraries: map[string]vm.Library{"fail": failing{}},
		Limits:    config.Limits{CPU: caddy.Duration(wall), Wall: caddy.Duration(wall)},
	}.Serve(t, fmt.Sprintf(`local route, fail = require("luaroute"), require("fail")
		route:pool("slow", %q)
		local function wrap(req, res, next) assert(pcall(next)) for i = 1, 1000 do end end
		route:with(wrap, wrap):post("/next", "slow")
		route:post("/body", function(req) return 200, "read " .. req:body() end)
		route:with(wrap):post("/both", function(req) req:body() return "slow" end)
		route:with(wrap):post("/own", function(req) fail.wait() return "slow" end)`, slow))
	for path, want := range map[string]string{
		"/next": "200 got text", "/body": "200 read text", "/both": "200 got text", "/own": "503",
	} {
		r, _ := http.NewRequest(http.MethodPost, site.URL+path, &late{longer, strings.NewReader("text")})
		if a, err := luatest.Send(luatest.Client, r); err != nil || a.String() != want {
			t.Errorf("%s: got %s, %v; want %s", path, a, err, want)
		}
	}
}
