package admin

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"

	"github.com/luaroute/caddy-luaroute/chiproxy/inventory"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

// WriteRoutes writes a table for people.
func WriteRoutes(w io.Writer, routes []inventory.Route) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TENANT\tHOST\tMETHOD\tPATTERN\tGUARDS\tMIDDLEWARE\tACTION\tAT")
	for _, r := range routes {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", or(r.Tenant, "-"), or(strings.Join(r.Hosts, ","), "*"),
			or(strings.Join(r.Methods, ","), "any"), r.Pattern, or(texts(r.Guards), "-"), or(texts(r.Middleware), "-"), r.Action, r.At)
	}
	return t.Flush()
}

func texts(list []inventory.Part) string {
	all := make([]string, len(list))
	for i, p := range list {
		all[i] = p.String()
	}
	return strings.Join(all, ", ")
}

// or returns a string, or a replacement for an empty one.
func or(text, empty string) string {
	if text == "" {
		return empty
	}
	return text
}

// serveRoutes lists the routes of the table that serves.
func serveRoutes(i *instance.Instance, w http.ResponseWriter, r *http.Request) error {
	routes := inventory.Routes(i.Table())
	return write(w, r, routes, func(w io.Writer) { _ = WriteRoutes(w, routes) })
}
