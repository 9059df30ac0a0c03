package stdlib

import "fmt"

// full reports whether the program is so large that expressions must be short.
func (w *writer) full() bool {
	w.room--
	return w.room < 0
}

// value returns an expression of a type, but now and then one of another type.
func (w *writer) value(kind string, depth int) string {
	if w.in(60) {
		kind = w.one(numbers, strs, tables, functions, nothing)
	}
	switch kind {
	case numbers:
		return w.number(depth)
	case strs:
		return w.text(depth)
	case tables:
		return w.tableOf()
	case functions:
		if w.full() {
			return "same"
		}
		return "function" + w.body(numbers)
	}
	return w.anything(depth)
}

// anything may be nil.
func (w *writer) anything(depth int) string {
	if depth > 0 && !w.full() && w.in(2) {
		return w.logic(w.one(numbers, strs), depth-1)
	}
	if name := w.known(nothing, false); name != "" && w.in(2) {
		return name
	}
	return w.one("nil", "true", "false", w.number(0), w.text(0), "Gz", w.condition(depth))
}

// logic returns an expression of logical operators whose value has a type, if its operands have.
func (w *writer) logic(kind string, depth int) string {
	switch w.IntN(5) {
	case 0:
		return fmt.Sprintf("(%s and %s)", w.condition(depth), w.value(kind, depth))
	case 1:
		return fmt.Sprintf("(%s or %s)", w.value(kind, depth), w.value(kind, depth))
	case 2:
		return fmt.Sprintf("%s and %s or %s", w.condition(depth), w.value(kind, depth), w.value(kind, depth))
	case 3:
		return fmt.Sprintf("(%s or %s)", w.anything(depth), w.value(kind, depth))
	}
	return fmt.Sprintf("not %s and %s or %s", w.anything(depth), w.value(kind, depth), w.value(kind, depth))
}

func (w *writer) condition(depth int) string {
	if depth == 0 || w.full() {
		return w.one("true", "false", "nil", "1", w.leaf(numbers, "2"), w.leaf(nothing, "Gz"), "not "+w.leaf(nothing, "Gz"))
	}
	switch depth--; w.IntN(8) {
	case 0:
		return w.condition(depth) + " and " + w.condition(depth)
	case 1:
		return w.condition(depth) + " or " + w.condition(depth)
	case 2:
		return "not (" + w.condition(depth) + ")"
	case 3:
		return w.text(depth) + w.one(" == ", " ~= ", " < ", " >= ") + w.text(depth)
	case 4:
		return w.anything(depth) + w.one(" == ", " ~= ") + w.one("nil", "true", "'x'", w.number(0))
	case 5:
		return w.call(w.one(numbers, strs), depth)
	}
	return w.number(depth) + w.one(" == ", " ~= ", " < ", " > ", " <= ", " >= ") + w.number(depth)
}

// leaf returns a variable of a type, or a constant.
func (w *writer) leaf(kind, constant string) string {
	if name := w.known(kind, false); name != "" && !w.in(3) {
		return name
	}
	return constant
}

func (w *writer) number(depth int) string {
	if depth <= 0 || w.full() || w.in(4) {
		return w.leaf(numbers, w.one("1", "2", "3.5", "7", "0x10", "Gn", "1e2"))
	}
	switch depth--; w.IntN(12) {
	case 0, 1:
		return w.number(depth) + w.one(" + ", " - ") + w.number(depth)
	case 2:
		return "(" + w.number(depth) + ") * " + w.one("2", "3", "-1") + " % 97"
	case 3:
		return "(" + w.number(depth) + w.one(") / 4", ") % 7", ") ^ 2 % 50")
	case 4:
		return "-" + w.leaf(numbers, "3")
	case 5:
		return "#" + w.one(w.leaf(strs, "'xyz'"), "object(1)", "("+w.text(depth)+")")
	case 6:
		return "(" + w.call(numbers, depth) + ")"
	case 7:
		return w.logic(numbers, depth)
	case 8:
		return w.leaf(tables, "object(4)") + w.one(".n", "[1]", ".n", "['n']", "[#"+w.text(0)+" % 3 + 1]")
	case 9:
		if w.varies {
			return w.one("select('#', ...)", "(...)", "(select(4, ...))")
		}
	}
	return w.call(numbers, depth)
}

func (w *writer) text(depth int) string {
	if depth <= 0 || w.full() || w.in(4) {
		return w.leaf(strs, w.one("'a'", "'ab'", "\"x\"", "[[long]]", "Gs"))
	}
	switch depth--; w.IntN(11) {
	case 0, 1, 2:
		return "(" + w.text(depth) + w.one(" .. ", " .. 'm' .. ", " .. 1 .. ") + w.text(depth) + "):sub(1, 12)"
	case 3:
		return fmt.Sprintf("(%s:gsub(%s, %s))", w.leaf(strs, "('abca')"), w.one("'a'", "'.'", "'(b)'"), w.one("'b'", "'%0'", "''", "function(c) return c end"))
	case 4:
		return fmt.Sprintf("%s:gsub('a', 'e', 1)", w.leaf(strs, "('abca')"))
	case 5:
		return w.leaf(strs, "('Xyz')") + w.one(":upper()", ":sub(2)", ":sub(1, 1)", ":rep(2):sub(1, 9)", ":lower():reverse()")
	case 6:
		return "plain(" + w.anything(depth) + ")"
	case 7:
		return w.logic(strs, depth)
	case 8:
		return "string.format('%s-%d', plain(" + w.text(depth) + "), " + w.number(depth) + ")"
	case 9:
		return w.leaf(tables, "object('o')") + w.one(".s", "['s']", ".s")
	}
	return w.call(strs, depth)
}

func (w *writer) tableOf() string {
	if w.full() {
		return "object(6)"
	}
	return w.leaf(tables, w.one("{ 1, 2, n = 3, s = 'f' }", "object(2)", fmt.Sprintf("{ %s }", w.list(2)),
		fmt.Sprintf("{ n = %s, s = %s, %s }", w.number(1), w.text(1), w.list(1)),
		fmt.Sprintf("{ [ %s ] = %s; %s }", w.number(1), w.text(1), w.list(1))))
}

// call returns a call, whose first value has a type.
func (w *writer) call(kind string, depth int) string {
	if w.full() {
		return "same(" + w.leaf(kind, "1") + ")"
	}
	if kind == numbers {
		switch name := w.known(functions, false); {
		case name != "" && w.in(2):
			return fmt.Sprintf("%s(%s)", name, w.list(w.IntN(3)))
		case w.in(3):
			return fmt.Sprintf("%s:%s(%s)", w.leaf(tables, "object(5)"), w.one("add", "get", "two", "add"), w.list(1))
		case w.in(3):
			return fmt.Sprintf("(function%s)(%s)", w.body(numbers), w.list(1))
		}
		return w.one("same", "same", "two", "math.max", "twice", "apply") + "(" + w.value(numbers, depth) + ", " + w.list(1) + ")"
	}
	return w.one("same", "same", "swapped", "plain", "string.upper") + "(" + w.value(strs, depth) + ", " + w.text(depth) + ")"
}
