package convert

import (
	"fmt"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
)

// script is what a configuration becomes.
type script struct {
	pools  []pool
	routes []route
	// policies are middleware by the name that the script gives them, in their order.
	policies []policy
	counts   map[string]int
	names    map[string]bool // of pools
}

type pool struct {
	name string
	spec table
}

// policy is middleware that the script keeps in a local table, for all routes that have it.
type policy struct{ name, lua string }

// route is one route. A guard of data may be empty.
type route struct {
	line     int
	name     string
	methods  []string // none: all
	pattern  string
	when     table
	with     []string // policies
	priority int      // among routes of one shape
	handler  code
	expect   string // a line of Lua
	fallback bool   // answers where the guard of the route before says no
	closed   bool   // answers 501, since what the file asks for has no counterpart
}

// policy returns the name of middleware in the script; the same Lua is written once.
func (s *script) policy(kind string, call table, function string) string {
	return s.policyOf(kind, function+" "+lua(call))
}

func (s *script) policyOf(kind, lua string) string {
	for _, p := range s.policies {
		if p.lua == lua {
			return p.name
		}
	}
	if s.counts == nil {
		s.counts = map[string]int{}
	}
	s.counts[kind]++
	name := kind
	if n := s.counts[kind]; n > 1 {
		name = fmt.Sprintf("%s_%d", kind, n)
	}
	s.policies = append(s.policies, policy{name, lua})
	return name
}

// closed is the policy of routes whose protection has no counterpart.
func (s *script) closed() string {
	return s.policyOf("closed", `function() return 501, "a policy of this route was not converted\n" end`)
}

// pool declares a pool, unless there is one of this name.
func (s *script) pool(name string, spec table) {
	if s.names == nil {
		s.names = map[string]bool{}
	}
	if !s.names[name] {
		s.names[name] = true
		s.pools = append(s.pools, pool{name, spec})
	}
}

// String writes the script.
func (s *script) String() string {
	var b strings.Builder
	b.WriteString("local route = require(\"luaroute\")\n\n")
	for _, p := range s.pools {
		if !s.uses(p.name) {
			continue
		}
		fmt.Fprintf(&b, "route:pool(%s, %s)\n", quoted(p.name), lua(p.spec))
	}
	if len(s.policies) > 0 {
		b.WriteString("\nlocal with = {}\n")
	}
	for _, p := range s.policies {
		fmt.Fprintf(&b, "with.%s = %s\n", p.name, p.lua)
	}
	b.WriteString("\n")
	for _, r := range s.routes {
		b.WriteString(r.String())
	}
	b.WriteString("route:not_found({ status = 404, body = \"not found\\n\" })\n")
	if slices.ContainsFunc(s.routes, func(r route) bool { return r.expect != "" }) {
		b.WriteString("\n")
		for _, r := range s.routes {
			b.WriteString(r.expect)
		}
	}
	return b.String()
}

// reduce divides the weights of upstreams by what they have in common: Caddy gives as many requests in a row as the weight says.
func reduce(upstreams table) {
	divisor := 0
	for _, u := range upstreams {
		if t, ok := u.value.(table); ok {
			a, b := divisor, t[1].value.(int)
			for b != 0 {
				a, b = b, a%b
			}
			divisor = a
		}
	}
	for _, u := range upstreams {
		if t, ok := u.value.(table); ok && divisor > 1 {
			t[1].value = t[1].value.(int) / divisor
		}
	}
}

// uses reports whether something names a pool.
func (s *script) uses(pool string) bool {
	name := quoted(pool)
	return slices.ContainsFunc(s.routes, func(r route) bool { return strings.Contains(string(r.handler), name) }) ||
		slices.ContainsFunc(s.policies, func(p policy) bool { return strings.Contains(p.lua, name) })
}

func (r route) String() string {
	var b strings.Builder
	b.WriteString("route")
	if len(r.with) > 0 {
		names := make([]string, len(r.with))
		for i, name := range r.with {
			names[i] = "with." + name
		}
		fmt.Fprintf(&b, ":with(%s)", strings.Join(names, ", "))
	}
	switch {
	case len(r.methods) == 0:
		b.WriteString(":any(")
	case len(r.methods) == 1 && ownMethod[r.methods[0]]:
		b.WriteString(":" + strings.ToLower(r.methods[0]) + "(")
	default:
		b.WriteString(":method(" + lua(r.methods) + ", ")
	}
	b.WriteString(quoted(r.pattern))
	if options := (table{}).with("name", r.name).with("when", r.when); len(options) > 0 {
		b.WriteString(", " + lua(options))
	}
	b.WriteString(", " + string(r.handler) + ")\n")
	return b.String()
}

var ownMethod = map[string]bool{
	"GET": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "HEAD": true, "OPTIONS": true, "TRACE": true,
}

// close adds a route that answers 501 where one that has no counterpart would have answered, or may have: else the request would come to a route
// that asks for less. What is known of the guard may be less than the file says, not more.
func (s *script) close(r route, patterns ...string) {
	r.handler, r.with, r.expect, r.closed = "route.error(501)", nil, "", true
	for _, r.pattern = range patterns {
		s.routes = append(s.routes, r)
	}
}

// arrange puts the routes of one shape beside each other, in the order in which they are asked: by priority, those without a guard last unless they
// are closed. It leaves out routes that could never be reached, and notes those.
func (s *script) arrange(src *source) {
	var gone []route
	s.routes = slices.DeleteFunc(s.routes, func(r route) bool {
		_, err := pathmux.Parse(r.pattern)
		if err != nil {
			src.Drop(r.line, "%s has the path %s, which has no counterpart (%s): it answers 501, as all does that begins alike", r.name, r.pattern, err)
			gone = append(gone, r)
		}
		return err != nil
	})
	for _, r := range gone {
		s.close(r, widened(r.pattern)...)
	}
	first := map[string]int{}
	for i, r := range s.routes {
		if _, ok := first[shape(r.pattern)]; !ok {
			first[shape(r.pattern)] = i
		}
	}
	slices.SortStableFunc(s.routes, func(a, b route) int {
		if by := first[shape(a.pattern)] - first[shape(b.pattern)]; by != 0 {
			return by
		}
		if by := a.last() - b.last(); by != 0 {
			return by
		}
		if by := b.priority - a.priority; by != 0 || a.closed == b.closed {
			return by
		}
		if a.closed {
			return -1
		}
		return 1
	})
	taken := map[string]string{}
	s.routes = slices.DeleteFunc(s.routes, func(r route) bool {
		methods := r.methods
		if len(methods) == 0 {
			methods = []string{"*"}
		}
		free := false
		var by string
		for _, method := range methods {
			key := method + " " + shape(r.pattern) + " " + lua(r.when)
			other, there := taken[key]
			for _, whole := range []string{method, "*"} { // a closed route without a guard may come first
				if name, all := taken[whole+" "+shape(r.pattern)+" "+lua(table(nil))]; all {
					other, there = name, true
				}
			}
			if !there {
				free, taken[key] = true, r.name
			}
			by = other
		}
		if !free && !r.fallback {
			src.Drop(r.line, "%s is dropped: its path %s is that of %s", r.name, r.pattern, by)
		}
		return !free
	})
}

// last is 1 for routes that take what is left.
func (r route) last() int {
	if len(r.when) > 0 || r.closed {
		return 0
	}
	return 1
}

// knownPart is the beginning of a path that is text, in whole segments.
func knownPart(path string) string {
	for !isPath(path) || strings.ContainsAny(path, "{}*") {
		cut := strings.LastIndexByte(path, '/')
		if cut <= 0 {
			return ""
		}
		path = path[:cut]
	}
	return strings.TrimRight(path, "/")
}

// widened returns patterns of at least the paths that begin with something that is no pattern.
func widened(path string) []string {
	if known := knownPart(path); known != "" {
		return prefixed(known)
	}
	return []string{"/*"}
}

// shape is a pattern without the names of its parameters.
func shape(pattern string) string {
	p, _ := pathmux.Parse(pattern)
	return p.Key()
}
