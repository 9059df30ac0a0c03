package stdlib

import "fmt"

// errorCorpus returns protected calls: of functions that fail in all ways, with handlers that do, too, and in one another.
func errorCorpus(seed uint64, n int) []string {
	r := newSource(seed)
	corpus := make([]string, n)
	for i := range corpus {
		corpus[i] = r.protectedCall(2)
	}
	return corpus
}

func (r source) protectedCall(depth int) string {
	if r.in(8) { // what gopher-lua reads otherwise
		return fmt.Sprintf("handled(function() return %s end, tostring)", r.one("tonumber('1e3')", "tonumber('1e')", "tonumber(' 0x1p')", "format('%d', 'x')",
			"format('%d', '7.9')", "format('%d', {})", "format('%d', nil)", "tonumber('5e+2')", "tonumber('.e1')", "format('%c', 'x')"))
	}
	call := r.one("handled", "handled", "handled", "kept")
	text := fmt.Sprintf("%s(%s, %s)", call, r.failing(depth), r.handler(depth))
	if r.in(4) {
		text = fmt.Sprintf("coroutine.wrap(function() return %s end)()", text)
	}
	return text
}

// failing returns a function, or what is none.
func (r source) failing(depth int) string {
	if depth > 0 && r.in(4) {
		return fmt.Sprintf("function() return %s end", r.protectedCall(depth-1))
	}
	if depth == 2 && r.in(10) {
		return "deep"
	}
	return r.one("error", "function() error('a') end", "function() error('a', 0) end", "function() error('a', 2) end", "function() error({}) end",
		"function() error() end", "function() error(7) end", "function() local x = nil + 1 end", "function() return 1, nil, 3 end", "function() return Nothing.x end",
		"function() Nothing() end", "function() local n = 1 local function f() n = n + 1 error(n) end f() end", "none", "string.rep", "tostring", "nil", "5", "{}",
		"callable(2)", "function() return pcall(error, 'x') end", "coroutine.wrap(function() error('w') end)", "coroutine.wrap(function() return 1, 2 end)",
		"function() return #5 end", "function() return {} .. 'x' end", "function() return {} < {} end", "function() return 1 < 'x' end",
		"function() for i = {}, 2 do end end", "function() setmetatable({}, { __index = function() error('in') end }).x() end", "function() ('x'):rep(1, 2, 3):bad() end",
		"function() assert(false) end", "function() assert(nil, 'said') end", "function() assert(false, {}) end", "function() table.sort({ 2, 1 }, error) end",
		"function() ('abc'):gsub('.', error) end", "function() string.rep() end", "function() ('x'):rep({}) end", "function() error('a\\000b') end",
		"coroutine.wrap(function() return ('x'):rep({}) end)", "coroutine.wrap(function() return nil + 1 end)", "coroutine.wrap(function() string.rep() end)", "function() coroutine.wrap(string.rep) end", "function() coroutine.create(5) end",
		"function() error('bad argument #1 to f (said)') end", "function() error('bad argument #1 to f (said)', 0) end", "function() error('attempt to call a non-function object') end",
		"function() local ok, m = pcall(string.rep) error(m) end", "function() local ok, m = pcall(string.rep, 'x', {}) error(m, 0) end",
		"function() local ok, m = pcall(function() return ('x'):rep({}) end) error(m, 0) end", "function() local s = {} s.f = error s.f('x') end")
}

// handler returns a handler of xpcall, or what is none.
func (r source) handler(depth int) string {
	if depth > 0 && r.in(6) {
		return fmt.Sprintf("function() return %s end", r.protectedCall(depth-1))
	}
	return r.one("error", "tostring", "plain", "third", "type", "none", "nil", "{}", "5", "'x'", "string.upper", "pcall", "callable(2)", "function(m) return m end",
		"function(m) return m, 2 end", "function() error('b') end", "function(m) error(m) end", "function(m) error(m, 0) end", "function() return nil + 1 end",
		"function(...) return select('#', ...) end", "function(m) return select(2, pcall(error, m)) end", "coroutine.wrap(function(m) return m end)")
}
