package stdlib

import "fmt"

// traceCorpus returns what handlers of xpcall see of errors: in functions of all kinds, called in all ways.
func traceCorpus(seed uint64, n int) []string {
	r := newSource(seed)
	corpus := make([]string, n)
	for i := range corpus {
		body := r.one("error('x')", "error('x', 0)", "error('x', 2)", "error({})", "error()", "local x = nil + 1", "local x = Nothing.x", "Nothing()", "string.rep()", "('x'):bad()",
			"local x = {} .. 'x'", "local x = 1 < {}", "local x = #5", "assert(false, 'said')", "local t = {} t.x.y = 1", "for i = {}, 2 do end", "none() local s = 'x' s()")
		for range r.IntN(5) {
			body = r.around(body)
		}
		corpus[i] = fmt.Sprintf("traced(function() %s end, %s)", body, r.one("debug.traceback", "debug.traceback", "function(m) return debug.traceback(m) end",
			"function(m) return debug.traceback(name(m), 2) end", "function(m) return debug.traceback(name(m), 3) end",
			"function(m) return name(m) .. name((debug.getinfo(2, 'n') or {}).name) .. name((debug.getinfo(3, 'l') or {}).currentline) end",
			"function(m) local ok, e = pcall(error, 'in') return debug.traceback(name(m) .. e) end",
			"function(m) return select(2, xpcall(function() error(name(m) .. 'in') end, debug.traceback)) end",
			"function(m) return same(debug.traceback(name(m))) end"))
	}
	return corpus
}

// around returns a body that calls a function with another body.
func (r source) around(body string) string {
	return fmt.Sprintf(r.one("(function() %s end)()", "local function f() %s end f()", "local function f() %s end none(f())", "local t = {} function t.m() %s end t.m()",
		"local t = {} function t:m() %s end t:m(1)", "return (function() %s end)()", "local function f() %s end return f()", "Gf = function() %s end Gf()",
		"table.sort({ 2, 1 }, function() %s end)", "('a'):gsub('.', function() %s end)", "local _ = setmetatable({}, { __index = function() %s end }).x",
		"local _ = setmetatable({}, { __add = function() %s end }) + 1", "setmetatable({}, { __newindex = function() %s end }).x = 1",
		"for _ in function() %s end do break end", "pcall(error) none() do %s end", "return select(2, pcall(function() %s end))",
		"return traced(function() %s end, debug.traceback)", "local up = 1 none(function() return up end) local function f() up = 2 %s end f()"), body)
}
