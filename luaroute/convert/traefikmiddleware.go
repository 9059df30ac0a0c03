package convert

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var durations = regexp.MustCompile(`^[0-9]+(ms|s|m|h)$`)

// chain is the middlewares of a router.
type chain struct {
	*traefik

	router string
	with   []string
	ip     []string // who may pass
	https  code     // where http is sent to
}

// add converts one middleware, or those of a chain.
func (c *chain) add(name word, depth int) {
	o := c.middlewares[local(name.text)]
	if o == nil || depth > 10 {
		c.fail(name.line, "there is no middleware %q, or it is made of itself", name.text)
		return
	}
	for _, kind := range o.order {
		if node := o.node(kind); node == nil || kind == "compress" {
			c.use(kind, nil, o.lineOf(kind), depth)
		} else if within := o.child(kind); c.err == nil {
			c.use(kind, within, within.line, depth)
			within.rest("the middleware " + name.text)
		}
	}
}

func (c *chain) policy(kind, function string, options table) {
	c.with = append(c.with, c.out.policy(kind, options, function))
}

// named is a name for what counts: each router has its own.
func (c *chain) named(kind string, o *object) string {
	return fmt.Sprintf("%s_%s_%d_%d", kind, strings.Map(nameByte, c.router), o.line, o.column)
}

// rewrite adds Caddy's rewrite.
func (c *chain) rewrite(options table) {
	c.with = append(c.with, c.out.policyOf("rewrite", `route.handler("rewrite", `+lua(options)+")"))
}

func (c *chain) close(kind string, at int) {
	c.Drop(at, "the middleware %s has no counterpart: the router %s answers 501", kind, c.router)
	c.with = append([]string{c.out.closed()}, c.with...)
}

// safe reports whether a string has no placeholder of Caddy's.
func (c *chain) safe(at int, s string) bool {
	if strings.Contains(s, "{") {
		c.fail(at, "%q: braces are placeholders here", s)
	}
	return c.err == nil
}

func (c *chain) use(kind string, o *object, at, depth int) {
	switch strings.ToLower(kind) {
	case "chain":
		for _, m := range o.texts("middlewares") {
			c.add(m, depth+1)
		}
	case "stripprefix":
		for _, prefix := range o.texts("prefixes") {
			if c.safe(prefix.line, prefix.text) {
				c.rewrite(table{{"strip_path_prefix", strings.TrimRight(prefix.text, "/")}})
			}
		}
		o.ignore("forceSlash")
	case "stripprefixregex":
		for _, e := range o.texts("regex") {
			c.replace(e.line, "^(?:"+strings.TrimPrefix(e.text, "^")+")/?", "/")
		}
	case "addprefix":
		if prefix := o.text("prefix"); c.safe(at, prefix) {
			c.rewrite(table{{"uri", strings.TrimRight(prefix, "/") + "{http.request.uri}"}})
		}
	case "replacepath":
		if path := o.text("path"); c.safe(at, path) {
			c.rewrite(table{{"uri", path}})
		}
	case "replacepathregex":
		c.replace(at, o.text("regex"), o.text("replacement"))
	case "headers":
		c.headers(o)
	case "ratelimit":
		c.rateLimit(o)
	case "inflightreq":
		c.policy("concurrency", "route.concurrency", table{{"name", c.named("inflight", o)}, {"max", max(o.whole("amount", 1), 1)}})
		o.ignore("sourceCriterion")
	case "basicauth":
		c.basic(o, at)
	case "forwardauth":
		c.forwardAuth(o, at)
	case "ipallowlist", "ipwhitelist":
		c.ip = append(c.ip, textsOf(o.texts("sourceRange"))...)
		if o.has("ipStrategy") {
			c.Drop(o.lineOf("ipStrategy"), "ipStrategy is dropped: whom Caddy trusts is its trusted_proxies")
			o.ignore("ipStrategy")
		}
		if len(c.ip) == 0 {
			c.close(kind, at)
		}
	case "redirectscheme":
		if o.text("scheme") != "https" || o.has("port") && o.text("port") != "443" {
			c.close(kind, at)
			break
		}
		status := "302"
		if o.flag("permanent", false) {
			status = "301"
		}
		c.https = code(`route.redirect("https://{http.request.host}{http.request.uri}", ` + status + ")")
	case "compress":
		c.with = append(c.with, c.out.policyOf("encode", `route.handler("encode", { encodings = { gzip = {}, zstd = {} } })`))
	case "buffering":
		if size := o.whole("maxRequestBodyBytes", 0); size > 0 {
			c.with = append(c.with, c.out.policyOf("max_body", fmt.Sprintf("route.max_body(%d)", size)))
		}
		o.ignore("memRequestBodyBytes", "memResponseBodyBytes")
	case "contenttype":
	case "retry", "circuitbreaker", "errors", "grpcweb", "redirectregex":
		for _, key := range o.order {
			o.ignore(key)
		}
		c.Drop(at, "the middleware %s of the router %s is dropped: it has no counterpart among routes", kind, c.router)
	default:
		if o != nil {
			o.ignore(o.order...)
		}
		c.close(kind, at)
	}
}

// replace adds a rewrite of paths by an expression.
func (c *chain) replace(at int, expression, with string) {
	if _, err := regexp.Compile(expression); err != nil {
		c.fail(at, "%q is no expression: %s", expression, err)
		return
	}
	if c.safe(at, strings.NewReplacer("${", "").Replace(with)) {
		c.rewrite(table{{"path_regexp", table{{value: table{{"find", expression}, {"replace", with}}}}}})
	}
}

func (c *chain) rateLimit(o *object) {
	average := o.whole("average", 0)
	if average == 0 {
		return
	}
	period := 1
	switch text := o.text("period"); text {
	case "", "1s", "1":
	case "1m":
		period = 60
	case "1h":
		period = 3600
	default:
		c.Drop(o.lineOf("period"), "the period %q is dropped: expected 1s, 1m or 1h", text)
	}
	key := "client_ip"
	if from := o.child("sourceCriterion"); from != nil {
		switch {
		case from.has("requestHeaderName"):
			key = "header:" + from.text("requestHeaderName")
		case from.flag("requestHost", false):
			key = "host"
		}
		from.ignore("ipStrategy")
	}
	c.policy("limit", "route.limit", table{
		{"name", c.named("limit", o)}, {"rate", average}, {"per", period}, {"burst", max(o.whole("burst", 1), 1)}, {"key", key},
	})
}

var hashOfPassword = regexp.MustCompile(`^\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}$`)

func (c *chain) basic(o *object, at int) {
	var users table
	for _, user := range o.texts("users") {
		name, hash, _ := strings.Cut(user.text, ":")
		if !hashOfPassword.MatchString(hash) {
			c.Drop(user.line, "the user %s is dropped: expected a hash of bcrypt", name)
			continue
		}
		users = append(users, field{name, hash})
	}
	options := table{{"users", users}}.with("realm", o.text("realm"))
	o.ignore("headerField")
	if o.flag("removeHeader", false) {
		c.Drop(at, "removeHeader is dropped: remove Authorization in the action")
	}
	if len(users) == 0 {
		c.close("basicAuth", at)
		return
	}
	c.policy("basic", "route.basic", options)
}

func (c *chain) forwardAuth(o *object, at int) {
	u, err := url.Parse(o.text("address"))
	if err != nil {
		c.fail(at, "the address of forwardAuth is no URL")
		return
	}
	path := u.RequestURI()
	u.Path, u.RawPath, u.RawQuery = "", "", ""
	address, _, _, ok := upstream(c.source, at, u.String())
	if !ok {
		return
	}
	pool := "auth " + address
	c.out.pool(pool, table{{value: address}})
	headers := textsOf(o.texts("authResponseHeaders"))
	if len(headers) == 1 {
		headers = strings.Split(strings.ReplaceAll(headers[0], " ", ""), ",")
	}
	if slices.Contains(headers, "") {
		headers = nil
	}
	o.ignore("trustForwardHeader", "maxBodySize", "preserveRequestMethod")
	c.policy("forward_auth", "route.forward_auth", table{{"pool", pool}, {"path", path}}.with("copy_headers", groupsOf(headers)))
}

// around returns a route with what its middlewares ask before: who may pass, and by which scheme.
func (c *chain) around(r route) []route {
	all := []route{r}
	if len(c.ip) > 0 {
		refused := r
		all[0].when = both(compact(r.when, table{{"ip", c.ip}}))
		refused.handler, refused.fallback = "route.error(403)", true
		all = append(all, refused)
	}
	if c.https != "" {
		plain := r
		plain.when, plain.handler, plain.with = both(compact(r.when, table{{"scheme", "http"}})), c.https, nil
		plain.priority++
		all = append([]route{plain}, all...)
	}
	return all
}

func compact(parts ...table) []table {
	return slices.DeleteFunc(parts, func(t table) bool { return len(t) == 0 })
}
