package convert

import (
	"fmt"
	"strconv"
	"strings"
)

// handler is what a route of a service has, and declares the pools that it needs.
func (t *traefik) handler(name word, depth int) code {
	service := local(name.text)
	if strings.Contains(service, "@") {
		t.Drop(name.line, "the service %s has no counterpart: its routes answer 501", service)
		return "route.error(501)"
	}
	o := t.services[service]
	if o == nil || depth > 10 {
		t.fail(name.line, "there is no service %q, or it is made of itself", service)
		return ""
	}
	defer o.rest("the service " + service)
	switch {
	case o.has("loadBalancer"):
		return t.loadBalancer(service, o.child("loadBalancer"))
	case o.has("weighted"):
		return t.weighted(service, o.child("weighted"), depth)
	case o.has("failover"):
		f := o.child("failover")
		t.handler(word{f.text("fallback"), f.line}, depth+1)
		first := t.handler(word{f.text("service"), f.line}, depth+1)
		if !t.out.names[local(f.text("fallback"))] || !t.out.names[local(f.text("service"))] {
			t.Drop(f.line, "the fallback of %s is dropped: expected two services with servers", service)
			return first
		}
		f.ignore("healthCheck")
		return code("route.proxy(" + quoted(local(f.text("service"))) + ", " + lua(table{{"on_error", table{{"pool", local(f.text("fallback"))}}}}) + ")")
	case o.has("mirroring"):
		m := o.child("mirroring")
		t.Drop(m.line, "the mirrors of %s are dropped: write route.mirror in front of the routes", service)
		m.ignore("mirrors", "maxBodySize", "mirrorBody", "healthCheck")
		return t.handler(word{m.text("service"), m.line}, depth+1)
	}
	t.fail(o.line, "the service %s is of no known kind; expected loadBalancer, weighted, mirroring or failover", service)
	return ""
}

func (t *traefik) weighted(service string, o *object, depth int) code {
	var parts table
	for _, part := range o.children("services") {
		name := local(part.text("name"))
		handler := t.handler(word{name, part.line}, depth+1)
		parts = append(parts, field{value: table{{value: handler}, {value: part.whole("weight", 1)}, {"name", name}}})
	}
	if len(parts) == 0 {
		t.fail(o.line, "the service %s has no services", service)
	}
	parts = append(parts, field{"name", service}, field{"by", "random"})
	if cookie := o.child("sticky").child("cookie"); cookie != nil {
		parts = parts.with("sticky", table{{"cookie", cookieName(cookie, service)}})
	}
	o.ignore("healthCheck")
	return code("with." + t.out.policy("split", parts, "route.split")) // one object, since its name is its own
}

// cookieName is the name of a cookie; one that is left out gets that of the service.
func cookieName(o *object, service string) string {
	name := o.text("name")
	o.ignore("secure", "httpOnly", "sameSite", "maxAge", "path", "domain")
	if !isName(strings.ReplaceAll(name, "-", "_")) {
		name = "_" + strings.Map(nameByte, service)
	}
	return name
}

func (t *traefik) loadBalancer(service string, o *object) code {
	if t.done[service] {
		return t.proxy(service, o)
	}
	t.done[service] = true
	var spec table
	var schemes, base string
	weighted := false
	servers := o.children("servers")
	for _, server := range servers {
		weighted = weighted || server.has("weight")
	}
	for i, server := range servers {
		address, _, path, ok := upstream(t.source, server.lineOf("url"), server.text("url"))
		if !ok {
			return ""
		}
		scheme, _, found := strings.Cut(address, "://")
		if !found {
			scheme = "http"
		}
		if i > 0 && (scheme != schemes || path != base) {
			t.Drop(server.line, "a server of %s is dropped: those of one pool have one scheme and path", service)
			continue
		}
		schemes, base = scheme, path
		if weighted {
			spec = append(spec, field{value: table{{value: address + path}, {"weight", server.whole("weight", 1)}}})
		} else {
			spec = append(spec, field{value: address + path})
		}
		server.ignore("preservePath")
	}
	if len(spec) == 0 {
		t.fail(o.line, "the service %s has no servers", service)
	}
	reduce(spec)
	cookie := o.child("sticky").child("cookie")
	switch strategy := o.text("strategy"); {
	case cookie != nil:
		if weighted {
			t.Drop(o.line, "weights of %s are dropped: its clients stay where a cookie leads them", service)
			for i := range spec {
				spec[i].value = spec[i].value.(table)[0].value
			}
		}
		spec = spec.with("lb_policy", "cookie "+cookieName(cookie, service))
	case weighted:
		spec = spec.with("lb_policy", "weighted_round_robin")
	case strategy == "p2c" || strategy == "leasttime":
		spec = spec.with("lb_policy", "luaroute_latency")
	case strategy == "hrw":
		spec = spec.with("lb_policy", "client_ip_hash")
	case len(spec) > 1:
		spec = spec.with("lb_policy", "round_robin")
	}
	if check := o.child("healthCheck"); check != nil {
		path, interval := check.text("path"), check.text("interval")
		if !isPath(path) {
			t.Drop(check.line, "the health check of %s is dropped: expected a path", service)
		} else {
			spec = spec.with("health_uri", path)
			if n, err := strconv.Atoi(interval); err == nil && n > 0 {
				interval = fmt.Sprintf("%ds", n)
			}
			if durations.MatchString(interval) {
				spec = spec.with("health_interval", interval)
			}
		}
		check.rest("the health check of " + service)
	}
	o.ignore("passHostHeader", "responseForwarding", "serversTransport")
	o.rest("the servers of " + service)
	t.out.pool(service, spec)
	return t.proxy(service, o)
}

// proxy forwards to a pool: with the client's Host, or with that of the server.
func (t *traefik) proxy(service string, o *object) code {
	if o.flag("passHostHeader", true) {
		return code(quoted(service))
	}
	if servers := o.children("servers"); len(servers) > 0 {
		if _, host, _, ok := upstream(t.source, servers[0].line, servers[0].text("url")); ok {
			return code("route.proxy(" + quoted(service) + ", " + lua(table{{"headers", table{{"set", table{{"Host", literal(host)}}}}}}) + ")")
		}
	}
	return code(quoted(service))
}
