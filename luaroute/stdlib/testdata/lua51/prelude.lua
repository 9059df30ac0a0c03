-- What the expressions of the corpus use besides the standard libraries. Both sides run it: the real Lua and ours.

find, match, gsub, gmatch = string.find, string.match, string.gsub, string.gmatch
format, insert, concat = string.format, table.insert, table.concat

-- name shows a value without its address.
local function name(v)
  local kind = type(v)
  return (kind == "table" or kind == "function") and kind or tostring(v)
end

-- minus0 is -0. As a constant it can be mistaken for 0.
minus0 = -tonumber("0")

-- about leaves out the last digits of a number, which depend on the machine.
function about(...)
  local all = { ... }
  for i = 1, select("#", ...) do all[i] = tonumber(format("%.10g", all[i])) or all[i] end
  return unpack(all, 1, select("#", ...))
end

-- each joins what gmatch finds, up to a hundred times.
function each(s, p)
  local all, n = {}, 0
  for a, b, c in gmatch(s, p) do
    n = n + 1
    all[n] = tostring(a) .. "," .. tostring(b) .. "," .. tostring(c)
    if n == 100 then break end
  end
  return n, concat(all, ";")
end

-- members shows the bytes that a pattern matches, as ranges.
function members(p)
  local all, first = {}
  for i = 0, 256 do
    local is = i < 256 and find(string.char(i), p)
    if is and not first then first = i end
    if first and not is then
      all[#all + 1] = first .. "-" .. i - 1
      first = nil
    end
  end
  return concat(all, " ")
end

-- after changes a list with a function of the table library, and shows what that returned and the places -3 to 9.
function after(change, t, ...)
  local results = { change(t, ...) }
  local all = {}
  for i = -3, 9 do all[#all + 1] = name(t[i]) end
  return concat(all, ","), unpack(results)
end

-- Replacements for gsub.
byName = { a = "x", b = "", ["1"] = 2, ab = "<%1>", [1] = "one", [3] = 3.5, no = false }
anyName = setmetatable({}, { __index = function(_, k) return "[" .. k .. "]" end })
badName = setmetatable({}, { __index = function() return {} end })
function join(...) return select("#", ...) .. ":" .. name((...)) .. ":" .. name((select(2, ...))) end
function swap(a, b) return (b or "") .. a end
function none() end
function some(a) if a ~= "a" then return a .. a end end
function number(a) return #tostring(a) / 2 end
function bad() return true end

-- What programs with coroutines use: iterators of all kinds, and trace, which resumes a coroutine until it is dead.
function same(...) return ... end
function yield(v) return coroutine.yield(v) end
nothing = setmetatable({}, { __index = function() end })
function count(n) local i = 0 return function() i = i + 1 if i <= n then return i end end end
function tail(n) local f = count(n) return function() return f() end end
function rest(n) local i = 0 return function(...) i = i + 1 if i > n then return end return i, ... end end
function callable(n) local f = count(n) return setmetatable({}, { __call = function() return f() end }) end
function wrapped(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
function trace(make, body)
  local n, out = 0, {}
  local function put(...)
    out[#out + 1] = select("#", ...)
    for i = 1, select("#", ...) do out[#out + 1] = tostring((select(i, ...))) end
  end
  local co = make(function() return body(function() n = n + 1 return n end, put) end)
  local resume = type(co) == "function" and pcall or coroutine.resume
  for i = 1, 20 do
    local function results(ok, ...)
      if ok then put(ok, ...) else put(ok) end
      return ok
    end
    if not results(resume(co, i)) then break end
  end
  return table.concat(out, " ")
end

-- What functions of the corpus call. run shows what a function returns, or its error with the line, and what it has put.
local methods = {}
methods.__index = methods
function methods:add(n) self.n = (self.n + (tonumber(n) or 1)) % 101 return self.n end
function methods:get() return self.n, self.s end
function methods:two(...) return self.n, ... end
function object(n) return setmetatable({ n = tonumber(n) or 1, s = "o" .. tostring(n), 4, 5 }, methods) end
plain = name
function two(a, b) return a, b end
function twice(n) return n * 2 % 97 end
function swapped(a, b) return b, a end
function apply(n, f) if type(f) == "function" then return f(n) end return n end
function list(...) return ipairs({ ... }) end
function flat(t)
  if type(t) ~= "table" then return name(t) end
  local all = {}
  for _, k in ipairs({ "n", "s", 1, 2, 3, 4, "f" }) do all[#all + 1] = name(rawget(t, k)) end
  return concat(all, ",")
end

local out = {}
function put(...)
  for i = 1, select("#", ...) do
    if #out < 100 then out[#out + 1] = name((select(i, ...))) end
  end
end
local function shown(ok, ...)
  if ok then
    put(...)
  else
    put((tostring((...)):gsub("^.-:(%d+: )", "%1")))
  end
  return concat(out, " ")
end
function run(f, ...)
  out, Gn, Gs, Gt, Gz = {}, 6, "glob", { n = 1, s = "g" }, nil
  return shown(pcall(f, ...))
end

-- says shows the message of a text that is no program.
function says(text) return (select(2, loadstring(text, "=text"))) end

-- What protected calls fail with. handled shows what xpcall returns, without places; kept whether it leaves the variables of its caller.
local function unplaced(...)
  local all = { ... }
  for i = 1, select("#", ...) do
    all[i] = name(all[i]):gsub("^.-:%d+: ", ""):gsub("0[xX]%x+", "")
  end
  return concat(all, " ", 1, select("#", ...))
end
local times
function handled(f, handler, ...) times = 0 return unplaced(xpcall(f, handler, ...)) end
function kept(f, handler)
  times = 0
  local n, m = 1, 1
  local function read() return n + m end
  xpcall(function() m = 10 f() end, handler)
  n = 2
  return read()
end
function deep(n) return 1 + deep(n) end
function third(m) times = times + 1 if times < 3 then error(times) end return times .. name(m) end

-- traced shows what a handler of xpcall makes of an error, up to xpcall: as a rule a trace, with lines but without scripts.
function traced(f, handler)
  local _, trace = xpcall(f, handler)
  trace = tostring(name(trace)):gsub('%[string ".-"%]', "S"):gsub("[^%s<]+:(%d+)", ":%1")
  return (trace:gsub("in function 'xpcall'.*", "in function 'xpcall'"))
end
