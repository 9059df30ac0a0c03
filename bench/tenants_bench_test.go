package main

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// manyTenants are the ways in which a fleet of customers is declared. Each tenant has a host, a pool and a function.
var manyTenants = []struct {
	name   string
	config func(n int) object
}{
	{"config", func(n int) object {
		return fleet(n, func(i int) object {
			return object{"pools": ownPool(i), "use_pool": "own"}
		})
	}},
	{"script", func(n int) object {
		return object{"handler": "luaroute", "sources": inline("main.lua", fmt.Sprintf(`
			local route = require("luaroute")
			for i = 0, %d do
				route:tenant("tenant" .. i, { hosts = { "shop-" .. i .. ".example" } }, function(r)
					r:pool("own", { "10.0." .. math.floor(i / 200) .. "." .. i %% 200 + 1 .. ":80" })
					r:get("/orders/{id}", function(req) return 204 end)
					r:any("/*", "own")
				end)
			end`, n-1))}
	}},
	{"isolated", func(n int) object {
		return fleet(n, func(i int) object {
			return object{"pools": ownPool(i), "sources": inline(fmt.Sprintf("tenant%d.lua", i), ownScript)}
		})
	}},
	{"isolated_by_the_same_script", func(n int) object {
		return fleet(n, func(i int) object {
			return object{"pools": ownPool(i), "sources": inline("tenant.lua", ownScript)}
		})
	}},
}

// ownScript is the script of a tenant that has its own virtual machines.
const ownScript = `
	local route = require("luaroute")
	local allowed = { GET = true, HEAD = true }
	local function check(req) if not allowed[req.method] then return 405 end end
	route:use(check)
	route:get("/orders/{id}", function(req) return 204 end)
	route:any("/*", "own")`

// fleet is a configuration of n tenants, each with a host of its own and what else is given.
func fleet(n int, more func(i int) object) object {
	tenants := make([]object, n)
	for i := range tenants {
		tenants[i] = merged(object{"name": fmt.Sprint("tenant", i), "hosts": []string{fmt.Sprintf("shop-%d.example", i)}}, more(i))
	}
	return object{"handler": "luaroute", "tenants": tenants}
}

func ownPool(i int) object {
	return object{"own": forwardTo(fmt.Sprintf("10.0.%d.%d:80", i/200, i%200+1))}
}

func inline(name, code string) []object {
	return []object{{"source": "inline", "name": name, "code": code}}
}

// BenchmarkLoadTenants loads ten thousand tenants, and says how long that takes, what of it is work of the processors (collecting garbage
// on others included), and how much memory the tenants keep.
func BenchmarkLoadTenants(b *testing.B) {
	const n = 10_000
	for _, way := range manyTenants {
		b.Run(way.name, func(b *testing.B) {
			config := way.config(n)
			for b.Loop() {
				before := heap()
				start, cpu := time.Now(), used(b)
				handler := provisionConfig(b, config)
				b.ReportMetric(time.Since(start).Seconds(), "s/load")
				b.ReportMetric((used(b) - cpu).Seconds(), "cpu-s/load")
				b.ReportMetric(float64(heap()-before)/n, "B/tenant")
				runtime.KeepAlive(handler)
			}
		})
	}
}

// used is what this process has used of the processors so far.
func used(b *testing.B) time.Duration {
	b.Helper()
	sum, err := cpuTime(os.Getpid())
	if err != nil {
		b.Fatal(err)
	}
	return sum
}

// BenchmarkAskTenants asks for the tenant in the middle of few and of many, which must cost the same.
func BenchmarkAskTenants(b *testing.B) {
	for _, way := range manyTenants[1:] {
		for _, n := range []int{1, 100, 10_000} {
			b.Run(fmt.Sprintf("%s/%d_tenants", way.name, n), func(b *testing.B) {
				benchURL(b, provisionConfig(b, way.config(n)), fmt.Sprintf("http://shop-%d.example/orders/7", n/2))
			})
		}
	}
}
