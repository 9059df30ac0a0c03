package convert

import (
	"regexp"
	"slices"
	"strings"
)

// route adds what a route of Kong becomes: a route for each pattern.
func (k *kong) route(o *object, name, pool, host, base string, plugins map[string]*object) {
	if o.has("name") {
		name = o.text("name")
	}
	guard := k.guard(o, name)
	paths := k.paths(o, name)
	strip, keepHost := o.flag("strip_path", true), o.flag("preserve_host", false)
	with, handler, ip := k.policies(plugins, name)
	priority := o.whole("regex_priority", 0)
	o.ignore("_comment", "tags", "id", "service", "protocols", "https_redirect_status_code", "path_handling", "request_buffering", "response_buffering")
	o.rest("the route " + name)
	k.close(paths, name, guard.closes)
	if !guard.open {
		return
	}
	when := guard.when
	for _, path := range paths {
		patterns, options := k.patterns(path, name, strip, base)
		if patterns == nil {
			k.close([]word{path}, name, []table{when})
		}
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

// paths are those of a route.
func (k *kong) paths(o *object, name string) []word {
	if o.has("expression") {
		k.fail(o.lineOf("expression"), "the route %s is an expression, which has no counterpart; nobody knows what it keeps from other routes", name)
	}
	if paths := o.texts("paths"); len(paths) > 0 {
		return paths
	}
	return []word{{"/", o.line}}
}

// close closes paths, with guards that let in no less than those of the file. Routes that ask for more come before.
func (k *kong) close(paths []word, name string, guards []table) {
	for _, path := range paths {
		text, isExpression := strings.CutPrefix(path.text, "~")
		patterns := widened(text)
		if isExpression {
			patterns = widened(beginning(text))
		} else if isPath(text) {
			patterns = prefixed(text)
		}
		for _, when := range guards {
			k.out.close(route{line: path.line, name: name, when: when, priority: -1}, patterns...)
		}
	}
}

// beginning is what each text begins with that an expression matches from its beginning, up to a segment.
func beginning(expression string) string {
	at := strings.IndexAny(expression, `\.+*?()|[]{}^$`)
	if e, err := regexp.Compile(expression); err == nil {
		expression, _ = e.LiteralPrefix()
		at = len(expression)
	}
	if at < 0 || strings.Contains(expression, "|") {
		return "/"
	}
	if at < len(expression) && strings.IndexByte("*?{", expression[at]) >= 0 { // the byte before may be left out
		at = max(at-1, 0)
	}
	return expression[:strings.LastIndexByte(expression[:at], '/')+1]
}

// patterns returns those of a path of Kong, and what forwarding has to do with the path.
func (k *kong) patterns(path word, name string, strip bool, base string) ([]string, table) {
	if expression, ok := strings.CutPrefix(path.text, "~"); ok {
		pattern, open, ok := fromRegexp(expression)
		if !ok {
			k.Drop(path.line, "the path %q of the route %s answers 501, as all does that begins alike: expected text or one expression in each segment", path.text, name)
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
		k.Drop(path.line, "the path %q of the route %s answers 501, as all does that begins alike: expected plain segments", path.text, name)
		return nil, nil
	}
	var options table
	if prefix := strings.TrimRight(path.text, "/"); strip && prefix != "" {
		options = options.with("strip_prefix", literal(prefix))
	}
	return prefixed(path.text), options
}

// guard is what a route asks besides the path.
type guard struct {
	when table
	open bool // all of it can be asked
	// closes are the guards of requests that it may be for, but nobody can say.
	closes []table
}

func (k *kong) guard(o *object, name string) (g guard) {
	g.open = true
	var hosts, methods []string
	unknown := false
	for _, host := range o.texts("hosts") {
		if !isHostPattern(host.text) {
			k.Drop(host.line, "the route %s answers 501 at all hosts that no other route has, for the host %q: expected a name, or *.name for one label before it", name, host.text)
			unknown = true
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
	var header table
	for field, values := range k.headersOf(o, name) {
		header = header.with(field, values)
	}
	slices.SortFunc(header, func(a, b field) int { return strings.Compare(a.key, b.key) })
	g.when = table{}.with("host", hosts).with("method", methods).with("header", header)
	if unknown {
		g.closes = append(g.closes, table{}.with("method", methods).with("header", header))
		g.open = len(hosts) > 0
	}
	for _, key := range []string{"snis", "sources", "destinations"} {
		if o.has(key) {
			k.Drop(o.lineOf(key), "the route %s answers 501: %s have no counterpart", name, key)
			o.ignore(key)
			g.open, g.closes = false, append(g.closes, g.when)
		}
	}
	return g
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
