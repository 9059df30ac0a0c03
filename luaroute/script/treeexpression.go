package script

import "github.com/luaroute/caddy-luaroute/luaroute/syntax"

func (p *treeParser) expressions() []syntax.Expr {
	all := []syntax.Expr{p.expression()}
	for p.accept(',') {
		all = append(all, p.expression())
	}
	return all
}

func (p *treeParser) expression() syntax.Expr { return p.subexpression(0) }

// subexpression reads operands as long as the operators between them bind more strongly than what is around.
func (p *treeParser) subexpression(limit int) syntax.Expr {
	start := p.here()
	var left syntax.Expr
	switch p.token() {
	case tokenNot, '-', '#':
		u := &syntax.Unary{Op: p.next().token.String()}
		u.Operand = p.subexpression(unaryPriority)
		u.Span = p.from(start)
		left = u
	default:
		left = p.simple()
	}
	for b, ok := binaries[p.token()]; ok && b.left > limit; b, ok = binaries[p.token()] {
		if p.token() == tokenConcat {
			all := []syntax.Expr{left}
			for p.accept(tokenConcat) {
				all = append(all, p.subexpression(concatenation))
			}
			left = &syntax.Concat{Span: p.from(start), Operands: all}
			continue
		}
		op := p.next().token.String()
		right := p.subexpression(b.right)
		left = &syntax.Binary{Span: p.from(start), Op: op, Left: left, Right: right}
	}
	return left
}

// simple reads an operand.
func (p *treeParser) simple() syntax.Expr {
	t := p.tokens[p.i]
	switch t.token {
	case tokenNumber:
		p.next()
		return &syntax.Number{Span: t.Span, Value: t.number}
	case tokenString:
		return p.text()
	case tokenNil, tokenTrue, tokenFalse:
		p.next()
		return &syntax.Constant{Span: t.Span, Text: t.token.String()}
	case tokenDots:
		p.next()
		return &syntax.Varargs{Span: t.Span}
	case '{':
		return p.table()
	case tokenFunction:
		p.next()
		return p.function(t.Start)
	}
	return p.primary()
}

func (p *treeParser) text() *syntax.String {
	t := p.expect(tokenString)
	return &syntax.String{Span: t.Span, Value: t.text}
}

// primary reads a variable, or a call.
func (p *treeParser) primary() (e syntax.Expr) {
	start := p.here()
	if p.accept('(') {
		inner := p.expression()
		p.expect(')')
		e = &syntax.Paren{Span: p.from(start), Inner: inner}
	} else {
		e = p.name()
	}
	for {
		switch p.token() {
		case '.':
			p.next()
			e = p.field(e)
		case '[':
			p.next()
			key := p.expression()
			p.expect(']')
			e = &syntax.Index{Span: p.from(start), Object: e, Key: key}
		case ':':
			p.next()
			c := &syntax.Call{Func: e, Method: p.name()}
			c.Args = p.arguments()
			c.Span = p.from(start)
			e = c
		case '(', tokenString, '{':
			c := &syntax.Call{Func: e, Args: p.arguments()}
			c.Span = p.from(start)
			e = c
		default:
			return e
		}
	}
}

// field reads the name behind a dot.
func (p *treeParser) field(object syntax.Expr) syntax.Expr {
	t := p.expect(tokenName)
	return &syntax.Index{Span: p.from(object.Range().Start), Object: object, Key: &syntax.String{Span: t.Span, Value: t.text}}
}

func (p *treeParser) arguments() (args []syntax.Expr) {
	switch p.token() {
	case tokenString:
		return []syntax.Expr{p.text()}
	case '{':
		return []syntax.Expr{p.table()}
	}
	p.expect('(')
	if p.token() != ')' {
		args = p.expressions()
	}
	p.expect(')')
	return args
}

func (p *treeParser) table() syntax.Expr {
	start := p.expect('{').Start
	t := &syntax.Table{}
	for p.token() != '}' {
		at := p.tokens[p.i]
		f := &syntax.Field{}
		switch {
		case p.accept('['):
			f.Key = p.expression()
			p.expect(']')
			p.expect('=')
		case at.token == tokenName && p.tokens[p.i+1].token == '=':
			p.next()
			f.Key = &syntax.String{Span: at.Span, Value: at.text}
			p.expect('=')
		}
		f.Value = p.expression()
		f.Span = p.from(at.Start)
		t.Fields = append(t.Fields, f)
		if !p.accept(',') && !p.accept(';') {
			break
		}
	}
	p.expect('}')
	t.Span = p.from(start)
	return t
}

// function reads parameters and a body.
func (p *treeParser) function(start syntax.Pos) *syntax.Function {
	f := &syntax.Function{}
	p.expect('(')
	for p.token() != ')' {
		if f.Vararg = p.accept(tokenDots); f.Vararg {
			break
		}
		f.Params = append(f.Params, p.name())
		p.accept(',')
	}
	p.expect(')')
	f.Body = p.blockEnd()
	f.Span = p.from(start)
	return f
}
