--- an endless loop => ended
while true do end
--- a loop of goto's kin: repeat => ended
repeat local x = 1 until x == 2
--- a for loop to infinity => ended
for i = 1, math.huge do end
--- a loop that catches its end => ended
while true do pcall(function() while true do end end) end
--- a loop in xpcall with a handler that loops => ended
xpcall(function() while true do end end, function() while true do end end)
--- nested pcalls that go on
local function go() while true do pcall(go) end end go()
--- an iterator that never ends => ended
for _ in function() return 1 end do end
--- tail calls for ever => ended
local function f() return f() end f()
--- two functions that tail call each other => ended
local a, b function a(...) return b(...) end function b(...) return a(...) end a(1, 2, 3)
--- a coroutine that loops => ended
coroutine.wrap(function() while true do end end)()
--- coroutines whose errors are ignored => ended
while true do coroutine.resume(coroutine.create(function() while true do end end)) end
--- a coroutine that yields for ever => ended
local co = coroutine.wrap(function() while true do coroutine.yield() end end) while true do co() end
--- a bomb of coroutines
local all = {} for i = 1, 1e6 do all[i] = coroutine.create(function() end) end
--- a bomb of coroutines that have deep stacks
local all, function_ = {}, nil
function function_(n) if n == 0 then coroutine.yield() else return 1 + function_(n - 1) end end
for i = 1, 1e6 do all[i] = coroutine.wrap(function_) all[i](150) end
--- a chain of coroutine.wrap
local f = function() end for i = 1, 900 do local inner = f f = coroutine.wrap(function() inner() end) end f()
--- coroutines that resume one another
local a, b a = coroutine.create(function() coroutine.resume(b) end) b = coroutine.create(function() coroutine.resume(a) end)
coroutine.resume(a) coroutine.resume(b)
--- a coroutine that resumes itself
local co co = coroutine.create(function() return coroutine.resume(co) end) coroutine.resume(co)
--- recursion of coroutines
local function f() return coroutine.wrap(f)() end f()
--- a generator in a generator, nested by a loop
local function gen(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
while true do for i in gen(10) do for j in gen(10) do end end end
--- yielding across pcall
coroutine.wrap(function() pcall(coroutine.yield, 1) end)()
--- yielding from the main function
coroutine.yield(1)
--- recursion without an end
local function f() return 1 + f() end f()
--- recursion that is caught and goes on
local function f() pcall(f) pcall(f) end while true do f() end
--- recursion through pcall
local function f() local ok, e = pcall(f) error(e, 0) end f()
--- recursion through xpcall's handler
local function f() xpcall(error, f) end f()
--- recursion through tostring
local t = setmetatable({}, {}) getmetatable(t).__tostring = function(t) return tostring(t) end tostring(t)
--- recursion through a gsub callback
local function f() return (("x"):gsub("x", f)) end f()
--- recursion through sort
local function f() table.sort({ 1, 2, 3 }, f) return true end f()
--- recursion through load
local function f() load(f) end f()
--- recursion through table.foreach
local function f() table.foreach({ 1 }, f) end f()
--- recursion through concatenation
local t = setmetatable({}, {}) getmetatable(t).__concat = function(a, b) return a .. b end local x = t .. "x"
--- recursion through require
local ok, e = pcall(require, "main") while true do pcall(require, "nothing") end
--- recursion with very many arguments
local function f(...) return f(1, ...) end f()
--- arguments that double
local function f(...) return f(..., ...) end f(unpack({ 1, 2, 3, 4, 5, 6, 7, 8 }))
--- waiting by counting to a million in depth => ended
local function f(n) if n > 0 then f(n - 1) end while true do end end f(100)
--- closures at the bottom of a deep stack => ended
local function f(n)
  local a, b, c, d, e, g, h, i = 1, 2, 3, 4, 5, 6, 7, 8
  local function all() return a, b, c, d, e, g, h, i end
  if n > 0 then return f(n - 1) or all end
  while true do local x, y, z = 1, 2, 3 local function q() return x, y, z, a, b, c, d end end
end f(700)
--- errors at the bottom of a deep stack => ended
local function f(n) if n > 0 then local x = f(n - 1) return x end while true do pcall(error, "x") end end f(800)
--- a coroutine that yields for ever in depth => ended
local function f(n) if n == 0 then while true do coroutine.yield() end end local x = f(n - 1) return x end
local co = coroutine.wrap(f) co(980) while true do co() end
--- resumes in one another without an end
local function f(n) coroutine.wrap(function() f(n + 1) end)() end while true do pcall(f, 1) end
