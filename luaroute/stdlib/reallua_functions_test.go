package stdlib

import (
	"fmt"
	"strings"
)

// functionCorpus returns small functions, of every kind of statement and expression, with the values that they are called with. The
// variables of a function have a type each, so that most of it runs; now and then a value has another one, and then the message
// of the error is compared. Lines end with a carriage return, which is the end of a line for Lua, but not for the driver.
func functionCorpus(seed uint64, n int) []string {
	corpus := make([]string, n)
	for i := range corpus {
		w := &writer{source: newSource(seed + uint64(i)<<8)}
		corpus[i] = w.program()
	}
	return corpus
}

// writer writes a function.
type writer struct {
	source
	scope  []variable
	names  int  // made so far
	varies bool // whether `...` is there
	loops  int  // around
	depth  int  // of functions
	size   int  // of the statements left to write
	room   int  // for expressions
}

// variable is a local variable: its type is the first letter of its name.
type variable struct {
	name  string
	fixed bool // not assigned: a loop ends by it
}

const (
	numbers   = "n"
	strs      = "s"
	tables    = "t"
	functions = "f"
	nothing   = "z" // sometimes nil
)

// program writes a function and its call.
func (w *writer) program() string {
	w.size, w.room = 4+w.IntN(14), 150
	var names, values []string
	for range w.IntN(5) {
		kind := w.one(numbers, strs, tables, nothing)
		names = append(names, w.fresh(kind))
		values = append(values, map[string]string{numbers: "7", strs: "'abc'", tables: "object(3)", nothing: "nil"}[kind])
	}
	if w.varies = w.in(3); w.varies {
		names = append(names, "...")
		values = append(values, "11", "'v'", "nil", "12")
	}
	return fmt.Sprintf("run(function(%s) %s\r return %s end%s)",
		strings.Join(names, ", "), w.block(), w.all(), strings.Join(append([]string{""}, values...), ", "))
}

// fresh declares a variable. Its name may hide another one, but not that of a function, which could call itself for ever.
func (w *writer) fresh(kind string) string {
	w.names++
	name := fmt.Sprintf("%s%d", kind, 10+w.names)
	if w.in(6) && kind != functions {
		name = fmt.Sprintf("%s%d", kind, w.IntN(3))
	}
	w.scope = append(w.scope, variable{name: name})
	return name
}

// known returns a variable of a type, or "".
func (w *writer) known(kind string, assigned bool) string {
	var names []string
	for _, v := range w.scope {
		if strings.HasPrefix(v.name, kind) && !(assigned && v.fixed) {
			names = append(names, v.name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	if w.in(2) {
		return names[len(names)-1]
	}
	return names[w.IntN(len(names))]
}

// all returns the variables in scope, as values that can be shown.
func (w *writer) all() string {
	var list []string
	for _, v := range w.scope[max(0, len(w.scope)-8):] {
		switch {
		case strings.HasPrefix(v.name, tables):
			list = append(list, "flat("+v.name+")")
		case strings.HasPrefix(v.name, functions):
			list = append(list, "type("+v.name+")")
		default:
			list = append(list, v.name)
		}
	}
	return strings.Join(append(list, w.one("1", "nil", w.number(1), w.text(1), "("+w.call(numbers, 1)+")", w.call(numbers, 1))), ", ")
}

// block writes statements in a scope of their own.
func (w *writer) block() string {
	scope := len(w.scope)
	text := w.statements()
	w.scope = w.scope[:scope]
	return text
}

func (w *writer) statements() string {
	var out strings.Builder
	for range 1 + w.IntN(4) {
		if w.size--; w.size < 0 {
			break
		}
		out.WriteString(w.statement())
		out.WriteString(w.one("; ", ";\r"))
	}
	return out.String()
}

func (w *writer) statement() string {
	switch w.IntN(17) {
	case 0, 1, 2:
		return w.local()
	case 3, 4, 5, 6, 7:
		return w.assignment()
	case 8:
		return "put(" + w.list(1+w.IntN(3)) + ")"
	case 9, 10:
		text := "if " + w.condition(2) + " then " + w.block()
		if w.in(3) {
			text += " elseif " + w.condition(1) + " then " + w.block()
		}
		if w.in(2) {
			text += " else " + w.block()
		}
		return text + " end"
	case 11, 12:
		if w.loops < 2 {
			return w.loop()
		}
		return w.assignment()
	case 13:
		return w.function()
	case 14:
		return "do " + w.block() + " end"
	case 15:
		if w.loops > 0 && w.in(2) {
			return "if " + w.condition(1) + " then " + w.block() + " break end"
		}
		return "if " + w.condition(1) + " then return " + w.list(w.IntN(3)) + " end"
	default:
		return w.call(w.one(numbers, strs), 2)
	}
}

// local declares variables.
func (w *writer) local() string {
	kinds := []string{w.one(numbers, strs, tables, functions, nothing)}
	for w.in(3) {
		kinds = append(kinds, w.one(numbers, strs, nothing))
	}
	var values, names []string
	for _, kind := range kinds {
		values = append(values, w.value(kind, 2))
	}
	if len(kinds) == 1 && kinds[0] == functions && w.in(2) {
		return w.localFunction()
	}
	for _, kind := range kinds {
		names = append(names, w.fresh(kind))
	}
	return "local " + strings.Join(names, ", ") + " = " + strings.Join(values, ", ")
}

// target returns what can be assigned, and its type.
func (w *writer) target() (target, kind string) {
	kind = w.one(numbers, numbers, strs, strs, tables, nothing)
	if name := w.known(kind, true); name != "" && !w.in(4) {
		return name, kind
	}
	if name := w.known(tables, false); name != "" && w.in(2) {
		kind = w.one(numbers, strs)
		return name + w.one("."+kind, "["+w.number(1)+"]", "[ "+w.text(1)+" ]"), kind
	}
	return "G" + kind, kind
}

func (w *writer) assignment() string {
	var targets, values []string
	for {
		target, kind := w.target()
		targets, values = append(targets, target), append(values, w.value(kind, 3))
		if !w.in(3) {
			break
		}
	}
	switch w.IntN(8) {
	case 0:
		values = append(values, w.value(numbers, 1))
	case 1:
		if len(values) > 1 {
			values = values[:len(values)-1]
		}
	}
	return strings.Join(targets, ", ") + " = " + strings.Join(values, ", ")
}

func (w *writer) loop() string {
	w.loops++
	defer func() { w.loops-- }()
	scope := len(w.scope)
	defer func() { w.scope = w.scope[:scope] }()
	switch w.IntN(5) {
	case 0:
		values := w.one("1, 3", "3, 1, -1", "1, #"+w.text(1)+" % 4", "0, 1, 0.5", "("+w.call(numbers, 1)+") % 3, 3")
		return fmt.Sprintf("for %s = %s do %s end", w.fixed(numbers), values, w.block())
	case 1:
		values := w.one("ipairs({ 5, 6 })", "ipairs("+w.tableOf()+")", "pairs({ 8 })", "next, { 9 }", "count(3)", "list(...)")
		if !w.varies || w.depth > 0 {
			values = strings.Replace(values, "list(...)", "list(1, 2)", 1)
		}
		return fmt.Sprintf("for %s, %s in %s do %s end", w.fixed(numbers), w.fixed(nothing), values, w.block())
	case 2, 3:
		counter := w.fixed(numbers)
		return fmt.Sprintf("local %s = 0 while %s < 3 and (%s) do %s = %s + 1 %s end",
			counter, counter, w.one("true", w.condition(1)), counter, counter, w.block())
	}
	counter := w.fixed(numbers)
	body := w.statements()
	return fmt.Sprintf("local %s = 0 repeat %s = %s + 1 %s until %s >= 3 or %s", counter, counter, counter, body, counter, w.condition(1))
}

// fixed declares a variable that nothing hides or assigns.
func (w *writer) fixed(kind string) string {
	w.names++
	name := fmt.Sprintf("%s%d", kind, 10+w.names)
	w.scope = append(w.scope, variable{name: name, fixed: true})
	return name
}

// body writes the parameters and statements of a function, and what it returns.
func (w *writer) body(kind string) string {
	varies, loops, scope := w.varies, w.loops, len(w.scope)
	w.varies, w.loops = w.in(4), 0
	w.depth++
	defer func() { w.varies, w.loops, w.scope, w.depth = varies, loops, w.scope[:scope], w.depth-1 }()
	var names []string
	for range w.IntN(3) {
		names = append(names, w.fresh(w.one(numbers, strs, nothing)))
	}
	if w.varies {
		names = append(names, "...")
	}
	body := ""
	if w.depth < 3 {
		body = w.statements()
	}
	return fmt.Sprintf("(%s) %s return %s end", strings.Join(names, ", "), body,
		w.one(w.value(kind, 1), w.value(kind, 1), w.value(kind, 1)+", "+w.value(strs, 1), "("+w.call(kind, 1)+")", w.call(kind, 1)))
}

func (w *writer) localFunction() string {
	name := w.fresh(functions)
	w.scope[len(w.scope)-1].fixed = true
	hidden := w.scope[len(w.scope)-1]
	w.scope = w.scope[:len(w.scope)-1] // it would call itself for ever
	text := "local function " + name + w.body(numbers)
	w.scope = append(w.scope, hidden)
	return text
}

func (w *writer) function() string {
	if name := w.known(tables, false); name != "" && w.in(2) {
		return fmt.Sprintf("function %s%s%s", name, w.one(".f", ":f"), w.body(numbers))
	}
	return w.localFunction()
}

// list returns expressions. The last may have any number of values.
func (w *writer) list(n int) string {
	var all []string
	for range n {
		all = append(all, w.value(w.one(numbers, strs, nothing), 2))
	}
	if w.in(3) {
		all = append(all, w.call(numbers, 1))
	}
	if w.varies && w.in(2) {
		all = append(all, w.one("...", "(...)", "select('#', ...)", "arg and arg.n", "select(2, ...)"))
	}
	return strings.Join(all, ", ")
}
