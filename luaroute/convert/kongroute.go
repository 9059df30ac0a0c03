package convert

import (
	"slices"
	"strings"
)

// route adds what a route of Kong becomes: a route for each pattern.
func (k *kong) route(o *object, name, pool, host, base string, plugins map[string]*object) {
	if o.has("name") {
		name = o.text("name")
	}
	when, ok := k.guard(o, name)
	if o.has("expression") {
		k.Drop(o.lineOf("expression"), "the route %s is dropped: expressions have no counterpart", name)
		ok = false
	}
	paths := o.texts("paths")
	if len(paths) == 0 {
		paths = []word{{"/", o.line}}
	}
	strip, keepHost := o.flag("strip_path", true), o.flag("preserve_host", false)
	with, handler, ip := k.policies(plugins, name)
	priority := o.whole("regex_priority", 0)
	o.ignore("_comment", "tags", "id", "service", "protocols", "https_redirect_status_code", "path_handling", "request_buffering", "response_buffering")
	o.rest("the route " + name)
	if !ok {
		return
	}
	for _, path := range paths {
		patterns, options := k.patterns(path, name, strip, base)
		if !keepHost && host != "" {
			options = options.with("headers", table{{"set", table{{"Host", literal(host)}}}})
		}
		to := handler
		if to == "" {
			to = code("route.proxy(" + quoted(pool) + ", " + lua(options) + ")")
			if len(options) == 0 {
				to = code(quoted(pool))
			}
		}
		for _, pattern := range patterns {
			r := route{line: path.line, name: name, pattern: pattern, when: when, with: with, handler: to, priority: priority}
			if len(ip) == 0 {
				k.out.routes = append(k.out.routes, r)
				continue
			}
			refusal := r
			r.when = table{{"all", append(slices.Clone(ip), field{value: when})}}
			if len(when) == 0 {
				r.when = ip[0].value.(table)
			}
			refusal.handler, refusal.fallback = "route.error(403)", true
			k.out.routes = append(k.out.routes, r, refusal)
		}
	}
}

// patterns returns those of a path of Kong, and what forwarding has to do with the path.
func (k *kong) patterns(path word, name string, strip bool, base string) ([]string, table) {
	if expression, ok := strings.CutPrefix(path.text, "~"); ok {
		pattern, open, ok := fromRegexp(expression)
		if !ok {
			k.Drop(path.line, "the path %q of the route %s is dropped: expected text or one expression in each segment", path.text, name)
			return nil, nil
		}
		patterns := []string{pattern}
		if open {
			patterns = append(patterns, pattern+"/*")
		}
		if strip {
			k.Drop(path.line, "the path %q of the route %s is forwarded whole: what an expression has matched is not stripped", path.text, name)
		}
		return patterns, nil
	}
	if !isPath(path.text) {
		k.Drop(path.line, "the path %q of the route %s is dropped: expected plain segments", path.text, name)
		return nil, nil
	}
	var options table
	if prefix := strings.TrimRight(path.text, "/"); strip && prefix != "" {
		options = options.with("strip_prefix", literal(prefix))
	}
	return prefixed(path.text), options
}

// guard is what a route asks besides the path. It is not ok where nothing of it can be asked, which would let everything in.
func (k *kong) guard(o *object, name string) (when table, ok bool) {
	var hosts, methods []string
	for _, host := range o.texts("hosts") {
		if !isHostPattern(host.text) {
			k.Drop(host.line, "the host %q of the route %s is dropped: expected a name, or *.name for one label before it", host.text, name)
			continue
		}
		hosts = append(hosts, strings.ToLower(host.text))
	}
	for _, method := range o.texts("methods") {
		if !isName(strings.ReplaceAll(method.text, "-", "_")) {
			k.fail(method.line, "method %q: expected a name", method.text)
		}
		methods = append(methods, strings.ToUpper(method.text))
	}
	if o.has("hosts") && len(hosts) == 0 {
		k.Drop(o.lineOf("hosts"), "the route %s is dropped: none of its hosts can be asked for", name)
		return nil, false
	}
	when = when.with("host", hosts).with("method", methods)
	var header table
	for field, values := range k.headersOf(o, name) {
		header = header.with(field, values)
	}
	slices.SortFunc(header, func(a, b field) int { return strings.Compare(a.key, b.key) })
	for _, key := range []string{"snis", "sources", "destinations"} {
		if o.has(key) {
			k.Drop(o.lineOf(key), "the route %s is dropped: %s have no counterpart", name, key)
			o.ignore(key)
			return nil, false
		}
	}
	return when.with("header", header), true
}

// headersOf reads the headers that a route asks for.
func (k *kong) headersOf(o *object, name string) map[string][]string {
	all := map[string][]string{}
	within := o.child("headers")
	if within == nil {
		return nil
	}
	for _, field := range within.order {
		for _, value := range within.texts(field) {
			if strings.HasPrefix(value.text, "~*") {
				k.fail(value.line, "the route %s asks for %s by an expression, which has no counterpart", name, field)
			}
			if strings.HasSuffix(value.text, "*") {
				k.fail(value.line, "the route %s asks for %s with a star at its end, which is a prefix here", name, field)
			}
			all[field] = append(all[field], value.text)
		}
	}
	return all
}
