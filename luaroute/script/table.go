package script

import (
	"math/bits"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// constructor is a table that is being compiled.
type constructor struct {
	table   int // its register
	item    value
	items   int // of the list
	fields  int
	waiting int // items in registers
}

// table compiles a table.
func (p *parser) table() value {
	f, line := p.f, p.line
	at := f.emit(lua.OP_NEWTABLE, 0, 0, 0)
	v := newValue(isAnywhere, at)
	c := constructor{item: newValue(isNothing, 0)}
	f.toNext(&v)
	c.table = v.info
	p.expect('{')
	for p.token != '}' {
		c.store(f)
		free := f.free
		switch {
		case p.token == '[':
			c.field(p, p.bracketed())
			f.free = free
		case p.token == tokenName && p.peek() == '=':
			c.field(p, p.key(p.expectName()))
			f.free = free
		default:
			c.item = p.expression()
			c.items++
			c.waiting++
		}
		if !p.accept(',') && !p.accept(';') {
			break
		}
	}
	p.expectEnd('}', '{', line)
	c.storeLast(f)
	gopher.SetB(&f.code[at], sizeHint(c.items))
	gopher.SetC(&f.code[at], sizeHint(c.fields))
	return v
}

// field compiles the value of a key.
func (c *constructor) field(p *parser, key value) {
	c.fields++
	operand := p.f.operand(&key)
	p.expect('=')
	v := p.expression()
	p.f.emitSet(c.table, operand, p.f.operand(&v))
}

// store puts the last item into a register, and into the table if there are many.
func (c *constructor) store(f *function) {
	if c.item.kind == isNothing {
		return
	}
	f.toNext(&c.item)
	c.item = newValue(isNothing, 0)
	if c.waiting == lua.FieldsPerFlush {
		f.setList(c.table, c.items, c.waiting)
		c.waiting = 0
	}
}

func (c *constructor) storeLast(f *function) {
	switch {
	case c.waiting == 0:
	case c.item.hasMany():
		f.setReturns(&c.item, multiple)
		f.setList(c.table, c.items, 0)
		c.items--
	default:
		if c.item.kind != isNothing {
			f.toNext(&c.item)
		}
		f.setList(c.table, c.items, c.waiting)
	}
}

// sizeHint is a number as a mantissa of 3 bits and an exponent. gopher-lua takes it for the number, so a large table begins
// smaller than it will be.
func sizeHint(n int) int {
	if n < 8 {
		return n
	}
	shift := bits.Len(uint(n)) - 4
	mantissa := (n + 1<<shift - 1) >> shift
	if mantissa == 16 {
		mantissa, shift = 8, shift+1
	}
	return (shift+1)<<3 | mantissa - 8
}
