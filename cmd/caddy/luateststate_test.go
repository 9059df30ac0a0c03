package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatTestsWriteIsSeenWhereItBelongs has tests write to kv, in setups, before each, in themselves and by the requests that they simulate.
func TestWhatTestsWriteIsSeenWhereItBelongs(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{
		"Caddyfile": "http://:8080 {\n\tluaroute {\n\t\tscript $dir/main.lua\n\t}\n}\n",
		"main.lua": `
			local route, kv = require("luaroute"), require("kv")
			route:get("/count", function() return 200, tostring(kv.incr("n", 1, { ttl = 60 })) end)
			route:get("/keys", function() return 200, table.concat(kv.keys(), ",") end)
			local once = route.limit{ name = "once", rate = 1, per = 3600 }
			route:with(once):get("/once", { body = "in" })`,
		"main_test.lua": `
			local route, kv = require("luaroute"), require("kv")
			local function ask(path, now) return route.simulate({ path = path, now = now }).body end
			setup(function() kv.set("file", 1) end)
			it("begins with what the file has set up", function()
				expect(ask("/keys")):equals("file")
				expect(ask("/count")):equals("1")
				expect(ask("/count")):equals("2")
			end)
			describe("a group", function()
				setup(function() kv.set("n", 10); ask("/count") end)
				before_each(function() kv.incr("each") end)
				it("begins with what its setup has written, also by requests", function()
					expect(ask("/count")):equals("12")
					expect(kv.get("each")):equals(1)
				end)
				it("does not see what another test has written", function()
					expect(ask("/count")):equals("12")
					expect(kv.get("each")):equals(1)
					kv.delete("file")
					expect(ask("/keys")):equals("each,n")
				end)
				describe("in a group", function()
					setup(function() kv.set("n", 20) kv.delete("file") end)
					it("begins with both", function()
						expect(ask("/count")):equals("21")
						expect(ask("/keys")):equals("each,n")
					end)
					teardown(function() assert(kv.get("n") == 20, "what tests have written is seen behind them") kv.set("n", 99) end)
				end)
				it("does not see what a group in it has written", function()
					expect(ask("/count")):equals("12")
					expect(kv.get("file")):equals(1)
				end)
			end)
			it("does not see what a group has written", function()
				expect(kv.get("n")):equals(nil)
				expect(kv.get("each")):equals(nil)
			end)
			it("ends by the time of requests", function()
				expect(ask("/count", "2026-05-04T10:00:00Z")):equals("1")
				expect(ask("/count", "2026-05-04T10:00:59Z")):equals("2")
				expect(ask("/count", "2026-05-04T10:01:00Z")):equals("1")
			end)
			it("is not limited", function()
				for _ = 1, 3 do expect(ask("/once")):equals("in") end
			end)`,
	})
	out, _, code := caddyOutput(t, "luaroute", "test", "--config", filepath.Join(dir, "Caddyfile"), filepath.Join(dir, "main_test.lua"))
	if code != 0 || !strings.HasSuffix(out, "\n8 tests, 0 failed\n") {
		t.Errorf("exit code %d and\n%s", code, out)
	}
}
