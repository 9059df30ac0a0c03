package script

import "github.com/luaroute/caddy-luaroute/luaroute/syntax"

// Parse returns the tree of a script that Compile accepts. The error is that of Compile.
func Parse(name string, src []byte) (tree *syntax.Block, err error) {
	if _, err := Compile(name, src); err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			place, ok := r.(*placeError)
			if !ok {
				panic(r)
			}
			tree, err = nil, compileError(name, place)
		}
	}()
	p := &treeParser{tokens: lexemes(ownText(src))}
	tree = p.block()
	p.expect(tokenEnds)
	return tree, nil
}

// Comments returns the comments of one line that a script has. It is one that Compile accepts.
func Comments(src []byte) (all []syntax.Comment) {
	text := ownText(src)
	l, at := newLexer(text), &locator{text: text, line: 1}
	for l.keep = true; l.scan() != tokenEnds; {
	}
	for _, c := range l.comments {
		span := syntax.Span{Start: at.pos(c.from), End: at.pos(c.to)}
		all = append(all, syntax.Comment{Span: span, Text: string(text[c.from:c.to])})
	}
	return all
}

// lexeme is a token with its value and where it stands.
type lexeme struct {
	syntax.Span
	token  token
	text   string
	number float64
}

// lexemes divides a text.
func lexemes(text []byte) (all []lexeme) {
	l, at := newLexer(text), &locator{text: text, line: 1}
	for {
		t := l.scan()
		all = append(all, lexeme{syntax.Span{Start: at.pos(l.start), End: at.pos(l.at)}, t, l.text, l.number})
		if t == tokenEnds {
			return all
		}
	}
}

// locator finds lines and columns of places in a text, each behind the one before.
type locator struct {
	text            []byte
	at, line, begin int // begin is where the line begins
}

func (l *locator) pos(place int) syntax.Pos {
	for ; l.at < place; l.at++ {
		c := l.text[l.at]
		if c != '\n' && c != '\r' {
			continue
		}
		if next := l.at + 1; next < place && (l.text[next] == '\n' || l.text[next] == '\r') && l.text[next] != c {
			l.at = next
		}
		l.line, l.begin = l.line+1, l.at+1
	}
	return syntax.Pos{Line: l.line, Column: place - l.begin + 1}
}

// treeParser makes the tree of source that was compiled, so it does not look for mistakes.
type treeParser struct {
	tokens []lexeme
	i      int
}

func (p *treeParser) token() token { return p.tokens[p.i].token }

func (p *treeParser) next() lexeme {
	t := p.tokens[p.i]
	p.i++
	return t
}

func (p *treeParser) accept(t token) bool {
	if p.token() != t {
		return false
	}
	p.i++
	return true
}

// expect skips a token. Another one would be a bug: the compiler accepted the source.
func (p *treeParser) expect(t token) lexeme {
	if p.token() != t {
		panic(&placeError{p.tokens[p.i].Start.Line, "'" + t.String() + "' expected near '" + p.token().String() + "'"})
	}
	if t == tokenEnds {
		return p.tokens[p.i]
	}
	return p.next()
}

// from is the span from a position to the last token.
func (p *treeParser) from(start syntax.Pos) syntax.Span {
	if p.i == 0 {
		return syntax.Span{Start: start, End: start}
	}
	return syntax.Span{Start: start, End: p.tokens[p.i-1].End}
}

func (p *treeParser) here() syntax.Pos { return p.tokens[p.i].Start }

func (p *treeParser) block() *syntax.Block {
	b := &syntax.Block{}
	start := p.here()
	for {
		for p.accept(';') {
		}
		switch p.token() {
		case tokenElse, tokenElseif, tokenEnd, tokenUntil, tokenEnds:
			b.Span = syntax.Span{Start: start, End: start}
			if len(b.Stmts) > 0 {
				b.Span = p.from(start)
			}
			return b
		}
		b.Stmts = append(b.Stmts, p.statement())
	}
}

// blockEnd is a block and the `end` behind it.
func (p *treeParser) blockEnd() *syntax.Block {
	b := p.block()
	p.expect(tokenEnd)
	return b
}

func (p *treeParser) statement() syntax.Stmt {
	start := p.here()
	switch p.token() {
	case tokenIf:
		return p.ifStatement(start)
	case tokenWhile:
		p.next()
		s := &syntax.While{Cond: p.expression()}
		p.expect(tokenDo)
		s.Body = p.blockEnd()
		s.Span = p.from(start)
		return s
	case tokenDo:
		p.next()
		s := &syntax.Do{Body: p.blockEnd()}
		s.Span = p.from(start)
		return s
	case tokenFor:
		return p.forStatement(start)
	case tokenRepeat:
		p.next()
		s := &syntax.Repeat{Body: p.block()}
		p.expect(tokenUntil)
		s.Cond = p.expression()
		s.Span = p.from(start)
		return s
	case tokenFunction:
		return p.functionStatement(start)
	case tokenLocal:
		return p.localStatement(start)
	case tokenReturn:
		p.next()
		s := &syntax.Return{}
		switch p.token() {
		case tokenElse, tokenElseif, tokenEnd, tokenUntil, tokenEnds, ';':
		default:
			s.Values = p.expressions()
		}
		s.Span = p.from(start)
		return s
	case tokenBreak:
		p.next()
		return &syntax.Break{Span: p.from(start)}
	case tokenLabel:
		p.next()
		s := &syntax.Label{Name: p.name()}
		p.expect(tokenLabel)
		s.Span = p.from(start)
		return s
	}
	if t := p.tokens[p.i]; t.token == tokenName && t.text == "goto" && p.tokens[p.i+1].token == tokenName {
		p.next()
		s := &syntax.Goto{Label: p.name()}
		s.Span = p.from(start)
		return s
	}
	return p.expressionStatement(start)
}

func (p *treeParser) ifStatement(start syntax.Pos) syntax.Stmt {
	s := &syntax.If{}
	for p.token() == tokenIf || p.token() == tokenElseif {
		at := p.next().Start
		c := &syntax.Clause{Cond: p.expression()}
		p.expect(tokenThen)
		c.Body = p.block()
		c.Span = p.from(at)
		s.Clauses = append(s.Clauses, c)
	}
	if p.accept(tokenElse) {
		s.Else = p.block()
	}
	p.expect(tokenEnd)
	s.Span = p.from(start)
	return s
}

func (p *treeParser) forStatement(start syntax.Pos) syntax.Stmt {
	p.next()
	names := p.names()
	if p.accept('=') {
		s := &syntax.NumericFor{Name: names[0], Start: p.expression()}
		p.expect(',')
		s.Limit = p.expression()
		if p.accept(',') {
			s.Step = p.expression()
		}
		p.expect(tokenDo)
		s.Body = p.blockEnd()
		s.Span = p.from(start)
		return s
	}
	p.expect(tokenIn)
	s := &syntax.GenericFor{Names: names, Values: p.expressions()}
	p.expect(tokenDo)
	s.Body = p.blockEnd()
	s.Span = p.from(start)
	return s
}

func (p *treeParser) functionStatement(start syntax.Pos) syntax.Stmt {
	p.next()
	s := &syntax.FunctionStmt{Target: p.name()}
	for p.accept('.') {
		s.Target = p.field(s.Target)
	}
	if p.accept(':') {
		s.Method = p.name()
	}
	s.Func = p.function(start)
	s.Span = p.from(start)
	return s
}

func (p *treeParser) localStatement(start syntax.Pos) syntax.Stmt {
	p.next()
	if p.accept(tokenFunction) {
		s := &syntax.FunctionStmt{Local: true, Target: p.name()}
		s.Func = p.function(start)
		s.Span = p.from(start)
		return s
	}
	s := &syntax.Local{Names: p.names()}
	if p.accept('=') {
		s.Values = p.expressions()
	}
	s.Span = p.from(start)
	return s
}

func (p *treeParser) expressionStatement(start syntax.Pos) syntax.Stmt {
	first := p.primary()
	if call, ok := first.(*syntax.Call); ok {
		return &syntax.CallStmt{Span: p.from(start), Call: call}
	}
	s := &syntax.Assign{Targets: []syntax.Expr{first}}
	for p.accept(',') {
		s.Targets = append(s.Targets, p.primary())
	}
	p.expect('=')
	s.Values = p.expressions()
	s.Span = p.from(start)
	return s
}

func (p *treeParser) name() *syntax.Name {
	t := p.expect(tokenName)
	return &syntax.Name{Span: t.Span, Text: t.text}
}

func (p *treeParser) names() []*syntax.Name {
	all := []*syntax.Name{p.name()}
	for p.accept(',') {
		all = append(all, p.name())
	}
	return all
}
