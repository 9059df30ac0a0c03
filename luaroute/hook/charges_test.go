package hook_test

import (
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	luabase64 "github.com/luaroute/caddy-luaroute/luaroute/lib/base64"
	luare "github.com/luaroute/caddy-luaroute/luaroute/lib/re"
	luaurl "github.com/luaroute/caddy-luaroute/luaroute/lib/url"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// long is the size of the texts that the calls below get.
const long = 1 << 20

// What a Go function does counts, at the latest for the next call: that one finds the budget used up, and makes nothing. The loop around them has too few
// instructions to look at the clock by itself. Not parallel, since it counts all that is allocated.
func TestTheWorkOfOneCallEndsABudgetBeforeTheNext(t *testing.T) {
	libraries := map[string]vm.Library{"base64": luabase64.Library{}, "re": luare.Library{}, "url": luaurl.Library{}}
	for name, call := range map[string]string{
		"json.encode":          `json.encode({ text, text })`,
		"json.decode":          `json.decode(quoted)`,
		"url.build_query":      `url.build_query({ a = text })`,
		"url.escape":           `url.escape(text)`,
		"url.escape_path":      `url.escape_path(text)`,
		"url.unescape":         `url.unescape(text)`,
		"url.parse_query":      `url.parse_query(text)`,
		"base64.encode":        `base64.encode(text)`,
		"base64.decode":        `base64.decode(text)`,
		"re.gsub":              `re.gsub(text, "x", "yy")`,
		"string.format":        `("%s%s"):format(text, text)`,
		"string.format %q":     `("%q"):format(text)`,
		"string.rep":           `text:rep(3)`,
		"string.reverse":       `text:reverse()`,
		"string.upper":         `text:upper()`,
		"string.gsub":          `text:gsub("x", "yy")`,
		"table.concat":         `table.concat({ text, text })`,
		"req:set_body":         `req:set_body(text)`,
		"req:expand":           `req:expand(text:sub(1, 500000))`,
		"req:set_json":         `req:set_json(text)`,
		"log.info":             `log.info(text)`,
		"log.info with fields": `log.info("m", { a = text, b = { text } })`,
		"print":                `print(text)`,
		"string.byte":          `text:byte(1, 7000)`,
		"table.maxn":           `table.maxn(many)`,
		"url.parse":            `url.parse("http://h/" .. text)`,
	} {
		serve := func(cpu time.Duration, calls int) (luatest.Answer, uint64) {
			site := luatest.Setup{Libraries: libraries, Limits: config.Limits{CPU: caddy.Duration(cpu)}}.Serve(t, fmt.Sprintf(`
				local route, json, url, re, log, base64 = require("luaroute"), require("json"), require("url"), require("re"),
					require("log"), require("base64")
				local text = ("x"):rep(%d)
				local quoted = '"' .. text .. '"'
				local many = {}
				for i = 1, 2000 do many[i] = i end
				local function call(req) return %s end
				route:get("/", function(req)
					for i = 1, %d do call(req) end
					return 204
				end)`, long, call, calls))
			site.Do(t, "/none", "")
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			a := site.Do(t, "/", "")
			runtime.ReadMemStats(&after)
			return a, after.TotalAlloc - before.TotalAlloc
		}
		a, one := serve(time.Hour, 1)
		if a.Status != http.StatusNoContent {
			t.Errorf("%s: with much time: %s", name, a)
		}
		a, made := serve(time.Microsecond, 10)
		if most := 2*one + 512<<10; a.Status != http.StatusServiceUnavailable || made > most {
			t.Errorf("%s: with little time ten calls got %s, and %d KiB were allocated; want at most %d, of two", name, a, made>>10, most>>10)
		}
	}
}
