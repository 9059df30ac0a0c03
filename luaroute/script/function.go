package script

import (
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

const (
	// maxRegisters is how many registers a function may have.
	maxRegisters = 250
	// maxLocals is how many variables may be in scope in a function.
	maxLocals = 200
	// maxUpvalues is how many variables of other functions a function may use.
	maxUpvalues = 255
)

// function is a function that is being compiled.
type function struct {
	p     *parser
	outer *function
	proto *lua.FunctionProto

	code       []uint32
	lines      []int
	constants  map[any]int
	pending    jumps // to the next instruction
	lastTarget int   // of a jump
	free       int   // the first free register
	registers  int   // how many are needed

	active   []*variable // those in scope, by register
	upvalues map[*variable]int
	block    *block
	gotos    gotos
}

// variable is a local variable.
type variable struct {
	name     string
	of       *function
	register int
	info     *lua.DbgLocalInfo
	hidden   *variable // the one that its name had before
}

// block is a scope for local variables.
type block struct {
	outer    *block
	locals   int  // in scope around it
	isLoop   bool // break leaves it
	breaks   jumps
	captured bool // a function captures one of its variables
	labels   []string
	first    int // of the gotos in it
}

func (p *parser) open(line int) *function {
	f := &function{
		p: p, outer: p.f, constants: map[any]int{}, pending: noJumps, lastTarget: -1, registers: 2, upvalues: map[*variable]int{},
		proto: &lua.FunctionProto{SourceName: p.name, LineDefined: line},
	}
	p.f = f
	f.enter(false)
	return f
}

// close ends a function.
func (p *parser) close() {
	f := p.f
	f.emitReturn(0, 0)
	f.leave()
	f.gotos.mustBeResolved(p)
	f.proto.LastLineDefined = p.lastLine
	f.proto.Code, f.proto.DbgSourcePositions = f.code, f.lines
	f.proto.NumUsedRegisters = uint8(f.registers)
	f.proto.NumUpvalues = uint8(len(f.proto.DbgUpvalues))
	joinMoves(f.proto)
	gopher.SetNames(f.proto)
	trim(f.proto)
	p.f = f.outer
}

// declare makes variables, which are in scope from the call of activate on.
func (f *function) declare(names ...string) []*variable {
	if len(f.active)+len(names) > maxLocals {
		f.p.limit(f, maxLocals, "local variables")
	}
	list := make([]*variable, len(names))
	for i, name := range names {
		list[i] = &variable{name: name, of: f}
	}
	return list
}

// activate brings variables into scope. Their registers are the next ones.
func (f *function) activate(list ...*variable) {
	for _, v := range list {
		v.register = len(f.active)
		v.info = &lua.DbgLocalInfo{Name: v.name, StartPc: len(f.code)}
		f.proto.DbgLocals = append(f.proto.DbgLocals, v.info)
		f.active = append(f.active, v)
		v.hidden = f.p.scope[v.name]
		f.p.scope[v.name] = v
	}
}

// deactivate ends the scope of all variables but the first.
func (f *function) deactivate(keep int) {
	for _, v := range slices.Backward(f.active[keep:]) {
		v.info.EndPc = len(f.code)
		if v.hidden == nil {
			delete(f.p.scope, v.name)
		} else {
			f.p.scope[v.name] = v.hidden
		}
	}
	f.active = f.active[:keep]
}

// variable returns the variable that a name means.
func (f *function) variable(name string) value {
	v := f.p.scope[name]
	if v == nil {
		return newValue(isGlobal, f.text(name))
	}
	if v.of == f {
		return newValue(isLocal, v.register)
	}
	return newValue(isUpvalue, f.upvalue(v))
}

// upvalue returns the index of a variable of another function. The functions between get it, too.
func (f *function) upvalue(v *variable) int {
	index, ok := f.upvalues[v]
	if ok {
		return index
	}
	if v.of == f.outer {
		b := f.outer.block
		for b.locals > v.register {
			b = b.outer
		}
		b.captured = true
	} else {
		f.outer.upvalue(v)
	}
	if index = len(f.upvalues); index >= maxUpvalues {
		f.p.limit(f, maxUpvalues, "upvalues")
	}
	f.upvalues[v] = index
	f.proto.DbgUpvalues = append(f.proto.DbgUpvalues, v.name)
	return index
}

// closure makes a function, which has been compiled, a value.
func (f *function) closure(inner *function) value {
	v := newValue(isAnywhere, f.emitBx(lua.OP_CLOSURE, 0, len(f.proto.FunctionPrototypes)))
	f.proto.FunctionPrototypes = append(f.proto.FunctionPrototypes, inner.proto)
	captured := make([]*variable, len(inner.upvalues))
	for variable, index := range inner.upvalues {
		captured[index] = variable
	}
	for _, variable := range captured {
		if variable.of == f {
			f.emit(lua.OP_MOVE, 0, variable.register, 0)
		} else {
			f.emit(lua.OP_GETUPVAL, 0, f.upvalues[variable], 0)
		}
	}
	return v
}

func (f *function) enter(isLoop bool) {
	f.block = &block{outer: f.block, locals: len(f.active), isLoop: isLoop, breaks: noJumps, first: f.gotos.count}
}

func (f *function) leave() {
	b := f.block
	f.block = b.outer
	f.deactivate(b.locals)
	f.gotos.endScope(b.labels)
	if b.captured && b.outer != nil {
		f.emit(lua.OP_CLOSE, b.locals, 0, 0)
	}
	f.free = len(f.active)
	f.jumpHere(b.breaks)
}

// breakOut leaves the innermost loop.
func (f *function) breakOut() {
	captured := f.gotos.used // then what comes after may have run already
	b := f.block
	for ; b != nil && !b.isLoop; b = b.outer {
		captured = captured || b.captured
	}
	if b == nil {
		f.p.fail(f.p.token, "no loop to break")
	}
	if captured && b.locals < len(f.active) {
		f.emit(lua.OP_CLOSE, b.locals, 0, 0)
	}
	b.breaks = f.join(f.jump(), b.breaks)
}

// joinMoves gives a row of moves to one instruction. A jump may still lead into the row.
func joinMoves(proto *lua.FunctionProto) {
	row := 0
	end := func(at int) {
		for row > 1 {
			first := &proto.Code[at-row]
			more := min(row-1, gopher.MaxC)
			gopher.SetOp(first, lua.OP_MOVEN)
			gopher.SetC(first, more)
			row -= more + 1
		}
		row = 0
	}
	for at := 0; at < len(proto.Code); at++ {
		switch i := proto.Code[at]; {
		case gopher.Op(i) == lua.OP_MOVE:
			row++
			continue
		case gopher.Op(i) == lua.OP_CLOSURE:
			end(at)
			at += int(proto.FunctionPrototypes[gopher.Bx(i)].NumUpvalues)
		case gopher.Op(i) == lua.OP_SETLIST && gopher.C(i) == 0:
			end(at)
			at++
		default:
			end(at)
		}
	}
}
