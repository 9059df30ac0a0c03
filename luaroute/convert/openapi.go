package convert

import (
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/luaroute/caddy-luaroute/internal/yamltree"
)

// OpenAPI converts a description by OpenAPI 3.0 or 3.1, in YAML or JSON: a route for each operation, and an expectation for each route. What
// requests have to look like is not asked.
func OpenAPI(in io.Reader) (string, []string, error) {
	s, root, err := open(in, "openapi")
	if err != nil {
		return "", nil, err
	}
	switch version := root.text("openapi"); {
	case root.has("swagger"):
		s.fail(root.lineOf("swagger"), "swagger is %s; expected openapi 3.0 or 3.1", root.text("swagger"))
	case !strings.HasPrefix(version, "3.0") && !strings.HasPrefix(version, "3.1"):
		s.fail(root.lineOf("openapi"), "openapi is %q; expected 3.0 or 3.1", version)
	}
	a := &api{source: s, root: root, names: map[string]bool{}}
	a.read()
	return finish(s, &a.out)
}

type api struct {
	*source

	out   script
	root  *object
	names map[string]bool // of routes
	paths []string
}

// operations are the methods that a path may have, as its keys.
var operations = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

func (a *api) read() {
	prefix := a.servers()
	paths := a.root.child("paths")
	if paths == nil && a.err == nil {
		a.fail(a.root.line, "there are no paths")
	}
	if paths != nil {
		a.paths = paths.order
		for _, path := range paths.order {
			if strings.HasPrefix(path, "x-") {
				continue
			}
			if item := a.followed(paths.child(path)); item != nil {
				a.path(prefix, path, item)
			}
		}
	}
	a.root.ignore("info", "components", "tags", "externalDocs", "jsonSchemaDialect")
	for _, key := range a.root.order {
		if strings.HasPrefix(key, "x-") {
			a.root.ignore(key)
		}
	}
	if a.root.has("security") {
		a.Drop(a.root.lineOf("security"), "security is not asked for here: the server does, or write route.keys or idp:bearer")
		a.root.ignore("security")
	}
	if a.err == nil {
		a.root.rest("the description")
	}
}

// servers declares the pool api, and returns the path that its servers have in common.
func (a *api) servers() (prefix string) {
	const usual = "127.0.0.1:8080"
	var spec table
	for i, server := range a.root.children("servers") {
		text := server.text("url")
		if variables := server.child("variables"); variables != nil {
			for _, name := range variables.order {
				text = strings.ReplaceAll(text, "{"+name+"}", variables.child(name).text("default"))
			}
		}
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Path != "" && !isPath(u.Path):
			a.fail(server.lineOf("url"), "the url %q: expected one with plain segments", text)
			return ""
		case i > 0:
			a.Drop(server.line, "the server %s is dropped: the pool has the first one", text)
			continue
		}
		prefix = strings.TrimRight(u.Path, "/")
		if u.Host == "" {
			break
		}
		if address, _, _, ok := upstream(a.source, server.lineOf("url"), u.Scheme+"://"+u.Host); ok {
			spec = table{{value: address}}
		}
	}
	if len(spec) == 0 && a.err == nil {
		a.Drop(a.root.line, "no server has an address: the pool is %s", usual)
		spec = table{{value: usual}}
	}
	a.out.pool("api", spec)
	return prefix
}

// followed returns what a reference inside the file stands for, or the object itself.
func (a *api) followed(o *object) *object {
	for range 10 {
		if !o.has("$ref") {
			return o
		}
		ref, at := o.text("$ref"), o.lineOf("$ref")
		rest, ok := strings.CutPrefix(ref, "#/")
		next := a.root
		for part := range strings.SplitSeq(rest, "/") {
			part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
			if node := next.node(part); ok && node != nil && node.Kind == yaml.MappingNode {
				next = a.object(node, ref)
			} else {
				ok = false
			}
		}
		if !ok {
			a.Drop(at, "the reference %q is dropped: expected one to an object in this file", ref)
			return nil
		}
		o = next
	}
	a.Drop(o.line, "a reference is dropped: it stands for itself")
	return nil
}

func (a *api) path(prefix, path string, item *object) {
	if !isPath(parameter.ReplaceAllString(path, "x")) || strings.Contains(path, ":") {
		a.Drop(item.line, "the path %s is dropped: expected segments with {name} or text", path)
		return
	}
	common := a.parameters(item)
	if item.has("servers") {
		a.Drop(item.lineOf("servers"), "servers of %s are dropped: the pool has those of the file", path)
	}
	for _, method := range operations {
		o := item.child(method)
		if o == nil {
			continue
		}
		name := o.text("operationId")
		if name == "" || a.names[name] {
			name = strings.ToUpper(method) + " " + path
		}
		a.names[name] = true
		if o.has("security") {
			a.Drop(o.lineOf("security"), "security of %s is not asked for here", name)
		}
		parameters := a.parameters(o)
		for parameter, value := range common {
			if parameters[parameter] == "" {
				parameters[parameter] = value
			}
		}
		r := route{line: o.line, name: name, methods: []string{strings.ToUpper(method)}, pattern: prefix + path, handler: `"api"`}
		r.expect = a.expect(r, path, parameters)
		a.out.routes = append(a.out.routes, r)
	}
}

// plainValue is a value that a path may have as it is.
var plainValue = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)

// parameters are those in the path, with a value that each may have.
func (a *api) parameters(o *object) map[string]string {
	all := map[string]string{}
	for _, p := range o.children("parameters") {
		p = a.followed(p)
		if p.text("in") != "path" {
			continue
		}
		name := p.text("name")
		schema := a.followed(p.child("schema"))
		for _, value := range append([]string{scalar(p, "example"), scalar(schema, "example")}, enum(schema)...) {
			if all[name] == "" && plainValue.MatchString(value) {
				all[name] = value
			}
		}
		if kind := scalar(schema, "type"); all[name] == "" && (kind == "integer" || kind == "number") {
			all[name] = "1"
		}
	}
	return all
}

// scalar reads a string, if there is one.
func scalar(o *object, key string) string {
	if node := o.node(key); node != nil && node.Kind == yaml.ScalarNode {
		return node.Value
	}
	return ""
}

func enum(o *object) (all []string) {
	if node := o.node("enum"); node != nil && node.Kind == yaml.SequenceNode {
		for _, item := range node.Content {
			all = append(all, yamltree.Resolved(item).Value)
		}
	}
	return all
}

// expect is an expectation that the route is found with its parameters.
func (a *api) expect(r route, path string, values map[string]string) string {
	var params table
	asked := parameter.ReplaceAllStringFunc(path, func(found string) string {
		name := strings.Trim(found, "{}")
		value := values[name]
		if value == "" {
			value = "x"
		}
		for slices.ContainsFunc(a.paths, func(other string) bool { return slices.Contains(strings.Split(other, "/"), value) }) {
			value += "x" // a path has this very segment
		}
		params = append(params, field{name, value})
		return value
	})
	request := table{{"method", r.methods[0]}, {"path", strings.TrimSuffix(r.pattern, path) + asked}}
	if r.methods[0] == "GET" {
		request = request[1:]
	}
	return fmt.Sprintf("route:expect(%s, %s)\n", lua(request), lua(table{{"pool", "api"}, {"route", r.name}}.with("params", params)))
}
