package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// samples returns the values of a metric by their labels.
func samples(t *testing.T, c *e2e.Caddy, metric string) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	line := regexp.MustCompile(`(?m)^` + metric + `\{([^\n]*)\} (\S+)$`)
	for _, m := range line.FindAllStringSubmatch(c.Admin(http.MethodGet, "/metrics", "").Body, -1) {
		value, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		all[m[1]] = value
	}
	return all
}

func TestRandomPathsAndHostsMakeNoSeries(t *testing.T) {
	c := e2e.New(t)
	c.Route(`local route = require("luaroute")
		route:get("/items/{id}", { status = 204 })
		route:tenant("acme", { hosts = { "*.acme.test" }, }, function(acme) acme:get("/*", { status = 204 }) end)`)
	random := rand.New(rand.NewPCG(1, 2))
	word := func() string { return strconv.FormatUint(random.Uint64(), 36) }
	var before int
	for i := range 10_000 {
		switch i % 3 {
		case 0:
			c.Get("/items/"+word(), "Host: "+word())
		case 1:
			c.Get("/"+word(), "Host: "+word()+".acme.test")
		case 2:
			c.Send(strings.ToUpper("x"+word()), "/"+word(), nil, "Host: "+word())
		}
		if i == 10 {
			before = len(samples(t, c, "caddy_luaroute_requests_total"))
		}
	}
	if after := samples(t, c, "caddy_luaroute_requests_total"); len(after) != before {
		t.Errorf("%d series became %d: %v", before, len(after), after)
	}
}

func TestARequestThatFailsAfterItsHeaderIsCountedAsAnError(t *testing.T) {
	c := e2e.New(t)
	c.Route(`require("luaroute"):get("/late", function(req, res) res:write("begun") res:flush() error("late") end)`)
	if _, err := c.Try(http.MethodGet, "/late", nil); err == nil {
		t.Error("the response was not broken off")
	}
	e2e.Until(t, "the request is counted", func() bool {
		return samples(t, c, "caddy_luaroute_requests_total")[`code="2xx",instance="main",outcome="error",pattern="/late",tenant=""`] == 1
	})
}

func TestTwoInstancesCountByThemselvesAndOneMayCountNothing(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `require("luaroute"):get("/x", { status = 204 })`)
	c.Start(`http:// {
		handle_path /a/* {
			luaroute {
				script $dir/main.lua
			}
		}
		handle_path /b/* {
			luaroute {
				name second
				script $dir/main.lua
			}
		}
		handle_path /c/* {
			luaroute {
				name silent
				script $dir/main.lua
				metrics off
			}
		}
	}`)
	for i, path := range []string{"/a/x", "/b/x", "/b/x", "/c/x"} {
		if answer := c.Get(path); answer.Status != http.StatusNoContent {
			t.Fatalf("%d: %d", i, answer.Status)
		}
	}
	all := samples(t, c, "caddy_luaroute_requests_total")
	labels := func(instance string) string {
		return fmt.Sprintf(`code="2xx",instance="%s",outcome="responded",pattern="/x",tenant=""`, instance)
	}
	if all[labels("main")] != 1 || all[labels("second")] != 2 || len(all) != 2 {
		t.Errorf("the counts are %v", all)
	}
}

func TestCountsNeverGoDownWhileScriptsReloadAndMetricsAreRead(t *testing.T) {
	c := e2e.New(t)
	c.Route(`require("luaroute"):get("/x", { status = 204 })`)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for _, again := range []func(){
		func() { _, _ = c.Try(http.MethodGet, "/x", nil) },
		func() { _, _ = c.Try(http.MethodPost, "http://$admin/luaroute/main/reload", nil, "Connection: close") },
	} {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					again()
				}
			}
		})
	}
	last := 0.0
	for range 30 {
		now := samples(t, c, "caddy_luaroute_requests_total")[`code="2xx",instance="main",outcome="responded",pattern="/x",tenant=""`]
		if now < last {
			t.Errorf("%g requests became %g", last, now)
		}
		last = now
	}
	close(stop)
	wg.Wait()
	if last == 0 {
		t.Error("nothing was counted")
	}
}

func TestTwoThousandSeriesAreReadAtOnce(t *testing.T) {
	c := e2e.New(t)
	c.Route(`local route = require("luaroute") for i = 1, 1990 do route:get("/r" .. i, { status = 204 }) end`)
	for i := range 1990 {
		c.Get(fmt.Sprintf("/r%d", i+1))
	}
	start := time.Now()
	if all := samples(t, c, "caddy_luaroute_requests_total"); len(all) != 1990 {
		t.Errorf("there are %d series", len(all))
	}
	t.Logf("read in %v, with what the test makes of it", time.Since(start))
}
