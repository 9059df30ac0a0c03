package main

import (
	"fmt"
	"strconv"
)

// many are variants with n routes or hosts, of which the last is asked for.

// manyRoutes are n routes in a script that are data.
func manyRoutes(n int) variant {
	return variant{
		name: fmt.Sprintf("routes-%d", n), what: fmt.Sprintf("luaroute with %s", count(n, "route")),
		path: fmt.Sprintf("/api/v%d/service%d/42", (n-1)%10, n-1),
		script: fmt.Sprintf(`
			for i = 0, %d do route:get("/api/v" .. i %% 10 .. "/service" .. i .. "/{id}", "origin") end`, n-1),
	}
}

// manyNativeRoutes are n routes of Caddy's own.
func manyNativeRoutes(n int) variant {
	v := manyRoutes(n)
	v.name, v.what, v.script = fmt.Sprintf("native-routes-%d", n), fmt.Sprintf("Caddy with %s", count(n, "route")), ""
	v.native = func(proxy object) []object {
		return each(n, proxy, func(i int) object {
			return object{"method": []string{"GET"}, "path": []string{fmt.Sprintf("/api/v%d/service%d/*", i%10, i)}}
		})
	}
	return v
}

// manyHosts are n hosts in a script, each a tenant with everything in one pool.
func manyHosts(n int) variant {
	return variant{
		name: fmt.Sprintf("hosts-%d", n), what: fmt.Sprintf("luaroute with %s", count(n, "host")),
		host: fmt.Sprintf("h%d.example", n-1),
		script: fmt.Sprintf(`
			for i = 0, %d do route:tenant("t" .. i, { hosts = { "h" .. i .. ".example" }, pool = "origin" }) end`, n-1),
	}
}

// manyNativeHosts are n hosts of Caddy's own.
func manyNativeHosts(n int) variant {
	v := manyHosts(n)
	v.name, v.what, v.script = fmt.Sprintf("native-hosts-%d", n), fmt.Sprintf("Caddy with %s", count(n, "host")), ""
	v.native = func(proxy object) []object {
		return each(n, proxy, func(i int) object { return object{"host": []string{fmt.Sprintf("h%d.example", i)}} })
	}
	return v
}

// each returns n routes that forward, each with a matcher of its own.
func each(n int, proxy object, matcher func(i int) object) []object {
	all := make([]object, n)
	for i := range all {
		all[i] = object{"match": []object{matcher(i)}, "handle": []object{reverseProxy(proxy)}, "terminal": true}
	}
	return all
}

// count is a number of things in words: 1 route, 10,000 routes.
func count(n int, thing string) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if n != 1 {
		thing += "s"
	}
	return digits + " " + thing
}
