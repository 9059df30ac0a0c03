package hook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

func TestFailuresOfRequestsDoNotFloodTheLog(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{}.Serve(t, `local route = require("luaroute")
route:get("/same", function() error("broken") end)
route:get("/long", function() error(("x"):rep(100000)) end)`)
	start := time.Now()
	for range 90 {
		if a := site.Do(t, "/same", ""); a.String() != "500" {
			t.Fatalf("got %s", a)
		}
	}
	seconds := int(time.Since(start)/time.Second) + 2 // those that have begun
	lines := site.Logs.FilterMessage("script failed").Len()
	if lines < 10 || lines > 10*seconds {
		t.Errorf("90 failures in less than %d seconds gave %d lines", seconds, lines)
	}
	site.Do(t, "/long", "")
	entries := site.Logs.FilterMessage("script failed").All()
	last := entries[len(entries)-1].ContextMap()
	message, _ := last["error"].(string)
	if !strings.HasPrefix(message, "main.lua:3: xxx") || len(message) > 5000 {
		t.Errorf("the line has %d bytes: %.100s", len(message), message)
	}
	for range 91 {
		if err := <-site.Errors; len(err.Error()) > 5000 {
			t.Errorf("an error for Caddy's log has %d bytes", len(err.Error()))
		}
	}
}
