package script

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// statement compiles a statement. It returns true for one that must be the last of its block.
func (p *parser) statement() (last bool) {
	line := p.line
	switch p.token {
	case ';':
		p.next()
	case tokenIf:
		p.ifStatement(line)
	case tokenWhile:
		p.whileStatement(line)
	case tokenDo:
		p.next()
		p.block()
		p.expectEnd(tokenEnd, tokenDo, line)
	case tokenFor:
		p.forStatement(line)
	case tokenRepeat:
		p.repeatStatement(line)
	case tokenFunction:
		p.functionStatement(line)
	case tokenLocal:
		if p.next(); p.accept(tokenFunction) {
			p.localFunction()
		} else {
			p.localStatement()
		}
	case tokenReturn:
		p.returnStatement()
		return true
	case tokenBreak:
		p.next()
		p.f.breakOut()
		return true
	case tokenLabel:
		p.labelStatement(line)
	default:
		if p.token == tokenName && p.text == "goto" && p.peek() == tokenName {
			p.next()
			p.f.gotoLabel(p.expectName(), line)
			return false
		}
		p.expressionStatement()
	}
	return false
}

// labelStatement compiles labels in a row.
func (p *parser) labelStatement(line int) {
	type named struct {
		name string
		line int
	}
	var labels []named
	for ; p.accept(tokenLabel); line = p.line {
		labels = append(labels, named{p.expectName(), line})
		p.expect(tokenLabel)
		p.emptyStatements()
	}
	atEnd := p.endsBlock() && p.token != tokenUntil
	for _, l := range labels {
		p.f.label(l.name, l.line, atEnd)
	}
}

// condition compiles a condition, and returns what jumps if it is false.
func (p *parser) condition() jumps {
	v := p.expression()
	p.f.goIf(&v, true)
	return v.whenFalse
}

func (p *parser) ifStatement(line int) {
	f := p.f
	end := noJumps
	for {
		p.next()
		otherwise := p.condition()
		p.expect(tokenThen)
		p.block()
		if p.token != tokenElseif && p.token != tokenElse {
			end = f.join(end, otherwise)
			break
		}
		end = f.join(end, f.jump())
		f.jumpHere(otherwise)
		if p.accept(tokenElse) {
			p.block()
			break
		}
	}
	f.jumpHere(end)
	p.expectEnd(tokenEnd, tokenIf, line)
}

func (p *parser) whileStatement(line int) {
	f := p.f
	p.next()
	start := f.here()
	end := p.condition()
	f.enter(true)
	p.expect(tokenDo)
	p.block()
	f.jumpTo(f.jump(), start)
	p.expectEnd(tokenEnd, tokenWhile, line)
	f.leave()
	f.jumpHere(end)
}

// repeatStatement compiles a loop whose condition sees the variables of its block.
func (p *parser) repeatStatement(line int) {
	f := p.f
	start := f.here()
	f.enter(true)
	f.enter(false)
	p.next()
	p.chunk()
	p.expectEnd(tokenUntil, tokenRepeat, line)
	again := p.condition()
	if f.block.captured {
		f.breakOut()
		f.jumpHere(again)
		f.leave()
		f.jumpTo(f.jump(), start)
	} else {
		f.leave()
		f.jumpTo(again, start)
	}
	f.leave()
}

func (p *parser) forStatement(line int) {
	p.f.enter(true)
	p.next()
	name := p.expectName()
	switch p.token {
	case '=':
		p.numericFor(name, line)
	case ',', tokenIn:
		p.genericFor(name)
	default:
		p.fail(p.token, "'=' or 'in' expected")
	}
	p.expectEnd(tokenEnd, tokenFor, line)
	p.f.leave()
}

func (p *parser) numericFor(name string, line int) {
	f := p.f
	base := f.free
	p.next()
	p.nextRegister()
	p.expect(',')
	p.nextRegister()
	if p.accept(',') {
		p.nextRegister()
	} else {
		f.emitBx(lua.OP_LOADK, f.free, f.numberConstant(1))
		f.reserve(1)
	}
	f.activate(f.declare("(for index)", "(for limit)", "(for step)")...)
	p.expect(tokenDo)
	at := f.emitBx(lua.OP_FORPREP, base, gopher.MaxSBx+noJump)
	p.loopBody(name)
	f.jumpHere(jumps{at, at})
	again := f.emitBx(lua.OP_FORLOOP, base, gopher.MaxSBx+noJump)
	f.atLine(line)
	f.jumpTo(jumps{again, again}, at+1)
}

// nextRegister compiles an expression into the next register.
func (p *parser) nextRegister() {
	v := p.expression()
	p.f.toNext(&v)
}

func (p *parser) genericFor(names ...string) {
	f := p.f
	base := f.free
	for p.accept(',') {
		names = append(names, p.expectName())
	}
	p.expect(tokenIn)
	line := p.line
	n, last := p.expressions()
	p.adjust(3, n, &last)
	f.need(3) // to call the iterator
	f.activate(f.declare("(for generator)", "(for state)", "(for control)")...)
	p.expect(tokenDo)
	prepare := f.jump()
	p.loopBody(names...)
	f.jumpHere(prepare)
	f.emit(lua.OP_TFORLOOP, base, 0, len(names))
	f.atLine(line)
	f.jumpTo(f.jump(), prepare.first+1)
}

// loopBody compiles the block of a for, with its variables.
func (p *parser) loopBody(names ...string) {
	f := p.f
	f.enter(false)
	f.activate(f.declare(names...)...)
	f.reserve(len(names))
	p.block()
	f.leave()
}

func (p *parser) functionStatement(line int) {
	p.next()
	name := p.expectName()
	variable := p.f.variable(name)
	isMethod := false
	for !isMethod && (p.token == '.' || p.token == ':') {
		isMethod = p.token == ':'
		p.field(&variable)
	}
	body := p.body(isMethod, line)
	p.f.store(&variable, &body)
	p.f.atLine(line)
}

func (p *parser) localFunction() {
	f := p.f
	name := f.declare(p.expectName())
	variable := newValue(isLocal, f.free)
	f.reserve(1)
	f.activate(name...)
	body := p.body(false, p.line)
	f.store(&variable, &body)
	name[0].info.StartPc = len(f.code)
}

func (p *parser) localStatement() {
	names := []string{p.expectName()}
	for p.accept(',') {
		names = append(names, p.expectName())
	}
	variables := p.f.declare(names...)
	n, last := 0, newValue(isNothing, 0)
	if p.accept('=') {
		n, last = p.expressions()
	}
	p.adjust(len(names), n, &last)
	p.f.activate(variables...)
}

// adjust gives a list of expressions as many values as there are variables.
func (p *parser) adjust(variables, expressions int, last *value) {
	f := p.f
	extra := variables - expressions
	if last.hasMany() {
		extra = max(extra+1, 0)
		f.setReturns(last, extra)
		if extra > 1 {
			f.reserve(extra - 1)
		}
		return
	}
	if last.kind != isNothing {
		f.toNext(last)
	}
	if extra > 0 {
		register := f.free
		f.reserve(extra)
		f.loadNil(register, extra)
	}
}

func (p *parser) returnStatement() {
	f := p.f
	p.next()
	if p.endsBlock() || p.token == ';' {
		f.emitReturn(0, 0)
		return
	}
	n, last := p.expressions()
	switch {
	case last.hasMany():
		f.setReturns(&last, multiple)
		if last.kind == isCall && n == 1 {
			gopher.SetOp(&f.code[last.info], lua.OP_TAILCALL)
		}
		f.emitReturn(len(f.active), multiple)
	case n == 1:
		f.emitReturn(f.toRegister(&last), 1)
	default:
		f.toNext(&last)
		f.emitReturn(len(f.active), n)
	}
}

func (p *parser) expressionStatement() {
	v, _ := p.primary()
	if v.kind == isCall {
		gopher.SetC(&p.f.code[v.info], 1) // no results
		return
	}
	p.assignment(v)
}

// assignment compiles an assignment to one variable or several. The values are assigned from the last to the first.
func (p *parser) assignment(first value) {
	f := p.f
	targets := []value{first}
	for {
		if k := targets[len(targets)-1].kind; k < isLocal || k > isField {
			p.fail(p.token, "syntax error")
		}
		if !p.accept(',') {
			break
		}
		next, _ := p.primary()
		if next.kind == isLocal {
			f.keep(targets, next.info)
		}
		if targets = append(targets, next); len(targets) > maxNesting {
			p.limit(f, maxNesting, "variables in assignment")
		}
	}
	p.expect('=')
	n, last := p.expressions()
	end := len(targets)
	if n == end {
		end--
		f.one(&last)
		f.store(&targets[end], &last)
	} else {
		p.adjust(end, n, &last)
		if n > end {
			f.free -= n - end
		}
	}
	for end--; end >= 0; end-- {
		v := newValue(isRegister, f.free-1)
		f.store(&targets[end], &v)
	}
}

// keep copies a variable that is assigned if a field that is assigned before is found by it.
func (f *function) keep(targets []value, register int) {
	copied := f.free
	conflict := false
	for i := range targets {
		if t := &targets[i]; t.kind == isField {
			if t.info == register {
				conflict, t.info = true, copied
			}
			if t.key == register {
				conflict, t.key = true, copied
			}
		}
	}
	if conflict {
		f.emit(lua.OP_MOVE, copied, register, 0)
		f.reserve(1)
	}
}
