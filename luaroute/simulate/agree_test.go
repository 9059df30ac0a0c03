package simulate_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// writer writes random scripts. What their functions do depends on the header of the request: each has a field of its own.
type writer struct {
	rng    *rand.Rand
	out    strings.Builder
	fields []string
}

func (w *writer) pick(list ...string) string { return list[w.rng.IntN(len(list))] }

// field is a new field, whose value says what a function does.
func (w *writer) field() string {
	name := fmt.Sprintf("X-F%d", len(w.fields))
	w.fields = append(w.fields, name)
	return name
}

func (w *writer) guard() string {
	switch w.rng.IntN(4) {
	case 0:
		return fmt.Sprintf("when = { header = { [%q] = \"a\" } }", w.field())
	case 1:
		return fmt.Sprintf("when = function(req) local v = req:header(%q) if v == \"e\" then error(\"no\") end return v ~= \"b\" end", w.field())
	case 2:
		return fmt.Sprintf("when = { route.matcher(\"header\", { [%q] = { \"a\", \"c\" } }), function(req) req.ctx.n = 1 return true end }", w.field())
	}
	return ""
}

func (w *writer) handler() string {
	switch w.rng.IntN(5) {
	case 0:
		return fmt.Sprintf("%q", w.pick("one", "two"))
	case 1:
		return `route.proxy("two", { path = "/moved", headers = { set = { ["X-By"] = "lua" } } })`
	case 2:
		return w.pick("route.next", "route.error(410)", "{ status = 203, body = \"table\" }", "route.decline")
	}
	return fmt.Sprintf(`function(req, res)
		local v = req:header(%q)
		if v == "a" then return "one" elseif v == "b" then return route.decline elseif v == "c" then return 202, "lua " .. req.pattern
		elseif v == "d" then req:set_header("X-Late", "1") return "two" elseif v == "e" then error("broken") end
		res.headers["X-Written"] = "1"
		res:write("written")
	end`, w.field())
}

func (w *writer) middleware() string {
	if w.rng.IntN(2) == 0 {
		return fmt.Sprintf(`function(req, res)
			local v = req:header(%q)
			if v == "b" then return 401, "stopped" elseif v == "c" then return route.decline elseif v == "e" then error("broken") end
			req:set_header("X-Seen", "1")
		end`, w.field())
	}
	return fmt.Sprintf(`function(req, res, next)
		local v = req:header(%q)
		if v == "b" then return 403, "wrapped" elseif v == "e" then error("broken") end
		if not next() and v == "c" then return 404, "nobody" end
	end`, w.field())
}

func (w *writer) routes(r string, depth int) {
	if w.rng.IntN(2) == 0 {
		fmt.Fprintf(&w.out, "%s:use(%s)\n", r, w.middleware())
	}
	for i := range 1 + w.rng.IntN(4) {
		if depth > 0 && w.rng.IntN(3) == 0 {
			inner := fmt.Sprintf("%s%d", r, i)
			switch w.rng.IntN(3) {
			case 0:
				fmt.Fprintf(&w.out, "%s:route(%q, function(%s)\n", r, w.pick("/a", "/b"), inner)
			case 1:
				fmt.Fprintf(&w.out, "%s:group(function(%s)\n", r, inner)
			default:
				fmt.Fprintf(&w.out, "%s:when(function(req) return req:header(%q) ~= \"b\" end, function(%s)\n", r, w.field(), inner)
			}
			w.routes(inner, depth-1)
			w.out.WriteString("end)\n")
			continue
		}
		fmt.Fprintf(&w.out, "%s:%s(%q, { on_error = %q, %s }, %s)\n", r, w.pick("get", "get", "any", "post"),
			w.pick("/a", "/a/{x}", "/{y}/b", "/*", "/a/*"), w.pick("closed", "closed", "open", "decline"), w.guard(), w.handler())
	}
}

// TestExplainAgreesWithWhatScriptsDo compares what is explained with run with what serving does, for random scripts whose
// functions answer, decline, fail and forward.
func TestExplainAgreesWithWhatScriptsDo(t *testing.T) {
	t.Parallel()
	var hits atomic.Int64
	pools := map[string]string{}
	for _, name := range []string{"one", "two"} {
		address := luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
			hits.Add(1)
			fmt.Fprintf(w, "%s %s %s", name, r.Method, r.URL.Path)
		})
		pools[name] = fmt.Sprintf(`{"upstreams": [{"dial": %q}]}`, address)
	}
	scripts, built, forwarded := 200, 0, 0
	if testing.Short() {
		scripts = 60
	}
	for seed := range scripts {
		w := &writer{rng: rand.New(rand.NewPCG(uint64(seed), 3))}
		w.out.WriteString("local route = require('luaroute')\n")
		w.routes("route", 2)
		table, err := luatest.Setup{Pools: pools}.Load(t, w.out.String())
		if err != nil { // two routes of one shape, or one below a scope that owns it
			continue
		}
		built++
		for range 12 {
			r := httptest.NewRequest(w.pick("GET", "GET", "POST", "HEAD"), w.pick("/a", "/b", "/a/b", "/a/c", "/c/b", "/A", "/"), nil)
			for _, name := range w.fields {
				if v := w.pick("a", "a", "a", "b", "c", "d", "e", ""); v != "" {
					r.Header.Set(name, v)
				}
			}
			real := served(table, r.Clone(t.Context()))
			before := hits.Load()
			d := explain.Decide(table, r.Clone(t.Context()), true)
			if hits.Load() != before {
				t.Fatal("explaining has reached an origin")
			}
			if got := said(d); got != real || d.Stops != "" {
				t.Fatalf("%s %s %v\n served    %s\n explained %s (%s)\n%s", r.Method, r.URL, r.Header, real, got, d.Stops, w.out.String())
			}
			if d.Pool != "" {
				forwarded++
			}
		}
	}
	t.Logf("%d scripts, %d requests forwarded", built, forwarded)
	if built < scripts/6 || forwarded < built {
		t.Errorf("of %d scripts only %d were built, and %d requests forwarded", scripts, built, forwarded)
	}
}

// served is what a request comes to, in words.
func served(table *routing.Table, r *http.Request) string {
	w := httptest.NewRecorder()
	next := false
	err := table.Serve(w, luatest.Prepared(w, r), caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		next = true
		return nil
	}))
	var failed caddyhttp.HandlerError
	switch {
	case errors.As(err, &failed):
		return fmt.Sprint("error ", failed.StatusCode)
	case err != nil:
		return "error " + err.Error()
	case next:
		return "next"
	}
	if pool, rest, ok := strings.Cut(w.Body.String(), " "); ok && slices.Contains([]string{"one", "two"}, pool) {
		return "pool " + pool + " " + rest
	}
	if r.Method == http.MethodHead && w.Header().Get("Via") != "" {
		return "a pool"
	}
	return fmt.Sprintf("%d %s", w.Code, w.Body)
}

// said is a decision in the same words.
func said(d explain.Decision) string {
	switch {
	case d.Err != nil:
		return fmt.Sprint("error ", d.Status)
	case d.Next:
		return "next"
	case d.Pool != "" && d.Request.Method == http.MethodHead:
		return "a pool"
	case d.Pool != "":
		path, _, _ := strings.Cut(d.Request.URI, "?")
		return fmt.Sprintf("pool %s %s %s", d.Pool, d.Request.Method, path)
	}
	return fmt.Sprintf("%d %s", d.Status, d.Body)
}
