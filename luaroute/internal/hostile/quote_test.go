package hostile

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// TestAnErrorQuotesTheBeginningOfWhatIsLong has each error quote a string that takes four times as much when it is quoted, which no budget
// counts: the error is made when the function has ended, or by a method that only looks for a name.
func TestAnErrorQuotesTheBeginningOfWhatIsLong(t *testing.T) {
	const size, most = 4 << 20, 12 << 20
	fails := map[string]string{
		"a pool":                `return long`,
		"a pool of proxy":       `return route.proxy(long)`,
		"a field of req":        `return req[long]`,
		"a field of res":        `return res[long]`,
		"a key of a response":   `return { status = 200, [long] = 1 }`,
		"a key of headers":      `return 200, "x", { [long] = print }`,
		"a variable":            `req:var(long, print)`,
		"a variable of two":     `req:var(long, {})`,
		"a log field":           `req:log_field(long, print)`,
		"an option":             `collectgarbage(long)`,
		"a module":              `require(long)`,
		"a request header":      `req:set_header(long, "x")`,
		"a response header":     `res.headers[long] = "x"`,
		"a value of a header":   `res.headers.X = long`,
		"a value of a request":  `req:set_header("X", long)`,
		"a method":              `req:set_method(long)`,
		"a host":                `req:set_host(long)`,
		"a path":                `req:set_path(long)`,
		"a URI":                 `req:set_uri(long)`,
		"a query":               `req:set_raw_query(long)`,
		"a cookie":              `res:cookie({ name = long, value = "x" })`,
		"a key of a cookie":     `res:cookie({ name = "a", value = "x", [long] = 1 })`,
		"a cookie's path":       `res:cookie({ name = "a", value = "x", path = long })`,
		"a cookie's site":       `res:cookie({ name = "a", value = "x", same_site = long })`,
		"Vary":                  `res:vary(long)`,
		"a redirect":            `return route.redirect(long)`,
		"an answer's header":    `return route.respond(200, "x", { [long] = "x" })`,
		"an answer's key":       `return route.respond({ [long] = "x" })`,
		"an option of a proxy":  `return route.proxy("x", { [long] = "x" })`,
		"a matcher":             `return route.matcher(long, {})`,
		"a handler":             `return route.handler(long, {})`,
		"a file":                `return route.read(long)`,
		"a variable of env":     `return route.env(long)`,
		"a placeholder":         `return 200, req:expand("{" .. long .. "}")`,
		"an option of JSON":     `return require("json").decode("1", { [long] = 1 })`,
		"a value of JSON":       `return require("json").decode(long)`,
		"a field of log":        `require("log").info("x", { [long] = print })`,
		"a UUID":                `return require("uuid").parse(long)`,
		"a status":              `return long, "x"`,
		"the status of a table": `return { status = long }`,
		"an error's status":     `return route.error(long)`,
		"an error's message":    `return route.error(500, long)`,
		"a name of a route":     `return route:url(long)`,
		"a code":                `return loadstring(long)`,
		"a code's name":         `return loadstring("x x", long)`,
		"a format":              `return string.format("%y" .. long)`,
		"a date":                `return os.date(long)`,
		"a global":              `return _G[long]()`,
		"a global that is set":  `_G[long] = 1`,
		"a field of a library":  `string[long] = 1`,
		"a number":              `return 1 + long`,
		"a comparison":          `return 1 < long`,
		"a loop":                `for i = long, 1 do end`,
		"setmetatable":          `setmetatable(long, long)`,
	}
	text := fmt.Sprintf("local route = require('luaroute')\nlocal function made() return ('\\0'):rep(%d) end\n", size)
	text += "route:get('/nothing', function() local long = made() return 204 end)\n"
	paths := map[string]string{}
	for name, body := range fails {
		paths[name] = fmt.Sprintf("/%d", len(paths))
		text += fmt.Sprintf("route:get(%q, function(req, res) local long = made() %s end)\n", paths[name], body)
	}
	site := setup().Within(vm.Limits{CPU: soon, Memory: 64 << 20}).Serve(t, text)
	usual := allocated(site, "/nothing")
	for name, path := range paths {
		if got := allocated(site, path); got > usual+most {
			t.Errorf("%s: %d KiB are allocated; without an error %d", name, got>>10, usual>>10)
		}
	}
}

// allocated is what the second of two requests allocates, in bytes.
func allocated(site *luatest.Site, path string) uint64 {
	var before, after runtime.MemStats
	_, _ = site.Try("GET "+path, "")
	runtime.ReadMemStats(&before)
	_, _ = site.Try("GET "+path, "")
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
