package lint

import (
	"fmt"
	"strings"

	"github.com/luaroute/caddy-luaroute/internal/spelling"
	"github.com/luaroute/caddy-luaroute/luaroute/signature"
	"github.com/luaroute/caddy-luaroute/luaroute/syntax"
)

// call checks a call, and hands what its function expects to its arguments.
func (p *pass) call(f *file, call *syntax.Call) {
	if p.last {
		if call.Method != nil {
			p.has(f, call, call.Func, call.Method.Text, call.Method.Start)
		}
		p.required(f, call)
	}
	c := p.callee(f, call)
	if c.style != "" {
		p.warn(f, "call-style", place(call), "%s is called as %s", c.member, c.style)
		return
	}
	if c.fn == nil {
		p.calls(f, call)
		return
	}
	p.count(f, call, c)
	p.declares(f, c)
	if c.member == "param" && c.object != nil && len(c.args) == 1 && p.last {
		if name, ok := c.args[0].(*syntax.String); ok {
			p.paramOf(f, c.object, name.Value, name.Start)
		}
	}
	if p.last {
		p.unchecked(f, call, c)
		p.unused(f, call, c)
	}
	for i, param := range signature.Arrange(c.params, len(c.args)) {
		if i == len(c.args) {
			break
		}
		want := param.Type
		if param.Optional {
			want = union(want, nilType)
		}
		p.push(f, c.args[i], want, fmt.Sprintf("argument %d of %s", i+1, c.name), 0)
	}
}

// place returns where a call names what it calls.
func place(call *syntax.Call) syntax.Pos {
	if call.Method != nil {
		return call.Method.Start
	}
	if index, ok := call.Func.(*syntax.Index); ok {
		return index.Key.Range().Start
	}
	return call.Start
}

// calls notes what a call hands to a function of the script.
func (p *pass) calls(f *file, call *syntax.Call) {
	if call.Method != nil {
		return
	}
	for _, fn := range p.functions(f, call.Func) {
		for i, v := range fn.file.params[fn.Function] {
			var t *signature.Type
			if i < len(call.Args) {
				t = p.typeOf(f, call.Args[i])
				p.handed[v] = append(p.handed[v], handed{f, call.Args[i]})
			}
			p.called[v] = append(p.called[v], t)
		}
	}
}

// count checks how many arguments a call has.
func (p *pass) count(f *file, call *syntax.Call, c callee) {
	least, most := signature.Required(c.params)
	n := len(c.args)
	open := false
	if n > 0 {
		switch c.args[n-1].(type) {
		case *syntax.Call, *syntax.Varargs:
			open = true // which may be none, or many
		}
	}
	takes := arguments(most)
	switch {
	case most < 0:
		takes = "at least " + arguments(least)
	case most > least:
		takes = fmt.Sprintf("%d to %s", least, arguments(most))
	}
	fixed := n
	if open {
		fixed--
	}
	// A missing argument that may be nil is one.
	for least > 0 && least > n && c.params[min(least, len(c.params))-1].Type.Nilable() {
		least--
	}
	if !open && n < least || most >= 0 && fixed > most && !c.loose {
		p.warn(f, "argument-count", place(call), "%s takes %s (%s), found %d", c.name, takes, signature.Join(c.params), fixed)
	}
}

// arguments writes a number of them.
func arguments(n int) string {
	if n == 1 {
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", n)
}

// pushed is a type that was handed to an expression.
type pushed struct {
	e syntax.Expr
	t *signature.Type
}

// push hands a type that is expected to an expression: functions learn their parameters, literals are checked.
func (p *pass) push(f *file, e syntax.Expr, want *signature.Type, what string, depth int) {
	if want == nil || depth > maxDepth || p.pushed[pushed{e, want}] {
		return
	}
	p.pushed[pushed{e, want}] = true
	switch e := e.(type) {
	case *syntax.Paren:
		p.push(f, e.Inner, want, what, depth+1)
		return
	case *syntax.Binary:
		switch e.Op {
		case "and":
			p.push(f, e.Right, want, what, depth+1)
			return
		case "or":
			p.push(f, e.Left, union(want, nilType, named("false")), what, depth+1)
			p.push(f, e.Right, want, what, depth+1)
			return
		}
	case *syntax.Table:
		p.pushTable(f, e, want, what, depth)
		return
	}
	for _, fn := range p.functions(f, e) {
		if t := p.functionType(onlyFunctions(p.api, want)); t != nil {
			p.context(fn, t)
		}
	}
	if !p.last {
		p.pushInto(f, e, want, what, depth)
		return
	}
	if !p.literal(f, e, want, what) {
		p.pushInto(f, e, want, what, depth)
	}
}

// onlyFunctions returns the functions among the alternatives of a type.
func onlyFunctions(a *api, t *signature.Type) *signature.Type {
	var all []*signature.Type
	for _, one := range a.alternatives(t) {
		if one.Kind == signature.Function {
			all = append(all, one)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return union(all...)
}

// pushInto hands a type to the tables that an expression stands for: in a variable, or what a function of the script returns.
func (p *pass) pushInto(f *file, e syntax.Expr, want *signature.Type, what string, depth int) {
	switch e := e.(type) {
	case *syntax.Name:
		v := f.variables[e]
		if v == nil || v.changed || v.result > 0 {
			return
		}
		if table, ok := v.value.(*syntax.Table); ok && len(v.fields) == 0 {
			p.push(f, table, want, what, depth+1)
		}
	case *syntax.Call:
		if e.Method != nil {
			return
		}
		for _, fn := range p.functions(f, e.Func) {
			for _, r := range fn.file.owners[fn.Function] {
				if len(r.Values) == 0 {
					continue
				}
				if table, ok := r.Values[0].(*syntax.Table); ok {
					p.push(fn.file, table, want, what, depth+1)
				}
			}
		}
	}
}

// literal checks an expression whose type is certain. It reports whether something is wrong.
func (p *pass) literal(f *file, e syntax.Expr, want *signature.Type, what string) bool {
	have := p.typeOf(f, e)
	if have == nil {
		return false
	}
	at := e.Range().Start
	if have.Kind == signature.Text && p.nameOf(f, e, have.Name, want) {
		return true
	}
	if p.api.accepts(want, have) {
		return false
	}
	if have.Kind == signature.Text {
		if values := p.texts(want); len(values) > 0 {
			p.warn(f, "unknown-value", at, "%s is %q; expected %s%s", what, have.Name, quoted(values), spelling.Hint(have.Name, values))
			return true
		}
	}
	p.warn(f, "wrong-type", at, "%s is %s; expected %s", what, p.api.say(have), p.api.say(want))
	return true
}

// texts returns the texts that a type allows.
func (p *pass) texts(t *signature.Type) (all []string) {
	for _, one := range p.api.alternatives(t) {
		if one.Kind == signature.Text {
			all = append(all, one.Name)
		}
	}
	return all
}

func quoted(values []string) string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = fmt.Sprintf("%q", v)
	}
	return strings.Join(all, ", ")
}

// compare checks a string that is compared with something that is one of several strings, or a name.
func (p *pass) compare(f *file, value, with syntax.Expr) {
	name, ok := value.(*syntax.String)
	if !ok {
		return
	}
	t := p.typeOf(f, with)
	if t == nil || p.nameOf(f, name, name.Value, t) || p.api.accepts(t, text(name.Value)) {
		return
	}
	if values := p.texts(t); len(values) > 1 {
		p.warn(f, "unknown-value", name.Start, "it is never %q; expected %s%s", name.Value, quoted(values), spelling.Hint(name.Value, values))
	}
}

// given is what a function was told to be.
type given struct {
	fn *syntax.Function
	t  *signature.Type
}

// context hands the types of parameters and results to a function.
func (p *pass) context(fn function, t *signature.Type) {
	if p.contexts[given{fn.Function, t}] {
		return
	}
	p.contexts[given{fn.Function, t}] = true
	for i, v := range fn.file.params[fn.Function] {
		if i >= len(t.Fields) || t.Fields[i].Name == signature.Variadic || is(t.Fields[i].Type, "any") {
			continue
		}
		of := t.Fields[i].Type
		if t.Fields[i].Optional {
			of = union(of, nilType)
		}
		p.found[v] = append(p.found[v], of)
	}
	for _, r := range fn.file.owners[fn.Function] {
		for i, value := range r.Values {
			if i >= len(t.Results) || t.Results[i].Name == signature.Variadic {
				break
			}
			p.push(fn.file, value, union(t.Results[i].Type, nilType), "what the function returns", 0)
		}
	}
}
