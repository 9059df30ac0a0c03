package script

import lua "github.com/yuin/gopher-lua"

func (p *parser) expression() value {
	v, _ := p.subexpression(0)
	return v
}

// subexpression compiles operands as long as the operators between them bind more strongly than what is around. It returns the
// operator that does not, or 0.
func (p *parser) subexpression(limit int) (v value, operator token) {
	p.enter()
	defer p.leave()
	switch p.token {
	case tokenNot, '-', '#':
		operator := p.token
		p.next()
		v, _ = p.subexpression(unaryPriority)
		p.f.unary(operator, &v)
	default:
		v = p.simple()
	}
	operator = p.token
	for b, ok := binaries[operator]; ok && b.left > limit; b, ok = binaries[operator] {
		if operator == tokenConcat {
			operator = p.concatenation(&v)
			continue
		}
		p.next()
		p.f.before(operator, &v)
		second, next := p.subexpression(b.right)
		p.f.after(operator, &v, &second)
		operator = next
	}
	if _, ok := binaries[operator]; !ok {
		operator = 0
	}
	return v, operator
}

// concatenation compiles a chain of `..`, whose operands stand in a row of registers.
func (p *parser) concatenation(v *value) (operator token) {
	f := p.f
	f.before(tokenConcat, v)
	first, last := v.info, v.info
	for operator = tokenConcat; operator == tokenConcat; {
		p.next()
		var operand value
		operand, operator = p.subexpression(concatenation)
		f.toNext(&operand)
		last = operand.info
	}
	for register := last; register >= first; register-- {
		f.release(register)
	}
	*v = newValue(isAnywhere, f.emit(lua.OP_CONCAT, 0, first, last))
	return operator
}

// simple compiles an operand.
func (p *parser) simple() (v value) {
	switch p.token {
	case tokenNumber:
		v = newValue(isNumber, 0)
		v.number = p.number
	case tokenString:
		v = p.key(p.text)
	case tokenNil:
		v = newValue(isNil, 0)
	case tokenTrue:
		v = newValue(isTrue, 0)
	case tokenFalse:
		v = newValue(isFalse, 0)
	case tokenDots:
		if p.f.proto.IsVarArg == 0 {
			p.fail(p.token, "cannot use '...' outside a vararg function")
		}
		p.f.proto.IsVarArg &^= lua.VarArgNeedsArg
		v = newValue(isVarargs, p.f.emit(lua.OP_VARARG, 0, 1, 0))
	case '{':
		return p.table()
	case tokenFunction:
		p.next()
		return p.body(false, p.line)
	default:
		v, _ = p.primary()
		return v
	}
	p.next()
	return v
}

// prefix compiles what a field or a call may follow, and returns its name if it has one.
func (p *parser) prefix() (v value, name string) {
	switch p.token {
	case '(':
		line := p.line
		p.next()
		v = p.expression()
		p.expectEnd(')', '(', line)
		p.f.read(&v)
		return v, unnamed
	case tokenName:
		name = p.expectName()
		return p.f.variable(name), name
	}
	p.fail(p.token, "unexpected symbol")
	return v, ""
}

// unnamed is what traces call a function that has no name.
const unnamed = "?"

// primary compiles a variable, or a call. It returns the name that a function there is called by.
func (p *parser) primary() (v value, name string) {
	v, name = p.prefix()
	for {
		switch p.token {
		case '.':
			name = p.field(&v)
		case '[':
			p.f.toRegister(&v)
			key := p.bracketed()
			p.f.index(&v, &key)
			name = unnamed
		case ':':
			p.next()
			name = p.expectName()
			key := p.key(name)
			p.f.method(&v, &key)
			p.call(&v, name)
			name = unnamed
		case '(', tokenString, '{':
			p.f.toNext(&v)
			p.call(&v, name)
			name = unnamed
		default:
			return v, name
		}
	}
}

// field compiles `.name`.
func (p *parser) field(v *value) (name string) {
	p.f.toRegister(v)
	p.next()
	name = p.expectName()
	key := p.key(name)
	p.f.index(v, &key)
	return name
}

// bracketed compiles a key in brackets.
func (p *parser) bracketed() value {
	p.next()
	key := p.expression()
	p.f.settle(&key)
	p.checkKey(&key)
	p.expect(']')
	return key
}

func (p *parser) checkKey(key *value) {
	if key.kind == isConstant {
		if s, ok := p.f.proto.Constants[key.info].(lua.LString); ok && len(s) > maxName {
			p.fail(0, "a name has %d bytes; allowed are %d", len(s), maxName)
		}
	}
}

// call compiles the arguments of a function, and its call.
func (p *parser) call(v *value, name string) {
	f, line := p.f, p.line
	arguments := newValue(isNothing, 0)
	switch p.token {
	case '(':
		if line != p.lastLine {
			p.fail(p.token, "ambiguous syntax (function call x new statement)")
		}
		if p.next(); p.token != ')' {
			_, arguments = p.expressions()
			f.setReturns(&arguments, multiple)
		}
		p.expectEnd(')', '(', line)
	case '{':
		arguments = p.table()
	case tokenString:
		arguments = p.key(p.text)
		p.next()
	default:
		p.fail(p.token, "function arguments expected")
	}
	base, n := v.info, multiple
	if !arguments.hasMany() {
		if arguments.kind != isNothing {
			f.toNext(&arguments)
		}
		n = f.free - (base + 1)
	}
	*v = newValue(isCall, f.emit(lua.OP_CALL, base, n+1, 2))
	f.proto.DbgCalls = append(f.proto.DbgCalls, lua.DbgCall{Name: name, Pc: v.info})
	f.atLine(line)
	f.free = base + 1 // the function is gone, and there is one result
}

// expressions compiles a list. All but the last are in registers.
func (p *parser) expressions() (n int, last value) {
	n, last = 1, p.expression()
	for p.accept(',') {
		p.f.toNext(&last)
		last = p.expression()
		n++
	}
	return n, last
}
