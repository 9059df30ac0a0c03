package convert

import (
	"fmt"
	"slices"
	"strings"
)

// headers converts changes of headers, CORS and the usual headers of security.
func (c *chain) headers(o *object) {
	if c.crossOrigin(o); c.err != nil {
		return
	}
	request := c.changes(o.child("customRequestHeaders"))
	response := c.changes(o.child("customResponseHeaders"))
	set := func(name, value string) {
		if value != "" {
			response.set = append(response.set, field{name, literal(value)})
		}
	}
	set("Strict-Transport-Security", strictTransport(o))
	if o.flag("frameDeny", false) && !o.has("customFrameOptionsValue") {
		set("X-Frame-Options", "DENY")
	}
	set("X-Frame-Options", o.text("customFrameOptionsValue"))
	if o.flag("contentTypeNosniff", false) {
		set("X-Content-Type-Options", "nosniff")
	}
	if o.flag("browserXssFilter", false) {
		set("X-Xss-Protection", "1; mode=block")
	}
	set("Content-Security-Policy", o.text("contentSecurityPolicy"))
	set("Referrer-Policy", o.text("referrerPolicy"))
	set("Permissions-Policy", o.text("permissionsPolicy"))
	if options := (table{}).with("request", request.table()).with("response", response.table()); len(options) > 0 {
		c.policy("headers", "route.headers", options)
	}
	o.ignore("isDevelopment")
}

func strictTransport(o *object) string {
	seconds := o.whole("stsSeconds", 0)
	all, preload := o.flag("stsIncludeSubdomains", false), o.flag("stsPreload", false)
	o.ignore("forceSTSHeader")
	if seconds == 0 {
		return ""
	}
	value := fmt.Sprintf("max-age=%d", seconds)
	if all {
		value += "; includeSubDomains"
	}
	if preload {
		value += "; preload"
	}
	return value
}

// headerChanges are those of one side.
type headerChanges struct {
	set    table
	remove []string
}

func (h headerChanges) table() table { return table{}.with("remove", h.remove).with("set", h.set) }

// changes reads headers and what they become; an empty value removes one.
func (c *chain) changes(o *object) (h headerChanges) {
	if o == nil {
		return h
	}
	for _, name := range o.order {
		if value := o.text(name); value == "" {
			h.remove = append(h.remove, name)
		} else {
			h.set = append(h.set, field{name, literal(value)})
		}
	}
	return h
}

// crossOrigin converts the options of CORS.
func (c *chain) crossOrigin(o *object) {
	if !slices.ContainsFunc(o.order, func(key string) bool { return strings.HasPrefix(key, "accessControl") }) {
		return
	}
	origins, credentials := textsOf(o.texts("accessControlAllowOriginList")), o.flag("accessControlAllowCredentials", false)
	if o.has("accessControlAllowOriginListRegex") {
		c.Drop(o.lineOf("accessControlAllowOriginListRegex"), "accessControlAllowOriginListRegex is dropped: write origins, or https://*.name for those below one")
		o.ignore("accessControlAllowOriginListRegex")
	}
	if credentials && slices.Contains(origins, "*") {
		c.Drop(o.lineOf("accessControlAllowCredentials"), "credentials are dropped: no browser allows them to all origins")
		credentials = false
	}
	options := table{}.with("origins", origins).with("methods", textsOf(o.texts("accessControlAllowMethods"))).
		with("headers", textsOf(o.texts("accessControlAllowHeaders"))).with("expose", textsOf(o.texts("accessControlExposeHeaders")))
	if credentials {
		options = options.with("credentials", true)
	}
	if age := o.whole("accessControlMaxAge", 0); age > 0 {
		options = options.with("max_age", age)
	}
	o.ignore("addVaryHeader")
	if len(origins) == 0 {
		c.Drop(o.line, "CORS is dropped: no origin is listed")
		return
	}
	c.policy("cors", "route.cors", options)
}
