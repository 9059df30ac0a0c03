package lint

import (
	"slices"

	"github.com/luaroute/caddy-luaroute/luaroute/signature"
	"github.com/luaroute/caddy-luaroute/luaroute/syntax"
)

// typeOf returns the type of an expression, nil if it is not known. Of one with several values it is that of the first.
func (p *pass) typeOf(f *file, e syntax.Expr) *signature.Type {
	if t, ok := p.types[e]; ok {
		return t
	}
	p.types[e] = nil // one that depends on itself
	if p.depth++; p.depth < 100 {
		p.types[e] = p.infer(f, e)
	}
	p.depth--
	return p.types[e]
}

func (p *pass) infer(f *file, e syntax.Expr) *signature.Type {
	switch e := e.(type) {
	case *syntax.String:
		return text(e.Value)
	case *syntax.Number:
		return numberType
	case *syntax.Constant:
		return named(e.Text)
	case *syntax.Concat:
		return stringType
	case *syntax.Function:
		return functionType
	case *syntax.Table:
		return tableType
	case *syntax.Paren:
		return p.typeOf(f, e.Inner)
	case *syntax.Unary:
		if e.Op == "not" {
			return booleanType
		}
		if t := p.typeOf(f, e.Operand); e.Op == "-" && is(t, "number") {
			return numberType
		}
	case *syntax.Binary:
		return p.inferBinary(f, e)
	case *syntax.Name:
		if v := f.variables[e]; v != nil {
			return p.typeOfVariable(f, v)
		}
		if !p.assigned[e.Text] {
			return p.api.globals[e.Text]
		}
	case *syntax.Index:
		if key, ok := e.Key.(*syntax.String); ok {
			return p.api.member(p.typeOf(f, e.Object), key.Value).typ
		}
		for _, t := range p.api.alternatives(truthy(p.typeOf(f, e.Object))) {
			if t.Kind == signature.List {
				return t.Of[0]
			}
		}
	case *syntax.Call:
		return p.result(f, e, 0)
	}
	return nil
}

func (p *pass) inferBinary(f *file, e *syntax.Binary) *signature.Type {
	left, right := p.typeOf(f, e.Left), p.typeOf(f, e.Right)
	switch e.Op {
	case "and":
		return truthy(right)
	case "or":
		if left == nil || right == nil {
			return nil
		}
		return union(truthy(left), right)
	case "==", "~=", "<", ">", "<=", ">=":
		return booleanType
	}
	if is(left, "number") && is(right, "number") {
		return numberType
	}
	return nil
}

// typeOfVariable returns the type that a variable has: what is declared, or one of those that are assigned to it.
func (p *pass) typeOfVariable(f *file, v *variable) *signature.Type {
	if t, ok := p.variables[v]; ok {
		return t
	}
	var t *signature.Type
	if !f.tells(v) {
		t = p.declared(f, v)
	}
	p.variables[v] = t // for what is assigned and depends on it
	for _, to := range v.assigned {
		if t == nil {
			break
		}
		t = union(t, p.valueOf(f, &to))
	}
	p.variables[v] = t
	return t
}

// tells reports whether a script asks for the type of a variable, so that what it does with it depends on the answer.
func (f *file) tells(v *variable) bool {
	return slices.ContainsFunc(v.uses, func(use *syntax.Name) bool {
		call, ok := f.parents[use].(*syntax.Call)
		if !ok || call.Func == use {
			return false
		}
		id, ok := call.Func.(*syntax.Name)
		return ok && id.Text == "type" && f.variables[id] == nil
	})
}

// declared returns the type that a variable begins with.
func (p *pass) declared(f *file, v *variable) *signature.Type {
	switch {
	case v.of != nil:
		return p.params[v]
	case v.loop != nil:
		return p.looped(f, v)
	case v.value == nil && len(v.assigned) > 0 && v.result == 0 && !v.open:
		return nilType
	}
	return p.valueOf(f, v)
}

// valueOf returns the type of what is declared or assigned.
func (p *pass) valueOf(f *file, v *variable) *signature.Type {
	switch {
	case v.value == nil:
		return nil
	case v.result > 0:
		return p.result(f, v.value.(*syntax.Call), v.result)
	}
	return p.typeOf(f, v.value)
}

// looped returns the type of the variable of a loop.
func (p *pass) looped(f *file, v *variable) *signature.Type {
	if len(v.loop.Values) != 1 {
		return nil
	}
	call, ok := v.loop.Values[0].(*syntax.Call)
	if !ok {
		return nil
	}
	iterator := p.globalCalled(f, call)
	if iterator == "ipairs" || iterator == "pairs" {
		for _, t := range p.api.alternatives(truthy(p.typeOf(f, first(call.Args)))) {
			switch t.Kind {
			case signature.List:
				return []*signature.Type{numberType, t.Of[0]}[min(v.index, 1)]
			case signature.Map:
				return truthy(t.Of[min(v.index, 1)])
			}
			if c := p.api.classOf(t); c != nil && c.Keys != nil && len(c.Fields) == 0 {
				return truthy([]*signature.Type{c.Key, c.Keys}[min(v.index, 1)])
			}
		}
		return nil
	}
	if fn := p.functionType(p.typeOf(f, call)); fn != nil {
		return truthy(resultOf(fn, v.index))
	}
	return nil
}

// globalCalled returns the name of the global that is called, "" if it is something else.
func (p *pass) globalCalled(f *file, call *syntax.Call) string {
	if id, ok := call.Func.(*syntax.Name); ok && call.Method == nil && f.variables[id] == nil && !p.assigned[id.Text] {
		return id.Text
	}
	return ""
}

// functionType returns the one function that a type is, besides nil and other things that cannot be called.
func (p *pass) functionType(t *signature.Type) *signature.Type {
	var found *signature.Type
	for _, one := range p.api.alternatives(t) {
		if one.Kind == signature.Function {
			if found != nil {
				return nil
			}
			found = one
		}
	}
	return found
}

func resultOf(fn *signature.Type, i int) *signature.Type {
	if n := len(fn.Results); n > 0 && fn.Results[n-1].Name == signature.Variadic && i >= n-1 {
		return union(fn.Results[n-1].Type, nilType)
	}
	if i < len(fn.Results) {
		return fn.Results[i].Type
	}
	return nil
}

// result returns the type of a result of a call.
func (p *pass) result(f *file, call *syntax.Call, i int) *signature.Type {
	if module, ok := required(p, f, call); ok {
		switch {
		case i > 0:
		case f.modules[module] != "":
		case module == p.api.Module:
			return named(p.api.Router)
		case p.api.classes[library(ownName(p.api, module))] != nil:
			return named(library(ownName(p.api, module)))
		}
		return nil
	}
	if fn := p.callee(f, call).fn; fn != nil {
		return resultOf(fn, i)
	}
	if i > 0 {
		return nil
	}
	return p.returned(f, call)
}

// required returns what a call requires.
func required(p *pass, f *file, call *syntax.Call) (module string, ok bool) {
	if p.globalCalled(f, call) != "require" || len(call.Args) != 1 {
		return "", false
	}
	name, ok := call.Args[0].(*syntax.String)
	if !ok {
		return "", false
	}
	return name.Value, true
}

// ownName returns the name of a library without what stands before it to tell it from modules of the same name.
func ownName(a *api, module string) string {
	if prefix := a.Module + "."; len(module) > len(prefix) && module[:len(prefix)] == prefix {
		return module[len(prefix):]
	}
	return module
}

// returned returns the type of what a function of the script returns first, if all its returns agree.
func (p *pass) returned(f *file, call *syntax.Call) *signature.Type {
	all := p.functions(f, call.Func)
	if call.Method != nil || len(all) != 1 {
		return nil
	}
	fn := all[0]
	returns := fn.file.owners[fn.Function]
	if len(returns) == 0 {
		return nil
	}
	var types []*signature.Type
	for _, r := range returns {
		if len(r.Values) == 0 {
			types = append(types, nilType)
			continue
		}
		if p.returning[r] {
			return nil
		}
		p.returning[r] = true
		types = append(types, p.typeOf(fn.file, r.Values[0]))
		delete(p.returning, r)
	}
	return union(types...)
}

// function is a function of a script.
type function struct {
	*syntax.Function
	file *file
}

// functions returns the functions of scripts that an expression may be.
func (p *pass) functions(f *file, e syntax.Expr) []function {
	if all, ok := p.known[e]; ok {
		return all
	}
	p.known[e] = nil // what depends on itself adds nothing
	var all []function
	for _, fn := range p.look(f, e) {
		if !slices.Contains(all, fn) {
			all = append(all, fn)
		}
	}
	p.known[e] = all
	return all
}

// look is functions without its memory.
func (p *pass) look(f *file, e syntax.Expr) []function {
	switch e := e.(type) {
	case *syntax.Function:
		return []function{{e, f}}
	case *syntax.Paren:
		return p.functions(f, e.Inner)
	case *syntax.Binary:
		switch e.Op {
		case "or":
			return slices.Concat(p.functions(f, e.Left), p.functions(f, e.Right))
		case "and":
			return p.functions(f, e.Right)
		}
	case *syntax.Name:
		v := f.variables[e]
		switch {
		case v == nil || v.changed || v.result > 0:
		case v.of != nil:
			var all []function
			for _, arg := range p.before[v] {
				all = append(all, p.functions(arg.file, arg.e)...)
			}
			return all
		case v.value != nil:
			return p.functions(f, v.value)
		}
	case *syntax.Call: // of a function that makes functions
		var all []function
		if e.Method != nil {
			return nil
		}
		for _, fn := range p.functions(f, e.Func) {
			for _, r := range fn.file.owners[fn.Function] {
				if len(r.Values) > 0 {
					all = append(all, p.functions(fn.file, r.Values[0])...)
				}
			}
		}
		return all
	case *syntax.Index:
		if key, ok := e.Key.(*syntax.String); ok {
			return p.functionsOf(f, e.Object, key.Value, 0)
		}
	}
	return nil
}

// functionsOf returns the functions that a field of a table of the script, or of a module, may be.
func (p *pass) functionsOf(f *file, object syntax.Expr, field string, depth int) []function {
	if depth > maxDepth {
		return nil
	}
	switch e := object.(type) {
	case *syntax.Table:
		for _, at := range e.Fields {
			if key, ok := at.Key.(*syntax.String); ok && key.Value == field {
				return p.functions(f, at.Value)
			}
		}
	case *syntax.Name:
		v := f.variables[e]
		if v == nil || v.changed || v.value == nil || v.result > 0 || v.methods[field] {
			return nil
		}
		var all []function
		for _, value := range v.fields[field] {
			if value != nil {
				all = append(all, p.functions(f, value)...)
			}
		}
		return append(all, p.functionsOf(f, v.value, field, depth+1)...)
	case *syntax.Call:
		if name, ok := required(p, f, e); ok {
			if module := p.files[f.modules[name]]; module != nil && len(module.exports) == 1 && len(module.exports[0].Values) > 0 {
				return p.functionsOf(module, module.exports[0].Values[0], field, depth+1)
			}
		}
	}
	return nil
}
