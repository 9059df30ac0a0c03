package convert

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// pluginOrder is the order in which Kong runs the plugins that are converted.
var pluginOrder = []string{
	"cors", "ip-restriction", "key-auth", "request-size-limiting", "acl", "rate-limiting", "request-transformer", "response-transformer", "request-termination",
}

// harmless are plugins that protect nothing and change nothing that is sent.
var harmless = []string{
	"file-log", "http-log", "tcp-log", "udp-log", "syslog", "loggly", "statsd", "datadog", "prometheus", "zipkin", "opentelemetry", "correlation-id", "proxy-cache",
}

// policies turns the plugins of a route into middleware, a handler if one answers, and what the guard of a route has to ask of addresses.
func (k *kong) policies(plugins map[string]*object, route string) (with []string, handler code, ip table) {
	var names []string
	for name := range plugins {
		names = append(names, name)
	}
	rank := func(name string) int {
		if i := slices.Index(pluginOrder, name); i >= 0 {
			return i
		}
		return len(pluginOrder)
	}
	slices.SortFunc(names, func(a, b string) int {
		if by := rank(a) - rank(b); by != 0 {
			return by
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		p := plugins[name]
		if !p.flag("enabled", true) {
			continue
		}
		c := p.child("config")
		switch name {
		case "cors":
			with = append(with, k.cors(c))
		case "ip-restriction":
			ip = k.addresses(c)
		case "key-auth":
			with = append(with, k.keys(c, p.line))
		case "request-size-limiting":
			with = append(with, k.out.policyOf("max_body", fmt.Sprintf("route.max_body(%q)", fmt.Sprintf("%dMiB", max(c.whole("allowed_payload_size", 128), 1)))))
			c.ignore("size_unit", "require_content_length")
		case "acl":
			with = append(with, k.groups(c, p.line))
		case "rate-limiting":
			with = append(with, k.limits(c)...)
		case "request-transformer", "response-transformer":
			with = append(with, k.transformer(name, c)...)
		case "request-termination":
			handler = termination(c)
		default:
			if slices.Contains(harmless, name) {
				k.Drop(p.line, "the plugin %s of %s is dropped: it has no counterpart", name, route)
				continue
			}
			k.Drop(p.line, "the plugin %s has no counterpart: %s answers 501", name, route)
			with = append([]string{k.out.closed()}, with...)
			continue
		}
		c.rest("the plugin " + name)
	}
	return with, handler, ip
}

func textsOf(words []word) []string {
	var all []string
	for _, w := range words {
		all = append(all, w.text)
	}
	return all
}

func (k *kong) cors(c *object) string {
	origins, methods, headers := textsOf(c.texts("origins")), textsOf(c.texts("methods")), textsOf(c.texts("headers"))
	for _, origin := range origins {
		if strings.ContainsAny(origin, `\^$()[]+`) {
			k.Drop(c.lineOf("origins"), "the origin %q is dropped: expressions have no counterpart", origin)
		}
	}
	origins = slices.DeleteFunc(origins, func(o string) bool { return strings.ContainsAny(o, `\^$()[]+`) })
	credentials := c.flag("credentials", false)
	if !c.has("origins") {
		origins = []string{"*"}
	}
	if credentials && slices.Contains(origins, "*") {
		k.Drop(c.lineOf("credentials"), "credentials are dropped: no browser allows them to all origins")
		credentials = false
	}
	if len(origins) == 0 {
		return k.out.closed()
	}
	if len(methods) == 0 {
		methods = []string{"*"}
	}
	if len(headers) == 0 {
		headers = []string{"*"}
	}
	t := table{}.with("origins", origins).with("methods", methods).with("headers", headers).with("expose", textsOf(c.texts("exposed_headers")))
	if credentials {
		t = t.with("credentials", true)
	}
	if age := c.whole("max_age", 0); age > 0 {
		t = t.with("max_age", age)
	}
	return k.out.policy("cors", t, "route.cors")
}

// addresses are guards of addresses that may pass.
func (k *kong) addresses(c *object) (ip table) {
	if allow := append(textsOf(c.texts("allow")), textsOf(c.texts("whitelist"))...); len(allow) > 0 {
		ip = append(ip, field{value: table{{"ip", allow}}})
	}
	if deny := append(textsOf(c.texts("deny")), textsOf(c.texts("blacklist"))...); len(deny) > 0 {
		ip = append(ip, field{value: table{{"not", table{{"ip", deny}}}}})
	}
	if len(ip) > 1 {
		ip = table{{value: table{{"all", ip}}}}
	}
	c.ignore("status", "message")
	return ip
}

func (k *kong) keys(c *object, at int) string {
	name := "apikey"
	if names := c.texts("key_names"); len(names) > 0 {
		if name = names[0].text; len(names) > 1 {
			k.Drop(names[1].line, "only %s is asked for: a policy asks for one name", name)
		}
	}
	from := "header:"
	if !c.flag("key_in_header", true) && c.flag("key_in_query", true) {
		from = "query:"
	}
	c.ignore("key_in_query", "key_in_body", "run_on_preflight", "realm")
	if c.has("anonymous") && c.text("anonymous") != "" {
		k.Drop(c.lineOf("anonymous"), "anonymous is dropped: a key is asked for")
	}
	var people table
	for _, p := range k.people {
		if len(p.keys) == 0 {
			continue
		}
		groups := make(table, len(p.groups))
		for i, group := range p.groups {
			groups[i] = field{value: group}
		}
		people = append(people, field{value: table{}.with("name", p.name).with("groups", groups).with("key", p.keys)})
	}
	if len(people) == 0 {
		k.Drop(at, "no consumer has a key: the routes answer 501")
		return k.out.closed()
	}
	t := table{{"from", from + name}, {"consumers", people}}
	if !c.flag("hide_credentials", false) {
		t = t.with("keep", true)
	}
	return k.out.policy("keys", t, "route.keys")
}

func (k *kong) groups(c *object, at int) string {
	allow := append(textsOf(c.texts("allow")), textsOf(c.texts("whitelist"))...)
	c.ignore("hide_groups_header", "always_use_authenticated_groups")
	if len(allow) == 0 {
		k.Drop(at, "groups that are denied have no counterpart: the routes answer 501")
		return k.out.closed()
	}
	return k.out.policy("allow", table{}.with("groups", groupsOf(allow)), "route.allow")
}

func groupsOf(names []string) table {
	all := make(table, len(names))
	for i, name := range names {
		all[i] = field{value: name}
	}
	return all
}

func (k *kong) limits(c *object) (with []string) {
	key := "client_ip"
	switch by := c.text("limit_by"); by {
	case "ip":
	case "header":
		key = "header:" + c.text("header_name")
	default:
		k.Drop(c.lineOf("limit_by"), "the limit counts by address: %q has no counterpart", by)
	}
	for _, unit := range []struct {
		name string
		per  int
	}{{"second", 1}, {"minute", 60}, {"hour", 3600}, {"day", 86400}} {
		if rate := c.whole(unit.name, 0); rate > 0 {
			name := fmt.Sprintf("%s_%d_%d", unit.name, c.line, c.column) // each has a name of its own
			with = append(with, k.out.policy("limit", table{{"name", name}, {"rate", rate}, {"per", unit.per}, {"burst", rate}, {"key", key}}, "route.limit"))
		}
	}
	c.ignore("policy", "fault_tolerant", "hide_client_headers", "redis_host", "redis_port", "redis", "error_code", "error_message", "sync_rate")
	return with
}

// nameByte replaces what the name of a limit or a cookie cannot have.
func nameByte(c rune) rune {
	if c < 0x80 && (isName("_"+string(c)) || c == '-' || c == '.') {
		return c
	}
	return '_'
}

// transformer converts changes of headers. What is added only where it is missing takes a line of Lua.
func (k *kong) transformer(name string, c *object) (with []string) {
	side := strings.TrimSuffix(name, "-transformer")
	add, replace := pairs(k, c.child("add")), pairs(k, c.child("replace"))
	appended := pairs(k, c.child("append"))
	var set, replaced table
	for _, p := range replace {
		if slices.ContainsFunc(add, func(a field) bool { return a.key == p.key && a.value == p.value }) {
			set = append(set, p)
			continue
		}
		replaced = append(replaced, field{p.key, table{{"pattern", "(?s)^.*$"}, {"with", strings.ReplaceAll(p.value.(string), "$", "$$")}}})
	}
	for _, p := range add {
		switch {
		case slices.ContainsFunc(set, func(s field) bool { return s.key == p.key }):
		case side == "request":
			with = append(with, k.out.policyOf("add", fmt.Sprintf("function(req) if not req:header(%s) then req:set_header(%[1]s, %s) end end", quoted(p.key), quoted(p.value.(string)))))
		default:
			with = append(with, k.out.policyOf("add", fmt.Sprintf("function(req, res) res:on_headers(function(res) if not res:header(%s) then res.headers[%[1]s] = %s end end) end",
				quoted(p.key), quoted(p.value.(string)))))
		}
	}
	for i := range set {
		set[i].value = literal(set[i].value.(string))
	}
	for i := range appended {
		appended[i].value = literal(appended[i].value.(string))
	}
	var remove []string
	removed := c.child("remove")
	for _, w := range removed.texts("headers") {
		remove = append(remove, w.text)
	}
	removed.rest("remove")
	changes := table{}.with("remove", remove).with("set", set).with("add", appended).with("replace", replaced)
	if len(changes) > 0 {
		with = append([]string{k.out.policy("headers", table{{side, changes}}, "route.headers")}, with...)
	}
	return with
}

// pairs reads changes such as "X-A: b".
func pairs(k *kong, o *object) (all table) {
	for _, w := range o.texts("headers") {
		name, value, _ := strings.Cut(w.text, ":")
		value = strings.TrimSpace(value)
		if strings.Contains(value, "$(") || strings.HasPrefix(value, "$") {
			k.Drop(w.line, "the header %s is dropped: its value is made of Lua for Kong, or a variable", name)
			continue
		}
		all = append(all, field{name, value})
	}
	o.rest("the transformer")
	return all
}

// termination is an answer.
func termination(c *object) code {
	answer := table{{"status", c.whole("status_code", 503)}}
	body, kind := c.text("body"), c.text("content_type")
	if message := c.text("message"); body == "" {
		if message == "" {
			message = "Service unavailable"
		}
		text, _ := json.Marshal(map[string]string{"message": message})
		body, kind = string(text), "application/json; charset=utf-8"
	}
	answer = answer.with("body", body)
	if kind != "" {
		answer = answer.with("headers", table{{"Content-Type", literal(kind)}})
	}
	return code(lua(answer))
}
