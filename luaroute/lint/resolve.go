package lint

import "github.com/luaroute/caddy-luaroute/luaroute/syntax"

// variable is a local variable or a parameter.
type variable struct {
	name string
	// value is what it is declared with, and result which of its values; a nil value is unknown.
	value  syntax.Expr
	result int
	// open says that it is declared with something that is not known, such as one of many values.
	open bool
	// of is the function whose parameter it is, and index which one; or the loop whose variable it is.
	of    *syntax.Function
	index int
	loop  *syntax.GenericFor
	// changed says that it is assigned again, and assigned what.
	changed  bool
	assigned []variable
	// uses are where it is read.
	uses []*syntax.Name
	// fields are what is assigned to the fields of a table in it.
	fields map[string][]syntax.Expr
	// methods are those of them that were declared with a colon.
	methods map[string]bool
}

// file is a script whose names are resolved.
type file struct {
	name     string
	lines    []string
	tree     *syntax.Block
	requires []string
	modules  map[string]string // files that require finds, by what is required
	tenants  []string          // for which it runs; none if they are not known

	variables map[*syntax.Name]*variable // of names that are read, declared or assigned, if they are local
	parents   map[syntax.Node]syntax.Node
	owners    map[*syntax.Function][]*syntax.Return // the returns of each function
	params    map[*syntax.Function][]*variable
	exports   []*syntax.Return               // those of the script itself
	globals   map[string][]*syntax.Name      // that are read
	assigned  map[string]bool                // globals that are assigned
	extended  map[string]bool                // "string.trim": fields that are assigned to globals
	holders   map[*syntax.Function]*variable // the variables that functions are declared in
	defined   map[string][]*syntax.Function  // what globals are assigned, if it is a function
	own       bool                           // it requires something of luaroute's, or the configuration names it

	scope   []*variable
	current *syntax.Function
	stack   []syntax.Node
}

// resolve finds out which variable each name of a script is.
func resolve(name string, tree *syntax.Block) *file {
	f := &file{
		name: name, tree: tree, modules: map[string]string{},
		variables: map[*syntax.Name]*variable{}, parents: map[syntax.Node]syntax.Node{}, owners: map[*syntax.Function][]*syntax.Return{},
		params: map[*syntax.Function][]*variable{}, globals: map[string][]*syntax.Name{}, assigned: map[string]bool{},
		extended: map[string]bool{}, holders: map[*syntax.Function]*variable{}, defined: map[string][]*syntax.Function{},
	}
	f.block(tree)
	return f
}

func (f *file) declare(n *syntax.Name, v variable) *variable {
	v.name = n.Text
	f.scope = append(f.scope, &v)
	f.variables[n] = &v
	if fn, ok := v.value.(*syntax.Function); ok && v.result == 0 {
		f.holders[fn] = &v
	}
	return &v
}

func (f *file) lookUp(name string) *variable {
	for i := len(f.scope) - 1; i >= 0; i-- {
		if f.scope[i].name == name {
			return f.scope[i]
		}
	}
	return nil
}

// within resolves in a scope of its own.
func (f *file) within(do func()) {
	depth := len(f.scope)
	do()
	f.scope = f.scope[:depth]
}

func (f *file) block(b *syntax.Block) {
	f.within(func() { f.statements(b) })
}

func (f *file) statements(b *syntax.Block) {
	f.enter(b)
	for _, s := range b.Stmts {
		f.node(s)
	}
	f.leave()
}

func (f *file) enter(n syntax.Node) {
	if len(f.stack) > 0 {
		f.parents[n] = f.stack[len(f.stack)-1]
	}
	f.stack = append(f.stack, n)
}

func (f *file) leave() { f.stack = f.stack[:len(f.stack)-1] }

// node resolves a node and all in it.
func (f *file) node(n syntax.Node) {
	if b, ok := n.(*syntax.Block); ok {
		f.block(b)
		return
	}
	f.enter(n)
	defer f.leave()
	switch n := n.(type) {
	case *syntax.Local:
		f.nodes(n.Values)
		for i, name := range n.Names {
			v := valueOf(n.Values, i)
			v.open = v.value == nil && len(n.Values) > 0
			f.declare(name, v)
		}
	case *syntax.Assign:
		f.nodes(n.Values)
		for i, target := range n.Targets {
			f.assign(target, valueOf(n.Values, i))
		}
	case *syntax.FunctionStmt:
		f.functionStmt(n)
	case *syntax.Repeat: // the condition sees the variables of the block
		f.within(func() {
			f.statements(n.Body)
			f.node(n.Cond)
		})
	case *syntax.NumericFor:
		f.nodes([]syntax.Expr{n.Start, n.Limit})
		if n.Step != nil {
			f.node(n.Step)
		}
		f.within(func() {
			f.declare(n.Name, variable{value: n.Start})
			f.block(n.Body)
		})
	case *syntax.GenericFor:
		f.nodes(n.Values)
		f.within(func() {
			for i, name := range n.Names {
				f.declare(name, variable{loop: n, index: i})
			}
			f.block(n.Body)
		})
	case *syntax.Function:
		f.function(n, false)
	case *syntax.Return:
		f.nodes(n.Values)
		if f.current != nil {
			f.owners[f.current] = append(f.owners[f.current], n)
		} else {
			f.exports = append(f.exports, n)
		}
	case *syntax.Call:
		f.node(n.Func)
		f.nodes(n.Args)
	case *syntax.Name:
		if v := f.lookUp(n.Text); v != nil {
			v.uses = append(v.uses, n)
			f.variables[n] = v
		} else {
			f.globals[n.Text] = append(f.globals[n.Text], n)
		}
	case *syntax.Goto, *syntax.Label:
	default:
		for _, child := range n.Children() {
			f.node(child)
		}
	}
}

func (f *file) nodes(list []syntax.Expr) {
	for _, e := range list {
		f.node(e)
	}
}

// valueOf returns what the variable at a place of a list is declared with.
func valueOf(values []syntax.Expr, i int) variable {
	if i < len(values) {
		return variable{value: values[i]}
	}
	if len(values) > 0 {
		if last, ok := values[len(values)-1].(*syntax.Call); ok {
			return variable{value: last, result: i - len(values) + 1}
		}
	}
	return variable{}
}

// assign resolves what a value is assigned to.
func (f *file) assign(target syntax.Expr, to variable) {
	switch t := target.(type) {
	case *syntax.Name:
		f.enter(t)
		f.leave()
		if v := f.lookUp(t.Text); v != nil {
			v.changed, v.assigned = true, append(v.assigned, to)
			f.variables[t] = v
			return
		}
		f.assigned[t.Text] = true
		if fn, ok := to.value.(*syntax.Function); ok {
			f.defined[t.Text] = append(f.defined[t.Text], fn)
		}
	case *syntax.Index:
		f.node(t)
		key, ok := t.Key.(*syntax.String)
		object, named := t.Object.(*syntax.Name)
		if !ok || !named {
			return
		}
		if v := f.variables[object]; v != nil {
			f.field(v, key.Value, to)
		} else {
			f.extended[object.Text+"."+key.Value] = true
		}
	default:
		f.node(target)
	}
}

func (f *file) field(v *variable, name string, to variable) {
	if v.fields == nil {
		v.fields = map[string][]syntax.Expr{}
	}
	var value syntax.Expr
	if to.result == 0 {
		value = to.value
	}
	v.fields[name] = append(v.fields[name], value)
}

func (f *file) functionStmt(n *syntax.FunctionStmt) {
	id, isName := n.Target.(*syntax.Name)
	switch {
	case n.Method != nil:
		f.node(n.Target)
		if isName {
			if v := f.variables[id]; v != nil {
				f.field(v, n.Method.Text, variable{value: n.Func})
				if v.methods == nil {
					v.methods = map[string]bool{}
				}
				v.methods[n.Method.Text] = true
			} else {
				f.extended[id.Text+"."+n.Method.Text] = true
			}
		}
	case n.Local:
		f.declare(id, variable{value: n.Func})
	default:
		f.assign(n.Target, variable{value: n.Func})
	}
	f.enter(n.Func)
	f.function(n.Func, n.Method != nil)
	f.leave()
}

// function resolves the parameters and the body of a function.
func (f *file) function(fn *syntax.Function, method bool) {
	outer := f.current
	f.current = fn
	f.within(func() {
		if method {
			f.declare(&syntax.Name{Text: "self"}, variable{})
		}
		for i, name := range fn.Params {
			f.params[fn] = append(f.params[fn], f.declare(name, variable{of: fn, index: i}))
		}
		f.block(fn.Body)
	})
	f.current = outer
}
