package convert

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Traefik converts a file of Traefik's dynamic configuration: routers, services and the middlewares that have counterparts.
func Traefik(in io.Reader) (string, []string, error) {
	s, root, err := open(in, "http")
	if err != nil {
		return "", nil, err
	}
	t := &traefik{source: s, done: map[string]bool{}}
	http := root.child("http")
	if http == nil && s.err == nil {
		s.fail(root.line, "there is no http; expected routers, services and middlewares in it")
	}
	var routers []string
	var all map[string]*object
	_, t.middlewares = http.named("middlewares")
	_, t.services = http.named("services")
	routers, all = http.named("routers")
	for _, name := range routers {
		t.router(name, all[name])
	}
	http.ignore("serversTransports")
	if s.err == nil {
		http.rest("http")
		root.rest("the file")
	}
	return finish(s, &t.out)
}

type traefik struct {
	*source

	out                   script
	middlewares, services map[string]*object
	done                  map[string]bool // services
}

// local is a name without the provider behind it.
func local(name string) string {
	name, _, _ = strings.Cut(name, "@file")
	return name
}

func (t *traefik) router(name string, o *object) {
	rule := o.text("rule")
	priority := o.whole("priority", len(rule))
	chain := &chain{traefik: t, router: name}
	for _, m := range o.texts("middlewares") {
		chain.add(m, 0)
	}
	service := word{o.text("service"), o.lineOf("service")}
	o.ignore("entryPoints", "entrypoints", "tls", "ruleSyntax", "observability")
	o.rest("the router " + name)
	alternatives, err := parseRule(rule)
	if err != nil {
		t.fail(o.lineOf("rule"), "the rule of the router %s: %s", name, err)
		return
	}
	handler := t.handler(service, 0)
	for _, alternative := range alternatives {
		patterns, when, err := conditions(alternative)
		if err != nil { // what is left of it holds at least where the whole does
			t.Drop(o.lineOf("rule"), "an alternative of the router %s answers 501: %s", name, err)
			t.out.close(route{line: o.line, name: name, when: when, priority: priority}, patterns...)
			continue
		}
		for _, pattern := range patterns {
			r := route{line: o.line, name: name, pattern: pattern, when: when, with: chain.with, handler: handler, priority: priority}
			t.out.routes = append(t.out.routes, chain.around(r)...)
		}
	}
}

// conditions turns matchers into patterns and a guard. With an error, these leave out what has no counterpart.
func conditions(all []matcher) (patterns []string, when table, err error) {
	var parts []table
	for _, m := range all {
		part, of, wrong := m.condition()
		switch {
		case wrong != nil:
			err = wrong
		case of == nil:
			if m.not {
				part = table{{"not", part}}
			}
			parts = append(parts, part)
		case m.not:
			err = errors.New("a path that must not be has no counterpart")
		case patterns != nil:
			err = errors.New("it asks for two paths at once")
		default:
			patterns = of
		}
	}
	if patterns == nil {
		patterns = []string{"/*"}
	}
	return patterns, both(parts), err
}

// both is data that holds where all parts do.
func both(parts []table) table {
	var flat table
	for _, part := range parts {
		if slices.ContainsFunc(flat, func(f field) bool { return slices.ContainsFunc(part, func(p field) bool { return p.key == f.key }) }) {
			all := table{}
			for _, part := range parts {
				all = append(all, field{value: part})
			}
			return table{{"all", all}}
		}
		flat = append(flat, part...)
	}
	return flat
}

var parameter = regexp.MustCompile(`\{([^{}:]*)(:(?:[^{}]|\{[0-9,]*\})*)?\}`)

// condition is what a matcher asks: data of a guard, or patterns of paths.
func (m matcher) condition() (when table, patterns []string, err error) {
	switch m.name {
	case "Host", "HostHeader":
		var hosts []string
		for _, host := range m.args {
			if !isHostPattern(host) || strings.HasPrefix(host, "*") {
				return nil, nil, fmt.Errorf("the host %q is no name", host)
			}
			hosts = append(hosts, strings.ToLower(host))
		}
		return table{{"host", hosts}}, nil, nil
	case "HostRegexp":
		var hosts []string
		for _, host := range m.args {
			rest, ok := subdomain(host)
			if !ok {
				return nil, nil, fmt.Errorf("the host %q: expected an expression for one label before a name", host)
			}
			hosts = append(hosts, strings.ToLower(rest))
		}
		return table{{"host", hosts}}, nil, nil
	case "Method":
		for _, method := range m.args {
			if !isName(strings.ReplaceAll(method, "-", "_")) {
				return nil, nil, fmt.Errorf("the method %q is none", method)
			}
		}
		return table{{"method", m.args}}, nil, nil
	case "ClientIP":
		return table{{"ip", m.args}}, nil, nil
	case "Header", "Headers", "Query":
		name, value, pair := m.args[0], "", len(m.args) == 2
		if pair {
			value = m.args[1]
		} else if m.name == "Query" {
			name, value, pair = strings.Cut(name, "=")
		}
		if strings.HasSuffix(value, "*") {
			return nil, nil, fmt.Errorf("a value with a star at its end is a prefix here")
		}
		kind := strings.ToLower(strings.TrimSuffix(m.name, "s"))
		if !pair {
			return table{{kind, table{{name, true}}}}, nil, nil
		}
		return table{{kind, table{{name, []string{value}}}}}, nil, nil
	case "Path", "PathPrefix", "PathRegexp":
		return m.path()
	}
	return nil, nil, fmt.Errorf("%s has no counterpart", m.name)
}

func (m matcher) path() (table, []string, error) {
	path := m.args[0]
	if m.name == "PathRegexp" {
		pattern, open, ok := fromRegexp(path)
		if !ok || !strings.HasPrefix(path, "^") {
			return nil, nil, fmt.Errorf("the path %q: expected text or one expression in each segment, from ^ on", path)
		}
		if open {
			return nil, prefixed(pattern), nil
		}
		return nil, []string{pattern}, nil
	}
	if !isPath(parameter.ReplaceAllString(path, "x")) {
		return nil, nil, fmt.Errorf("the path %q has more than plain segments", path)
	}
	if m.name == "Path" {
		return nil, []string{path}, nil
	}
	return nil, prefixed(path), nil
}

// oneLabel are the usual ways to write an expression for one label.
var oneLabel = regexp.MustCompile(`^\^?(?:\{[a-z]+:[^{}.]+\}|\([^()]*\)\+?|\[[^\]]*\][+*]|\.\+|\.\*)(?:\\)?\.(.*?)\$?$`)

// subdomain reads an expression such as ^[a-z]+\.example\.com$ as *.example.com.
func subdomain(expression string) (string, bool) {
	parts := oneLabel.FindStringSubmatch(expression)
	if parts == nil {
		return "", false
	}
	host := "*." + strings.ReplaceAll(parts[1], `\.`, ".")
	return host, isHostPattern(host)
}
