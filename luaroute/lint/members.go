package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/internal/spelling"
	"github.com/luaroute/caddy-luaroute/luaroute/signature"
	"github.com/luaroute/caddy-luaroute/luaroute/syntax"
)

// callee is what a call calls, as far as it is described.
type callee struct {
	fn     *signature.Type
	params []signature.Param
	args   []syntax.Expr
	name   string // for messages
	of     *Class // whose member it is
	member string
	object syntax.Expr
	loose  bool // further arguments do no harm
	// style is what to write instead of a dot or a colon that is wrong.
	style string
}

// callee finds out what a call calls.
func (p *pass) callee(f *file, call *syntax.Call) callee {
	c := callee{args: call.Args}
	index, dotted := call.Func.(*syntax.Index)
	key, isName := (*syntax.String)(nil), false
	if dotted {
		key, isName = index.Key.(*syntax.String)
	}
	switch {
	case call.Method != nil:
		c.object, c.member = call.Func, call.Method.Text
	case isName:
		c.object, c.member = index.Object, key.Value
	default:
		c.fn = p.functionType(p.typeOf(f, call.Func))
		if c.name = written(f, call.Func); c.name == "" {
			c.name = "the function"
		}
		c.loose = true
		if p.isObject(f, first(call.Args)) {
			return callee{args: call.Args} // it may be a method, and this what it is called of
		}
		return c.with()
	}
	m := p.api.member(p.typeOf(f, c.object), c.member)
	if c.fn = p.functionType(m.typ); c.fn == nil {
		return callee{args: call.Args, of: m.of, member: c.member, object: c.object}
	}
	c.of = m.of
	separator := "."
	if m.method {
		separator = ":"
	}
	if m.of != nil {
		c.name = object(f, c.object, m.of) + separator + c.member
	} else {
		c.name = c.member
	}
	global := m.of != nil && strings.HasPrefix(m.of.Name, globalTable(""))
	c.loose = global
	c = c.with()
	switch {
	case m.of == nil:
	case call.Method != nil && global: // ("text"):lower()
		if len(c.params) > 0 && c.params[0].Name != signature.Variadic {
			c.params = c.params[1:]
		}
		c.name = m.of.label() + "." + c.member
	case call.Method != nil && !m.method:
		c.style = c.name + "(…)"
	case call.Method == nil && m.method:
		first := p.typeOf(f, first(call.Args))
		self := first != nil && p.isOf(first, m.of)
		switch {
		case self:
			c.args = c.args[1:]
		case !m.of.Dot && (first != nil || len(call.Args) == 0):
			c.style = c.name + "(…)"
		case !m.of.Dot:
			c.fn = nil // it may have the object as its first argument
		}
	}
	return c
}

func (c callee) with() callee {
	if c.fn != nil {
		c.params = c.fn.Fields
	}
	return c
}

// isObject reports whether a value is something that has methods.
func (p *pass) isObject(f *file, e syntax.Expr) bool {
	if e == nil {
		return false
	}
	return slices.ContainsFunc(p.api.alternatives(truthy(p.typeOf(f, e))), p.api.isObject)
}

// isOf reports whether a type may be a class.
func (p *pass) isOf(t *signature.Type, c *Class) bool {
	for _, one := range p.api.alternatives(t) {
		if one.Kind == signature.Named && one.Name == c.Name {
			return true
		}
	}
	return false
}

// index checks the name behind a dot.
func (p *pass) index(f *file, e *syntax.Index) {
	if key, ok := e.Key.(*syntax.String); ok {
		p.has(f, e, e.Object, key.Value, key.Start)
	}
}

// has checks that an object has a member.
func (p *pass) has(f *file, whole, of syntax.Expr, name string, at syntax.Pos) {
	t := p.typeOf(f, of)
	m := p.api.member(t, name)
	if !m.missing {
		p.param(f, of, name, at)
		return
	}
	global, isGlobal := strings.CutPrefix(m.of.Name, globalTable(""))
	if isGlobal {
		if id, ok := of.(*syntax.Name); ok && id.Text == global {
			p.hasNot(f, whole, global+"."+name, at, m)
			return
		}
		if p.extended[global+"."+name] || !f.own {
			return
		}
	}
	if m.of.Bare && spelling.Nearest(name, p.api.names(m.of)) == "" {
		return // it does not describe itself, and may have more than its table shows
	}
	what := "field"
	if call, ok := f.parents[whole].(*syntax.Call); ok && call.Func == whole || whole == nil {
		what = "function"
	}
	if _, ok := whole.(*syntax.Call); ok {
		what = "method"
	}
	if len(m.of.Methods) > 0 && what == "function" {
		what = "method"
	}
	label := object(f, of, m.of)
	if isGlobal && label == m.of.label() {
		label = "a " + label
	}
	p.warn(f, "unknown-field", at, "%s has no %s %q%s%s", label, what, name, p.elsewhere(m.of, name), spelling.Hint(name, p.api.names(m.of)))
}

// hasNot reports what a library among the globals does not have. Popular libraries ask for what other versions of Lua have, and do not use
// it if it is not there, so that only scripts for luaroute are looked at, where nil would be an error and nothing asks.
func (p *pass) hasNot(f *file, whole syntax.Expr, name string, at syntax.Pos, m member) {
	if !f.own || p.extended[name] || !p.needsNow(f, whole) || f.asks(name) {
		return
	}
	if why, ok := p.api.Absent[name]; ok {
		p.warn(f, "absent", at, "scripts have no %s: %s", name, why)
		return
	}
	library, field, _ := strings.Cut(name, ".")
	p.warn(f, "unknown-field", at, "%s has no function %q%s", library, field, spelling.Hint(field, p.api.names(m.of)))
}

// asks reports whether a script looks if a global library has a function, by its name with that of the library.
func (f *file) asks(name string) bool {
	library, field, _ := strings.Cut(name, ".")
	for _, use := range f.globals[library] {
		index, ok := f.parents[use].(*syntax.Index)
		if !ok {
			continue
		}
		key, ok := index.Key.(*syntax.String)
		if ok && key.Value == field && !needsValue(f, index) {
			return true
		}
	}
	return false
}

// elsewhere returns what a message adds if another object that functions get has what is missing.
func (p *pass) elsewhere(c *Class, name string) string {
	if c.Label == c.Name || len(c.Methods) == 0 {
		return ""
	}
	for _, other := range p.api.Classes {
		if other.Label == "" || other.Label == c.Label {
			continue
		}
		if _, ok := find(other.Methods, name); ok {
			return fmt.Sprintf(", which is a method of %s", other.Label)
		}
	}
	return ""
}

// needsNow is needsValue, for a method that is called, too.
func (p *pass) needsNow(f *file, e syntax.Expr) bool {
	if call, ok := e.(*syntax.Call); ok && call.Method != nil {
		return true
	}
	return needsValue(f, e)
}

// required checks the name of a library.
func (p *pass) required(f *file, call *syntax.Call) {
	module, ok := required(p, f, call)
	if !ok || f.modules[module] != "" || module == p.api.Module || p.api.classes[library(ownName(p.api, module))] != nil {
		return
	}
	names := []string{p.api.Module}
	for _, lib := range p.api.Libraries {
		names = append(names, lib.Name)
	}
	if near := spelling.Nearest(module, names); near != "" {
		p.warn(f, "unknown-name", call.Args[0].Range().Start, "there is no module and no library %q; did you mean %q?", module, near)
	}
}

// unknownGlobals checks the globals that a script reads.
func (p *pass) unknownGlobals(f *file) {
	if len(f.globals["_G"])+len(f.globals["setfenv"])+len(f.globals["_ENV"]) > 0 {
		return
	}
	for name, uses := range f.globals {
		if p.assigned[name] || p.api.globals[name] != nil {
			continue
		}
		if _, ok := find(p.api.Defined, name); ok {
			continue
		}
		var at []syntax.Pos
		for _, use := range uses {
			if !needsValue(f, use) {
				at = nil // a look whether there is one
				break
			}
			at = append(at, use.Start)
		}
		why, absent := p.api.Absent[name]
		for _, pos := range at {
			switch {
			case absent && f.own:
				p.warn(f, "absent", pos, "scripts have no %s: %s", name, why)
			case !absent:
				p.warn(f, "unknown-global", pos, "nothing defines the global %q%s", name, spelling.Hint(name, p.globalNames()))
			}
		}
	}
}

func (p *pass) globalNames() (all []string) {
	for name := range p.api.globals {
		all = append(all, name)
	}
	for name := range p.assigned {
		all = append(all, name)
	}
	return sorted(all)
}
