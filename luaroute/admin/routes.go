package admin

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

// Route is one route of a table, as the admin API and the commands show it.
type Route struct {
	// Tenant is empty for the default tenant.
	Tenant string `json:"tenant,omitempty"`
	// Hosts are those of the route's layer, or else of its tenant. None stands for all.
	Hosts []string `json:"hosts,omitempty"`
	// Methods are as written. None stands for all.
	Methods []string `json:"methods,omitempty"`
	// Pattern is the whole one, with all prefixes.
	Pattern  string `json:"pattern"`
	Name     string `json:"name,omitempty"`
	Priority int    `json:"priority,omitempty"`
	// Guards are those of the layers around the route and its own, in the order they are asked.
	Guards []Part `json:"guards,omitempty"`
	// Middleware is in the order it runs.
	Middleware []Part         `json:"middleware,omitempty"`
	Action     Part           `json:"action"`
	Meta       map[string]any `json:"meta,omitempty"`
	// At is script:line.
	At string `json:"at,omitempty"`
}

// Part is a guard, a middleware or an action: what it is, what it names, and where it stands.
type Part struct {
	Kind string `json:"kind"`
	Text string `json:"text,omitempty"`
	At   string `json:"at,omitempty"`
}

// String is for people: `proxy users`, `function main.lua:3`.
func (p Part) String() string {
	if p.Text == "" && p.At != "" {
		return p.Kind + " " + p.At
	}
	return strings.TrimSpace(p.Kind + " " + p.Text)
}

// Routes lists the routes of a table.
func Routes(t *chiproxy.Table) []Route {
	list := t.Routes()
	routes := make([]Route, len(list))
	for i, r := range list {
		routes[i] = Route{
			Tenant: r.Tenant, Hosts: r.Hosts, Methods: r.Methods, Pattern: r.Pattern, Name: r.Name, Priority: r.Priority,
			Guards: parts(r.Guards), Middleware: parts(r.Middleware), Action: part(r.Action), Meta: r.Meta, At: r.Origin.String(),
		}
	}
	return routes
}

func part(o origin.Origin) Part { return Part{o.Kind, o.Text, o.String()} }

func parts(list []origin.Origin) []Part {
	var all []Part
	for _, o := range list {
		all = append(all, part(o))
	}
	return all
}

// WriteRoutes writes a table for people.
func WriteRoutes(w io.Writer, routes []Route) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TENANT\tHOST\tMETHOD\tPATTERN\tGUARDS\tMIDDLEWARE\tACTION\tAT")
	for _, r := range routes {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", or(r.Tenant, "-"), or(strings.Join(r.Hosts, ","), "*"),
			or(strings.Join(r.Methods, ","), "any"), r.Pattern, or(texts(r.Guards), "-"), or(texts(r.Middleware), "-"), r.Action, r.At)
	}
	return t.Flush()
}

func texts(list []Part) string {
	all := make([]string, len(list))
	for i, p := range list {
		all[i] = p.String()
	}
	return strings.Join(all, ", ")
}

// or returns a text, or what stands for an empty one.
func or(text, empty string) string {
	if text == "" {
		return empty
	}
	return text
}

// serveRoutes lists the routes of the table that serves.
func serveRoutes(i *instance.Instance, w http.ResponseWriter, r *http.Request) error {
	routes := Routes(i.Table())
	return write(w, r, routes, func(w io.Writer) { _ = WriteRoutes(w, routes) })
}
