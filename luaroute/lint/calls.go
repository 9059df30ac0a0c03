package lint

import (
	"regexp"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/syntax"
)

// answering are the methods of routers whose functions requests call. Those of the other methods run while the script loads.
var answering = []string{
	"get", "post", "put", "patch", "delete", "head", "options", "trace", "connect", "any", "method",
	"use", "with", "not_found", "method_not_allowed", "on_error", "every", "export", "certificate",
}

// changing are the functions that change the table which is their first argument.
var changing = map[string][]string{"table": {"insert", "remove", "sort"}, "": {"rawset"}}

// calledName returns the object and the name of what is called: route and get of route:get() and route.get(), and "" and f of f().
func calledName(e *syntax.Call) (object, name string) {
	owner := e.Func
	switch fn := e.Func.(type) {
	case *syntax.Name:
		if e.Method == nil {
			return "", fn.Text
		}
	case *syntax.Index:
		if key, ok := fn.Key.(*syntax.String); ok && e.Method == nil {
			owner, name = fn.Object, key.Value
		}
	}
	if e.Method != nil {
		name = e.Method.Text
	}
	if id, ok := owner.(*syntax.Name); ok {
		object = id.Text
	}
	return object, name
}

func (w *walker) call(e *syntax.Call) {
	object, name := calledName(e)
	args := e.Args
	if object != "" {
		w.pattern(name, args)
	}
	switch {
	case object == "" && name == "require":
		if module, ok := first(args).(*syntax.String); ok {
			w.modules = append(w.modules, module.Value)
		}
	case object != "" && slices.Contains(answering, name):
		for _, arg := range args {
			w.answers(arg)
		}
	case object != "" && name == "when":
		w.answers(first(args))
	case name == "pool" && object != "" && len(args) == 2:
		if pool, ok := args[0].(*syntax.String); ok {
			w.out.pools = append(w.out.pools, w.declared(pool))
			args = args[1:] // a declaration does not use the pool
			w.answers(args[0])
		} else {
			w.out.open["pool"] = true
		}
	case name == "metric" && object != "" && len(args) == 1:
		w.metric(args[0])
	case name == "tenant" && object != "" && len(args) > 1:
		if tenant, ok := args[0].(*syntax.String); ok {
			w.out.tenants = append(w.out.tenants, tenant.Value)
		} else {
			w.out.open["tenant"] = true
		}
	case slices.Contains(changing[object], name):
		w.changed(first(args))
	}
	w.walk(e.Func)
	for _, arg := range args {
		outside := w.tenant
		if fn, ok := arg.(*syntax.Function); ok {
			if tenant, ok := tenantOf(e, fn); ok {
				w.tenant = &tenant
			}
		}
		w.walk(arg)
		w.tenant = outside
	}
}

// declared returns where something of a name is declared.
func (w *walker) declared(name *syntax.String) declared {
	d := declared{Finding: Finding{"unused-pool", w.script, name.Start.Line, name.Start.Column, name.Value}}
	if d.within = w.tenant != nil; d.within {
		d.tenant = *w.tenant
	}
	return d
}

// metric notes where a metric is declared.
func (w *walker) metric(options syntax.Expr) {
	if table, ok := options.(*syntax.Table); ok {
		for _, field := range table.Fields {
			key, named := field.Key.(*syntax.String)
			if value, written := field.Value.(*syntax.String); named && written && key.Value == "name" {
				w.out.metrics = append(w.out.metrics, w.declared(value))
				return
			}
		}
	}
	w.out.open["metric"] = true
}

// patterned are the methods of routers whose first argument is a pattern.
var patterned = []string{"get", "post", "put", "patch", "delete", "head", "options", "trace", "connect", "any", "route", "mount"}

// foreign is how other routers write a parameter: :id, <id> and <int:id>, [id].
var foreign = regexp.MustCompile(`^(?::([A-Za-z_]\w*)\??|<(?:\w+:)?([A-Za-z_]\w*)>|\[([A-Za-z_]\w*)\])$`)

// pattern looks for parameters in the syntax of other routers, which are plain text here.
func (w *walker) pattern(method string, args []syntax.Expr) {
	switch {
	case method == "method" && len(args) > 2:
		args = args[1:]
	case !slices.Contains(patterned, method) || len(args) < 2:
		return
	}
	text, ok := args[0].(*syntax.String)
	if !ok || !strings.HasPrefix(text.Value, "/") {
		return
	}
	for segment := range strings.SplitSeq(text.Value, "/") {
		if m := foreign.FindStringSubmatch(segment); m != nil {
			w.warn("foreign-pattern", text.Start, "%s in the pattern %s is plain text, which the path must contain; a parameter is {%s}", segment, text.Value, m[1]+m[2]+m[3])
		}
	}
}

func first(args []syntax.Expr) syntax.Expr {
	if len(args) == 0 {
		return nil
	}
	return args[0]
}

// answers notes the functions in a value that requests call: the value itself, its fields, or what its name stands for.
func (w *walker) answers(e syntax.Expr) {
	switch e := e.(type) {
	case *syntax.Function:
		if w.functions == nil {
			w.functions = map[*syntax.Function]bool{}
		}
		w.functions[e] = true
	case *syntax.Name:
		w.handlers[e.Text] = true
	case *syntax.Table:
		for _, field := range e.Fields {
			w.answers(field.Value)
		}
	}
}
