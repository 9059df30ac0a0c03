package vm

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// raise gets all errors of Lua before the stack is unwound, and gives them the messages of Lua 5.1.
func raise(L *lua.LState) {
	object := L.Get(-1)
	b, ours := L.Context().(*budget)
	if text, ok := object.(lua.LString); ok && !(ours && b.verbatim) {
		object = lua.LString(explained(L, string(text)))
	}
	if ours {
		b.verbatim = false
		object, b.handled = b.handle(L, object)
	}
	panic(&lua.ApiError{Type: lua.ApiErrorRun, Object: object})
}

// explained returns the message of Lua 5.1 for one of gopher-lua, and any other message as it is.
func explained(L *lua.LState, text string) string {
	f := gopher.Running(L)
	if f == nil || f.Fn == nil {
		return text
	}
	runs, place := f, 0 // the frame of Lua, and its level
	if f.Fn.IsG {
		if f.Parent == nil || f.Parent.Fn == nil || f.Parent.Fn.IsG {
			var nowhere bool
			if text, nowhere = strings.CutPrefix(text, " "); nowhere && codeOf(f.Fn) != standardCode { // the place of a caller that is Go, too, is empty
				if where := Where(L); where != "" {
					text = where + ": " + text
				}
			}
		}
		if runs, place = f.Parent, 1; runs != nil && (runs.Fn == nil || runs.Fn.IsG) {
			runs = nil
		}
		if before, after, ok := strings.Cut(text, badArgument); ok {
			return before + argumentError(L, f, runs, after)
		}
	}
	if runs == nil || runs.Pc < 1 {
		return text
	}
	where := L.Where(place) + " "
	if message, ok := strings.CutPrefix(text, where); ok {
		if better := (frame{runs, L}).explain(message, f.Fn.IsG); better != "" {
			return where + better
		}
	}
	return text
}

// explain returns what Lua 5.1 says of an error in the instruction that runs, or "" if the error is another one. The message is
// that of gopher-lua, or of the function that calculates with strings.
func (f frame) explain(message string, inGo bool) string {
	code := f.Fn.Proto.Code[f.Pc-1]
	op, a, b, c := gopher.Op(code), gopher.A(code), gopher.B(code), gopher.C(code)
	switch op {
	case lua.OP_ADD, lua.OP_SUB, lua.OP_MUL, lua.OP_DIV, lua.OP_MOD, lua.OP_POW, lua.OP_UNM:
		if op == lua.OP_UNM {
			c = b
		}
		if strings.HasPrefix(message, "cannot perform ") || message == "__unm undefined" || strings.HasPrefix(message, badArithmetic) {
			if _, ok := value.Number(f.Operand(f.L, b)); ok {
				b = c
			}
			return f.typeError("perform arithmetic on", b)
		}
	}
	if inGo {
		return ""
	}
	switch op {
	case lua.OP_CALL, lua.OP_TAILCALL:
		if message == notCallable {
			return f.typeError("call", a)
		}
	case lua.OP_TFORLOOP:
		if message == notCallable {
			return f.typeError("call", a+3)
		}
	case lua.OP_GETTABLE, lua.OP_SELF:
		return f.indexError(message, b)
	case lua.OP_SETTABLE, lua.OP_SETTABLEKS:
		return f.indexError(message, a)
	case lua.OP_GETGLOBAL:
		return f.indexError(message, -1)
	case lua.OP_LEN:
		if message == "__len undefined" {
			return f.typeError("get length of", b)
		}
	case lua.OP_LT, lua.OP_LE:
		if first, second, ok := strings.Cut(strings.TrimPrefix(message, "attempt to compare "), " with "); ok && first == second {
			return "attempt to compare two " + first + " values"
		}
	case lua.OP_FORPREP, lua.OP_FORLOOP:
		if what, ok := strings.CutPrefix(message, "for statement "); ok {
			return "'for' " + strings.Replace(what, "init ", "initial value ", 1)
		}
	}
	return ""
}

const (
	notCallable   = "attempt to call a non-function object"
	badArithmetic = "attempt to perform arithmetic on "
	badArgument   = "bad argument #"
)

// indexed is what gopher-lua says if a value has no fields. The key may have several lines.
var indexed = regexp.MustCompile(`(?s)^attempt to index a non-table object\((\w+)\) with key '`)

// indexError explains an error in reading or assigning a field of what is in a register. It may also be in what __index or
// __newindex of that leads to, which has no name.
func (f frame) indexError(message string, register int) string {
	if way, ok := strings.CutPrefix(message, "too many recursions in "); ok {
		return "loop in " + way
	}
	m := indexed.FindStringSubmatch(message)
	if m == nil {
		return ""
	}
	if register >= 0 {
		v := f.Register(f.L, register)
		event := "__index"
		if op := gopher.Op(f.Fn.Proto.Code[f.Pc-1]); op == lua.OP_SETTABLE || op == lua.OP_SETTABLEKS {
			event = "__newindex"
		}
		if v.Type().String() == m[1] && f.L.GetMetaField(v, event) == lua.LNil {
			return f.typeError("index", register)
		}
	}
	return fmt.Sprintf("attempt to index a %s value", m[1])
}

// typeError returns the message about a value, in a register or a constant, that does not support an operation.
func (f frame) typeError(what string, operand int) string {
	kind := f.Operand(f.L, operand).Type()
	if operand&gopher.ConstantBit == 0 {
		if n := f.nameOf(operand); n.kind != "" {
			return fmt.Sprintf("attempt to %s %s '%s' (a %s value)", what, n.kind, shorten(n.name), kind)
		}
	}
	return fmt.Sprintf("attempt to %s a %s value", what, kind)
}

// argument is what follows "bad argument #". A name in quotes is one of ours: the error has passed here before, in a coroutine.
var argument = regexp.MustCompile(`(?s)^(\d+) to ([^\s']\S*) \((.*)\)$`)

// argumentError names the function that was called with a wrong argument, and the parameter if that is known. The object of a method does not
// count.
func argumentError(L *lua.LState, f, caller *gopher.Frame, text string) string {
	m := argument.FindStringSubmatch(text)
	if m == nil {
		return badArgument + text
	}
	number, _ := strconv.Atoi(m[1])
	problem := m[3]
	given := min(f.NArgs, L.GetTop()-1) // the message is on top
	if number > given {
		problem = strings.Replace(problem, ", got nil", ", got no value", 1)
	}
	if name := parameterOf(f, number, given); name != "" {
		problem = name + ": " + problem
	}
	n := named{name: "?"}
	if caller != nil && caller.Pc > 0 {
		if called := (frame{caller, L}).calledName(); called.name != "" {
			n = called
		}
	}
	if n.kind == "method" && given == f.NArgs { // else the function has taken it away
		if number--; number == 0 {
			return fmt.Sprintf("calling '%s' on bad self (%s)", shorten(n.name), problem)
		}
	}
	return fmt.Sprintf("%s%d to '%s' (%s)", badArgument, number, shorten(n.name), problem)
}
