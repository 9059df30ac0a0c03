package hook_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// What a function has written, but not sent, is forgotten if the function fails; then the error is answered. gone is the answer of a connection
// that breaks.
func TestWhatWasWrittenBeforeAnErrorIsForgottenUnlessItHasLeft(t *testing.T) {
	t.Parallel()
	const gone = "gone"
	for _, row := range []struct{ name, site, want string }{
		{"an error", `route:get("/x", function(req, res) res:write("a") error("no") end)`, "500"},
		{"JSON and an error", `route:get("/x", function(req, res) res:json({ 1 }) error("no") end)`, "500"},
		{"nothing written and an error", `route:get("/x", function(req, res) res:write("") error("no") end)`, "500"},
		{"many pieces and an error", `route:get("/x", function(req, res) for i = 1, 2048 do res:write("a") end error("no") end)`, "500"},
		{"an endless loop", `route:get("/x", function(req, res) res:write("a") while true do end end)`, "503"},
		{"an answer as well", `route:get("/x", function(req, res) res:write("a") return "p" end)`, "500"},
		{"a status as well", `route:get("/x", function(req, res) res:write("a") return 204 end)`, "500"},
		{"the name of no pool", `route:get("/x", function(req, res) res:write("a") return "none" end)`, "500"},
		{"more than is held", `route:get("/x", function(req, res) for i = 1, 2049 do res:write("a") end error("no") end)`, gone},
		{"one piece of more than is held", `route:get("/x", function(req, res) res:write(("a"):rep(2049)) error("no") end)`, gone},
		{"a flush", `route:get("/x", function(req, res) res:write("a") res:flush() error("no") end)`, gone},
		{"a redirect", `route:get("/x", function(req, res) res:redirect("/y") error("no") end)`, gone},
		{"middleware", `route:with(function(req, res) res:write("a") error("no") end):get("/x", "p")`, "500"},
		{"a wrapper", `route:with(function(req, res, next) res:write("a") error("no") end):get("/x", "p")`, "500"},
		{"a wrapper that goes on", `route:with(function(req, res, next) res:write("a") next() error("no") end):get("/x", "p")`, "200 aGET /x"}, // all of it has left
		{"a wrapper that answers for what failed in it", `route:with(function(req, res, next) if not pcall(next) then return 202, "b" end end)
			:get("/x", function(req, res) res:write("a") error("no") end)`, "202 b"},
		{"a wrapper that writes for what failed in it", `route:with(function(req, res, next) if not pcall(next) then res:write("b") end end)
			:get("/x", function(req, res) res:write("a") error("no") end)`, "200 b"},
		{"an error that is caught", `route:get("/x", function(req, res) pcall(function() res:write("a") error("no") end) res:write("b") end)`, "200 ab"},
		{"on_error answers", `route:on_error(function(req, res, failure) return 200, failure.kind .. tostring(failure.status) end)
			route:get("/x", function(req, res) res:write("a") error("no") end)`, "200 script500"},
		{"on_error writes", `route:on_error(function(req, res, failure) res.status = 418 res:write("b") end)
			route:get("/x", function(req, res) res.headers["X-A"] = "b" res:write("a") error("no") end)`, "418 b"},
		{"on_error fails, too", `route:on_error(function(req, res, failure) res:write("b") error("no") end)
			route:get("/x", function(req, res) res:write("a") error("no") end)`, "500"},
		{"on_headers fails", `route:get("/x", function(req, res) res:on_headers(function() error("no") end) res:write("a") end)`, "500"},
		{"pieces of on_body", `route:get("/x", function(req, res) res:on_body(function(p) return p ~= "" and "[" .. p .. "]" or p end) res:write("a") res:write("b") end)`, "200 [a][b]"},
		{"the status is that of before", `route:get("/x", function(req, res) res.status = 203 res:write("a") end)`, "203 a"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{}.Serve(t, head(t)+row.site)
			a, err := site.Try("/x", "")
			if got := a.String(); err != nil && row.want != gone || err == nil && got != row.want {
				t.Errorf("got %s, %v; want %s", got, err, row.want)
			}
			if a.Status >= 500 && a.Header.Get("Content-Type") != "" {
				t.Errorf("the error has the type %q of what was written", a.Header.Get("Content-Type"))
			}
		})
	}
}

// While something is held the response has begun, as far as the function can see.
func TestAResponseHasBegunOnceAPieceIsWritten(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]string{
		"res.status":      `res.status = 404`,
		"res.headers":     `res.headers["X-A"] = "b"`,
		"res:add_header":  `res:add_header("X-A", "b")`,
		"res:redirect":    `res:redirect("/")`,
		"res:json":        `res:json({})`,
		"res:on_headers":  `res:on_headers(function() end)`,
		"res:on_body":     `res:on_body(function() end)`,
		"res:cookie":      `res:cookie({ name = "a", value = "b" })`,
		"res:vary":        `res:vary("X-A")`,
		"no status 204":   `res.status = 204`,
		"another wrapper": `error("response has begun")`,
	} {
		site := luatest.Setup{}.Serve(t, head(t)+`route:get("/x", function(req, res)
			res:write("a") local ok, err = pcall(function() `+late+` end) res:write(tostring(ok) .. tostring(err)) end)`)
		if a := site.Do(t, "/x", ""); a.Status != http.StatusOK || !strings.HasPrefix(a.Body, "afalse") || !strings.Contains(a.Body, "response has begun") {
			t.Errorf("%s: got %s", name, a)
		}
	}
}

func TestPiecesThatHaveNoBytesTakeNoMemory(t *testing.T) {
	var before, after runtime.MemStats
	site := luatest.Setup{}.Serve(t, head(t)+`route:get("/x", function(req, res) for i = 1, 100000 do res:write("") end res:write("a") end)`)
	site.Do(t, "/x", "")
	runtime.ReadMemStats(&before)
	a := site.Do(t, "/x", "")
	runtime.ReadMemStats(&after)
	if made := after.TotalAlloc - before.TotalAlloc; a.String() != "200 a" || made > 3<<20 {
		t.Errorf("got %s and %s", a, fmt.Sprint(made>>10, " KiB"))
	}
}
