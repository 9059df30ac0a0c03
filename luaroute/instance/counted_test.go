package instance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/internal/testcaddy"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

const counts = `local route = require("luaroute")
	local jobs = route.metric{ name = "jobs", kind = "gauge" }
	route.metric{ name = "cache", labels = { result = { "hit" } } }
	route:get("/x", { when = function(req) req:count("cache") return true end }, function(req)
		req:count("cache", 1, { result = "hit" })
		jobs:set(40)
		return 204
	end)`

// counted returns the sum of what a table's scripts have counted.
func counted(l *loaded) (sum float64) {
	for _, m := range l.machines[""].Customs {
		m.Each(func(_ []string, value float64) { sum += value })
	}
	return sum
}

func TestFilesOfTestsCountNothing(t *testing.T) {
	ctx := testcaddy.Context(t)
	host := Host{Pools: pool.NewSet(ctx), Emit: func(string, map[string]any) {}}
	t.Cleanup(host.Pools.Close)
	raw, err := json.Marshal(map[string]string{"source": "inline", "name": "main.lua", "code": counts})
	if err != nil {
		t.Fatal(err)
	}
	i, err := New(ctx, &config.Instance{Name: t.Name(), Scripting: config.Scripting{SourcesRaw: []json.RawMessage{raw}}}, host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Retire)
	file := filepath.Join(t.TempDir(), "x_test.lua")
	code := `it("counts", function() expect(require("luaroute").simulate{ path = "/x" }.status):equals(204) end)`
	if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	tests, err := NewTests(t.Context(), ctx, host, i, new(simulate.Bench), new(source.Trace))
	if err != nil {
		t.Fatal(err)
	}
	defer tests.Close()
	if got := tests.Run(t.Context(), file); got.Failure != nil || len(got.Tests) != 1 || got.Tests[0].Failure != nil {
		t.Fatalf("the test ended with %+v", got)
	}
	if n := counted(tests.of); n != 0 {
		t.Errorf("the tests have counted %g", n)
	}
	if n := counted(i.State().loaded); n != 0 {
		t.Errorf("the tests have counted %g in what serves", n)
	}
}
