package convert

import (
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Kong converts a file of Kong's declarative format: services, routes, upstreams, consumers and the plugins that have counterparts.
func Kong(in io.Reader) (string, []string, error) {
	s, root, err := open(in, "services")
	if err != nil {
		return "", nil, err
	}
	k := &kong{source: s, consumers: map[string]*consumer{}, upstreams: map[string]*object{}, plugins: map[string]map[string]*object{}}
	k.read(root)
	return finish(s, &k.out)
}

type kong struct {
	*source

	out       script
	consumers map[string]*consumer
	people    []*consumer
	upstreams map[string]*object
	// plugins are those of services and routes that stand by themselves, by the kind and the name of what they are for.
	plugins map[string]map[string]*object
	global  map[string]*object
}

// consumer is somebody with keys and groups.
type consumer struct {
	name         string
	keys, groups []string
}

func (k *kong) read(root *object) {
	root.ignore("_format_version", "_transform", "_comment", "_info")
	k.readConsumers(root)
	for _, u := range root.children("upstreams") {
		k.upstreams[u.text("name")] = u
	}
	k.readPlugins(root)
	services := root.children("services")
	byName := map[string]*object{}
	for _, service := range services {
		byName[service.text("name")] = service
	}
	loose := map[*object][]*object{}
	for _, r := range root.children("routes") {
		name := reference(r, "service")
		if service := byName[name]; service != nil {
			loose[service] = append(loose[service], r)
		} else {
			named := r.text("name")
			k.Drop(r.line, "the route %s answers 501: it is of no service", named)
			guard := k.guard(r, named)
			k.close(k.paths(r, named), named, append(guard.closes, guard.when))
		}
	}
	if len(services) == 0 && k.err == nil {
		k.fail(root.line, "there are no services; expected a list of them")
	}
	for _, service := range services {
		k.service(service, loose[service])
	}
	root.rest("the file")
}

// reference reads the name of something else, which may be in an object.
func reference(o *object, key string) string {
	if !o.has(key) {
		return ""
	}
	if node := o.values[key]; node.Kind == yaml.MappingNode {
		within := o.child(key)
		return within.text("name") + within.text("username")
	}
	return o.text(key)
}

// readConsumers reads who has which keys and groups, inside of consumers and beside them.
func (k *kong) readConsumers(root *object) {
	who := func(name string) *consumer {
		if k.consumers[name] == nil {
			k.consumers[name] = &consumer{name: name}
			k.people = append(k.people, k.consumers[name])
		}
		return k.consumers[name]
	}
	key := func(c *consumer, o *object) {
		switch text := o.text("key"); {
		case len(text) < 16 || len(text) > 512 || strings.HasPrefix(text, "$") || strings.HasPrefix(text, "{vault"):
			k.Drop(o.lineOf("key"), "a key of %s is dropped: keys have 16 to 512 bytes, and a variable is none", c.name)
		default:
			c.keys = append(c.keys, text)
		}
	}
	for _, o := range root.children("consumers") {
		c := who(o.text("username") + map[bool]string{true: o.text("custom_id")}[!o.has("username")])
		for _, credential := range o.children("keyauth_credentials") {
			key(c, credential)
		}
		for _, acl := range o.children("acls") {
			c.groups = append(c.groups, acl.text("group"))
		}
		o.ignore("custom_id", "tags", "id")
		o.rest("the consumer " + c.name)
	}
	for _, o := range root.children("keyauth_credentials") {
		key(who(reference(o, "consumer")), o)
	}
	for _, o := range root.children("acls") {
		c := who(reference(o, "consumer"))
		c.groups = append(c.groups, o.text("group"))
	}
}

// readPlugins reads the plugins that stand beside services and routes.
func (k *kong) readPlugins(root *object) {
	k.global = map[string]*object{}
	for _, p := range root.children("plugins") {
		service, route := reference(p, "service"), reference(p, "route")
		switch {
		case p.has("consumer"):
			k.Drop(p.line, "the plugin %s is dropped: it is for a consumer", p.text("name"))
		case route != "":
			put(k.plugins, "route "+route, p)
		case service != "":
			put(k.plugins, "service "+service, p)
		default:
			k.global[p.text("name")] = p
		}
	}
}

func put(all map[string]map[string]*object, of string, p *object) {
	if all[of] == nil {
		all[of] = map[string]*object{}
	}
	all[of][p.text("name")] = p
}

func (k *kong) service(o *object, loose []*object) {
	name := o.text("name")
	if name == "" {
		k.fail(o.line, "a service has no name")
		return
	}
	if !o.flag("enabled", true) {
		k.Drop(o.line, "the service %s is dropped: it is not enabled", name)
		return
	}
	host, base := k.pool(o, name)
	plugins := maps.Clone(k.global)
	maps.Copy(plugins, k.plugins["service "+name])
	for _, p := range o.children("plugins") {
		plugins[p.text("name")] = p
	}
	routes := append(o.children("routes"), loose...)
	if len(routes) == 0 {
		k.Drop(o.line, "the service %s has no routes", name)
	}
	for i, r := range routes {
		own := maps.Clone(plugins)
		if named := r.text("name"); named != "" {
			maps.Copy(own, k.plugins["route "+named])
		}
		for _, p := range r.children("plugins") {
			own[p.text("name")] = p
		}
		k.route(r, fmt.Sprintf("%s-%d", name, i+1), name, host, base, own)
	}
	o.ignore("_comment", "tags", "id", "protocol", "host", "port", "path", "write_timeout", "tls_verify_depth")
	o.rest("the service " + name)
}

// pool declares the pool of a service, and returns the Host that it expects and its path.
func (k *kong) pool(o *object, name string) (host, base string) {
	text := o.text("url")
	if text == "" {
		scheme, port, path := o.text("protocol"), o.text("port"), o.text("path")
		if scheme == "" {
			scheme = "http"
		}
		if text = scheme + "://" + o.text("host"); port != "" && port != "80" {
			text += ":" + port
		}
		text += path
	}
	address, host, base, ok := upstream(k.source, o.line, text)
	if !ok {
		return "", ""
	}
	addresses := table{{value: address + base}}
	scheme, target, found := strings.Cut(address, "://")
	if !found {
		scheme, target = "", address
	} else {
		scheme += "://"
	}
	bare, _, _ := net.SplitHostPort(target)
	u := k.upstreams[bare]
	if u != nil {
		addresses = k.targets(u, scheme, base)
	}
	spec := slices.Clone(addresses)
	if retries := o.whole("retries", 5); len(addresses) > 1 {
		spec = spec.with("retries", retries)
	}
	transport := table{}
	if o.has("connect_timeout") {
		transport = transport.with("dial_timeout", o.text("connect_timeout")+"ms")
	}
	if o.has("read_timeout") {
		transport = transport.with("response_header_timeout", o.text("read_timeout")+"ms")
	}
	for _, f := range transport {
		if n, err := strconv.Atoi(strings.TrimSuffix(f.value.(string), "ms")); err != nil || n < 0 {
			k.fail(o.line, "a timeout of the service %s is no number of milliseconds", name)
		}
	}
	if len(transport) > 0 {
		spec = spec.with("transport", append(table{{"protocol", "http"}}, transport...))
	}
	if strings.HasPrefix(scheme, "https") && !o.flag("tls_verify", false) {
		k.Drop(o.line, "the certificate of the service %s is verified here, other than Kong's default", name)
	}
	if u != nil {
		spec = k.balance(u, spec)
	}
	k.out.pool(name, spec)
	return host, base
}

// targets are the upstreams of an upstream, with weights where they differ.
func (k *kong) targets(u *object, scheme, base string) table {
	var all table
	targets := u.children("targets")
	weights := map[int]bool{}
	for _, t := range targets {
		weights[t.whole("weight", 100)] = true
	}
	for _, t := range targets {
		host, port, err := net.SplitHostPort(t.text("target"))
		if err != nil {
			host, port = t.text("target"), "8000"
		}
		if !isHost(host) {
			k.fail(t.lineOf("target"), "target is %q; expected host:port", t.text("target"))
		}
		address := scheme + net.JoinHostPort(host, port) + base
		if len(weights) > 1 {
			all = append(all, field{value: table{{value: address}, {"weight", t.whole("weight", 100)}}})
		} else {
			all = append(all, field{value: address})
		}
	}
	reduce(all)
	if len(all) == 0 {
		k.fail(u.line, "the upstream %s has no targets", u.text("name"))
	}
	return all
}

// balance is how an upstream chooses among its targets.
func (k *kong) balance(u *object, spec table) table {
	_, weighted := spec[0].value.(table)
	policy := ""
	switch algorithm := u.text("algorithm"); algorithm {
	case "", "round-robin":
		policy = "round_robin"
		if weighted {
			policy = "weighted_round_robin"
		}
	case "least-connections":
		policy = "least_conn"
	case "latency":
		policy = "luaroute_latency"
	case "consistent-hashing":
		switch on := u.text("hash_on"); {
		case on == "ip":
			policy = "client_ip_hash"
		case on == "header" && isName(strings.ReplaceAll(u.text("hash_on_header"), "-", "_")):
			policy = "header " + u.text("hash_on_header")
		case on == "cookie" && isName(strings.ReplaceAll(u.text("hash_on_cookie"), "-", "_")):
			policy = "cookie " + u.text("hash_on_cookie")
		default:
			k.Drop(u.line, "the upstream %s hashes by %q, which has no counterpart: it takes turns", u.text("name"), on)
		}
	default:
		k.Drop(u.lineOf("algorithm"), "the algorithm %q has no counterpart: targets take turns", algorithm)
	}
	if weighted && policy != "weighted_round_robin" && policy != "luaroute_latency" {
		k.Drop(u.line, "weights of the upstream %s are dropped", u.text("name"))
		for i, f := range spec {
			if t, ok := f.value.(table); ok {
				spec[i].value = t[0].value
			}
		}
	}
	spec = spec.with("lb_policy", policy)
	if active := u.child("healthchecks").child("active"); active != nil {
		if path := active.text("http_path"); isPath(path) {
			spec = spec.with("health_uri", path)
		}
		if interval := active.child("healthy").whole("interval", 0); interval > 0 {
			spec = spec.with("health_interval", interval)
		}
	}
	return spec
}
