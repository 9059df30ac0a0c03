package script

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// The compiler is that of Lua 5.1: it goes over the text once, and its instructions, their lines and its messages are the same.
// It writes them for the machine of gopher-lua, whose own compiler takes registers that are still read for other values:
// `s = (s:gsub("a", "b"))` with a parameter s overwrites the variables behind it.
//
// Compiling takes time proportional to the source, whatever the source is, since no budget bounds the compiler.

const (
	// maxNesting is how deep blocks, functions and expressions may be nested: the compiler recurses over them.
	maxNesting = 200
	// maxName is the length of the longest name and of the longest constant key, in bytes. Looking up a longer one would take too long for one
	// instruction.
	maxName = 1000
)

// GlobalsName is the table whose fields a script assigns when it assigns globals. No script can write the name, so none can read
// or replace it.
const GlobalsName = "(globals)"

type parser struct {
	*lexer
	name  string
	f     *function
	scope map[string]*variable // what a name means
	depth int
}

// compile returns the main function of a text.
func compile(src []byte, name string) (proto *lua.FunctionProto, err error) {
	if err := gopher.Supported(); err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			place, ok := r.(*placeError)
			if !ok {
				panic(r)
			}
			err = place
		}
	}()
	p := &parser{lexer: newLexer(src), name: name, scope: map[string]*variable{}}
	f := p.open(0)
	f.proto.IsVarArg = lua.VarArgIsVarArg
	p.next()
	p.chunk()
	p.check(tokenEnds)
	p.close()
	return f.proto, nil
}

func (p *parser) failAt(line int, format string, args ...any) {
	panic(&placeError{line, fmt.Sprintf(format, args...)})
}

// limit raises an error for a function that has too many of something.
func (p *parser) limit(f *function, most int, what string) {
	if line := f.proto.LineDefined; line > 0 {
		p.fail(0, "function at line %d has more than %d %s", line, most, what)
	}
	p.fail(0, "main function has more than %d %s", most, what)
}

func (p *parser) enter() {
	if p.depth++; p.depth > maxNesting {
		p.fail(0, "chunk has too many syntax levels")
	}
}

func (p *parser) leave() { p.depth-- }

// accept goes over a token if it is the next one.
func (p *parser) accept(t token) bool {
	if p.token != t {
		return false
	}
	p.next()
	return true
}

func (p *parser) check(t token) {
	if p.token != t {
		p.fail(p.token, "'%s' expected", t)
	}
}

func (p *parser) expect(t token) {
	p.check(t)
	p.next()
}

// expectEnd goes over the token that closes what another one has opened.
func (p *parser) expectEnd(t, opened token, line int) {
	if p.token != t && line != p.line {
		p.fail(p.token, "'%s' expected (to close '%s' at line %d)", t, opened, line)
	}
	p.expect(t)
}

func (p *parser) expectName() string {
	p.check(tokenName)
	name := p.text
	p.next()
	return name
}

// key returns the constant of a name that is a key.
func (p *parser) key(name string) value { return newValue(isConstant, p.f.text(name)) }

// endsBlock reports whether a block ends with the next token.
func (p *parser) endsBlock() bool {
	switch p.token {
	case tokenElse, tokenElseif, tokenEnd, tokenUntil, tokenEnds:
		return true
	}
	return false
}

// chunk compiles statements.
func (p *parser) chunk() {
	p.enter()
	for last := false; !last && !p.endsBlock(); {
		last = p.statement()
		p.f.free = len(p.f.active)
		p.emptyStatements()
	}
	p.leave()
}

// emptyStatements skips semicolons.
func (p *parser) emptyStatements() {
	for p.accept(';') {
	}
}

// block compiles statements in a scope of their own.
func (p *parser) block() {
	p.f.enter(false)
	p.chunk()
	p.f.leave()
}

// body compiles the parameters and the statements of a function.
func (p *parser) body(isMethod bool, line int) value {
	f := p.open(line)
	p.expect('(')
	if isMethod {
		f.activate(f.declare("self")...)
	}
	p.parameters()
	p.expect(')')
	p.chunk()
	p.expectEnd(tokenEnd, tokenFunction, line)
	p.close()
	return p.f.closure(f)
}

// parameters declares the parameters of a function. One with `...` has a variable arg besides, as in Lua 5.0.
func (p *parser) parameters() {
	f := p.f
	var names []string
	for p.token != ')' {
		if p.token == tokenDots {
			p.next()
			f.proto.IsVarArg = lua.VarArgHasArg | lua.VarArgNeedsArg | lua.VarArgIsVarArg
			break
		}
		if p.token != tokenName {
			p.fail(p.token, "<name> or '...' expected")
		}
		names = append(names, p.expectName())
		if !p.accept(',') {
			break
		} else if p.token == ')' {
			p.fail(p.token, "<name> or '...' expected")
		}
	}
	f.activate(f.declare(names...)...)
	f.proto.NumParameters = uint8(len(f.active))
	if f.proto.IsVarArg != 0 {
		f.activate(f.declare("arg")...)
	}
	f.reserve(len(f.active))
}
