package syntax

// Walk calls visit for a node, and for all in it if it returns true, in the order in which they are written. After those it calls
// leave, which may be nil, for the node again.
func Walk(n Node, visit func(Node) bool, leave func(Node)) {
	if visit(n) {
		for _, child := range n.Children() {
			Walk(child, visit, leave)
		}
	}
	if leave != nil {
		leave(n)
	}
}

// nodes gathers children.
type nodes []Node

// with appends a node that may be nil.
func (l nodes) with(list ...Node) nodes { return append(l, list...) }

// listed appends the nodes of a list.
func listed[T Node](l nodes, list []T) nodes {
	for _, n := range list {
		l = append(l, n)
	}
	return l
}

// maybe is a list of a node that may be missing.
func maybe[T interface {
	comparable
	Node
}](n T) []T {
	var none T
	if n == none {
		return nil
	}
	return []T{n}
}

// Children returns the statements.
func (b *Block) Children() []Node { return listed(nil, b.Stmts) }

// Children returns the targets and the values.
func (s *Assign) Children() []Node { return listed(listed(nil, s.Targets), s.Values) }

// Children returns the names and the values.
func (s *Local) Children() []Node { return listed(listed(nil, s.Names), s.Values) }

// Children returns the target, the method and the function.
func (s *FunctionStmt) Children() []Node {
	return listed(nodes{s.Target}, maybe(s.Method)).with(s.Func)
}

// Children returns the call.
func (s *CallStmt) Children() []Node { return nodes{s.Call} }

// Children returns the body.
func (s *Do) Children() []Node { return nodes{s.Body} }

// Children returns the condition and the body.
func (s *While) Children() []Node { return nodes{s.Cond, s.Body} }

// Children returns the body and the condition.
func (s *Repeat) Children() []Node { return nodes{s.Body, s.Cond} }

// Children returns the clauses and what is done otherwise.
func (s *If) Children() []Node { return listed(listed(nil, s.Clauses), maybe(s.Else)) }

// Children returns the condition and the body.
func (c *Clause) Children() []Node { return nodes{c.Cond, c.Body} }

// Children returns the name, the numbers and the body.
func (s *NumericFor) Children() []Node {
	return listed(nodes{s.Name, s.Start, s.Limit}, maybe(s.Step)).with(s.Body)
}

// Children returns the names, the values and the body.
func (s *GenericFor) Children() []Node { return listed(listed(nil, s.Names), s.Values).with(s.Body) }

// Children returns the values.
func (s *Return) Children() []Node { return listed(nil, s.Values) }

// Children returns nothing.
func (*Break) Children() []Node { return nil }

// Children returns the label.
func (s *Goto) Children() []Node { return nodes{s.Label} }

// Children returns the name.
func (s *Label) Children() []Node { return nodes{s.Name} }

// Children returns nothing.
func (*Name) Children() []Node { return nil }

// Children returns nothing.
func (*String) Children() []Node { return nil }

// Children returns nothing.
func (*Number) Children() []Node { return nil }

// Children returns nothing.
func (*Constant) Children() []Node { return nil }

// Children returns nothing.
func (*Varargs) Children() []Node { return nil }

// Children returns the parameters and the body.
func (e *Function) Children() []Node { return listed(nil, e.Params).with(e.Body) }

// Children returns the fields.
func (e *Table) Children() []Node { return listed(nil, e.Fields) }

// Children returns the key, if there is one, and the value.
func (f *Field) Children() []Node { return listed(nil, maybe(f.Key)).with(f.Value) }

// Children returns the operand.
func (e *Unary) Children() []Node { return nodes{e.Operand} }

// Children returns the operands.
func (e *Binary) Children() []Node { return nodes{e.Left, e.Right} }

// Children returns the operands.
func (e *Concat) Children() []Node { return listed(nil, e.Operands) }

// Children returns the object and the key.
func (e *Index) Children() []Node { return nodes{e.Object, e.Key} }

// Children returns the function, the method and the arguments.
func (e *Call) Children() []Node {
	return listed(listed(nodes{e.Func}, maybe(e.Method)), e.Args)
}

// Children returns what is between the parentheses.
func (e *Paren) Children() []Node { return nodes{e.Inner} }
