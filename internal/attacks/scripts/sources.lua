--- a source of open brackets
while true do load(("("):rep(65536)) loadstring("x = " .. ("("):rep(65536)) end
--- a source of open tables
while true do loadstring("x = " .. ("{"):rep(65536)) loadstring("x = " .. ("{"):rep(150) .. ("}"):rep(150)) end
--- a source of one long path
local s = "x = a" .. (".b"):rep(30000) while true do loadstring(s) end
--- a source of not
local s = "x = " .. ("not "):rep(16000) .. "1" while true do loadstring(s) end
--- a source of minus signs
local s = "x = " .. ("- "):rep(60000) .. "1" while true do loadstring(s) end
--- a source of powers and joins
local s, j = "x = 1" .. (" ^ 1"):rep(15000), "x = ''" .. (" .. ''"):rep(10000) while true do loadstring(s) loadstring(j) end
--- a source of sums
local s = "local a x = a" .. (" + a"):rep(15000) while true do loadstring(s) end
--- a source of comparisons
local s = "local a x = a" .. (" and a < 1 or a"):rep(4000) while true do loadstring(s) end
--- a source of blocks in one another
local s = ("do "):rep(20000) while true do loadstring(s) loadstring(("do "):rep(190) .. ("end "):rep(190)) end
--- a source of loops in one another
local s = ("for i = 1, 2 do "):rep(4000) while true do loadstring(s) loadstring(("while 1 do "):rep(190) .. ("end "):rep(190)) end
--- a source of functions in one another
local s = ("return function() "):rep(190) .. ("end "):rep(190) while true do loadstring(s) loadstring(("function f() "):rep(5000)) end
--- a source of else
local s = "if a then " .. ("elseif a then "):rep(4500) .. "end" while true do loadstring(s) end
--- a source of locals
local s = ("local a "):rep(190) .. ("do local b = a end "):rep(3000) while true do loadstring(s) loadstring(("local a "):rep(8000)) end
--- a source of captured variables
local t = {} for i = 1, 60 do t[i] = "a" .. i end
local s = "local " .. table.concat(t, ",") .. " " .. ("x = function() return " .. table.concat(t, "+") .. " end "):rep(200) while true do loadstring(s) end
--- a source of constants
local t = {} for i = 1, 8000 do t[i] = i + 0.5 end local s = "x = {" .. table.concat(t, ",") .. "}" while true do loadstring(s) end
--- a source of names
local t = {} for i = 1, 8000 do t[i] = "a" .. i .. "=1" end local s = table.concat(t, " ") while true do loadstring(s) end
--- a source of goto
local s = "do " .. ("goto l "):rep(9000) .. "::l:: end" while true do loadstring(s) end
--- a source of labels
local t = {} for i = 1, 5000 do t[i] = "::l" .. i .. "::" end local s = table.concat(t, " ") while true do loadstring(s) end
--- a source of goto to labels of its own
local t = {} for i = 1, 3000 do t[i] = "goto l" .. i .. " ::l" .. i .. "::" end local s = table.concat(t, " ") while true do loadstring(s) end
--- a source of break
local s = "while 1 do " .. ("if a then break end "):rep(3000) .. "end" while true do loadstring(s) end
--- a source of one long string
local s = "x = '" .. ("\\065"):rep(16000) .. "'" while true do loadstring(s) loadstring("x = [==[" .. ("]="):rep(30000)) end
--- a source of comments
local s = ("--\n"):rep(20000) while true do loadstring(s) loadstring("--[==[" .. ("]="):rep(30000)) end
--- a source of long numbers
local s = "x = " .. ("1"):rep(65000) while true do loadstring(s) loadstring("x = 0x" .. ("f"):rep(60000)) end
--- a source of one long name
local s = ("a"):rep(65000) while true do loadstring(s) loadstring(s .. " = " .. s) loadstring("goto " .. s) end
--- a source of calls
local s = "f" .. ("()"):rep(30000) while true do loadstring(s) loadstring("f" .. ("{}"):rep(30000)) loadstring("f" .. ("''"):rep(30000)) end
--- a source of assignments
local s = "a" .. (",a"):rep(30000) .. " = 1" while true do loadstring(s) loadstring("a, b = 1" .. (",1"):rep(30000)) loadstring("f(1" .. (",1"):rep(30000) .. ")") end
--- a source that comes in pieces
while true do load(function() return "x = 1 " end) end
--- a source of pieces that do not end
while true do local n = 0 load(function() n = n + 1 return n < 60000 and "(" or nil end) end
--- an environment for every text
while true do setfenv(loadstring("x = 1 return function() return x end"), setmetatable({}, { __index = _G }))() end
--- an environment that asks another
local e = {} for i = 1, 150 do e = setmetatable({}, { __index = e }) end local f = loadstring("return x") pcall(setfenv, f, e) while true do pcall(f) end
--- an environment of functions that look for each other
local function f() return getfenv and getfenv(2) end while true do pcall(setfenv, f, {}) pcall(f) pcall(setfenv, 1, {}) end
--- traces of deep calls
local function f(n) if n > 0 then f(n - 1) return end while true do debug.traceback("x") debug.traceback(("x"):rep(1000)) end end f(900)
--- traces of long messages
local s = ("x"):rep(2 ^ 22) while true do debug.traceback(s) end
--- looking at deep calls
local function f(n) if n > 0 then f(n - 1) return end while true do for i = 1, 900 do debug.getinfo(i) end end end f(900)
--- looking at functions
local f = function() end while true do debug.getinfo(f) debug.getinfo(1, "nSlufL") pcall(debug.getinfo, f, ("n"):rep(2 ^ 20)) end
--- numbers of JSON that are large
local json, s = require("json"), "[" .. ("123456789012345678901234567890,"):rep(3e4) .. "1]" while true do json.encode(json.decode(s)) json.decode(s, { big = "string" }) end
--- one long number of JSON
local json, s = require("json"), ("1"):rep(2 ^ 20) while true do pcall(json.decode, s) pcall(json.decode, s, { big = "string" }) pcall(json.decode, "1e" .. s) end
--- deep JSON there and back
local json, s = require("json"), ("["):rep(90) .. ("]"):rep(90) while true do json.encode(json.decode(s)) pcall(json.decode, ("["):rep(1e5)) end
--- wide JSON there and back
local json, t = require("json"), {} for i = 1, 2000 do t["k" .. i] = { i } end while true do json.encode(json.decode(json.encode(t))) end
--- errors about long names
local s = ("x"):rep(60000) while true do pcall(loadstring("local t = {} return t." .. s .. "." .. s)) pcall(loadstring("return " .. s .. " + 1")) pcall(loadstring(s .. "()")) end
--- errors in long functions
local f = loadstring(("local a "):rep(100) .. ("a = 1 "):rep(8000) .. "return a.b.c") while true do pcall(f) end
--- names of errors in functions with many jumps
local f = loadstring("local a, b " .. ("if b then a = b end "):rep(3000) .. "return a.b.c") while true do pcall(f) end
