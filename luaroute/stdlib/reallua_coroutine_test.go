package stdlib

import (
	"fmt"
	"strings"
)

// coroutineCorpus returns programs of loops, calls and coroutines that yield in all places.
func coroutineCorpus(seed uint64, n int) []string {
	r := newSource(seed)
	corpus := make([]string, n)
	for i := range corpus {
		corpus[i] = fmt.Sprintf("trace(coroutine.%s, function(c, put) %s return %s end)",
			r.one("create", "wrap"), r.statements(2), r.one("'end'", "c()", "yield(c())", "coroutine.yield(c())", ""))
	}
	return corpus
}

func (r source) statements(depth int) string {
	all := make([]string, 1+r.IntN(3))
	for i := range all {
		all[i] = r.statement(depth)
	}
	return strings.Join(all, " ")
}

func (r source) statement(depth int) string {
	if depth == 0 || r.in(2) {
		return r.one(
			"coroutine.yield(c())", "coroutine.yield(c())", "coroutine.yield(c())", "yield(c())", "yield(c())", "put(c())", "put(c())",
			"pcall(error, 'x')", "local _ = nothing.x", "if c() % 2 == 0 then coroutine.yield('even') end", "put(coroutine.yield())",
		)
	}
	switch inner := r.statements(depth - 1); r.IntN(8) {
	default:
		return fmt.Sprintf("for %s in %s do %s %s end", r.one("a", "a, b", "a, b, d", "a, b, d, e"), r.iterator(), inner, r.one("", "", "put(a)", "break"))
	case 0:
		return fmt.Sprintf("do local function f() %s end f() end", inner)
	case 1:
		return fmt.Sprintf("do local function f() %s return %s end local function g() return f() end put(g()) end", inner, r.one("c()", "yield(c())"))
	case 2:
		return fmt.Sprintf("for a in coroutine.wrap(function() %s end) do coroutine.yield(a) end", inner)
	}
}

// iterator returns what stands in a generic for.
func (r source) iterator() string {
	return r.one(
		"ipairs({ 1, 2 })", "ipairs({ 7 }), nil", "pairs({ 7 })", "next, { 5, 6 }", "next, { 5, 6 }, 1", "next, { 5 }, nil", "next, same({ 5 })",
		"next, same({ 5, 6 }), same(1)", "next, (same({ 5 }, 1))", "same(next, { 5 })", "count(2)", "count(0)", "count(2), same()", "tail(2)",
		"callable(2)", "wrapped(2)", "wrapped(0)", "rest(2)", "function() end", "function() return nil end", "function() return end",
		"string.gmatch('ab', '.')",
	)
}
