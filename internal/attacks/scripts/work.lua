--- gsub with a set that is never closed => ended
local p = "[" .. ("a"):rep(4e6) while true do pcall(string.gsub, "x", p, "") end
--- gmatch with a set that is never closed
local p = "[" .. ("a"):rep(4e6) while true do pcall(string.gmatch("x", p)) end
--- find with four million captures => ended
while true do pcall(string.find, "x", ("("):rep(4e6)) end
--- quoting a long text of quotes => ended
local s = ("\""):rep(2 ^ 24) while true do pcall(string.format, "%q", s) end
--- quoting a long text of zeros => ended
local s = ("\0"):rep(2 ^ 22) while true do pcall(string.format, "%q", s) end
--- rawequal of long texts => ended
local a, b = ("x"):rep(2 ^ 23), ("x"):rep(2 ^ 23) while true do rawequal(a, b) end
--- rawget of a long key => ended
local a, t = ("x"):rep(2 ^ 23), {1, a = 2} while true do rawget(t, a) end
--- next from a long key => ended
local a, t = ("x"):rep(2 ^ 23), { a = 2 } while true do pcall(next, t, a) end
--- require of a long name => ended
local a = ("x"):rep(2 ^ 23) while true do pcall(require, a) end
--- rawset of a global with a long name
local a = ("x"):rep(2 ^ 23) while true do pcall(rawset, _G, a, 1) end
--- a global with a long name => ended
local a = ("x"):rep(2 ^ 23) while true do pcall(function() _G[a] = 1 end) end
--- a library field with a long name => ended
local a = ("\0"):rep(2 ^ 23) while true do pcall(function() string[a] = 1 end) end
--- a long constant as a key
local f = loadstring("local t = {} while true do local x = t['" .. ("x"):rep(60000) .. "'] end") f()
--- very many constants in a loaded text
local t = {} for i = 1, 9000 do t[i] = "'" .. i .. "'" end local s = "return {" .. table.concat(t, ",") .. "}" loadstring(s:sub(1, 65000))
--- a constant that is behind many others
local t = {} for i = 1, 2000 do t[i] = "'" .. i .. "'" end loadstring("local a = {" .. table.concat(t, ",") .. "} return {" .. ("z,"):rep(24000) .. "}")
--- very many labels
local t = {} for i = 1, 4000 do t[i] = "do goto l" .. i .. " end ::l" .. i .. "::" end loadstring((table.concat(t, " ")):sub(1, 65000))
--- very many gotos
loadstring(("goto a "):rep(9000) .. "::a::")
--- very many small numbers at full width
local t = {} for i = 1, 1000 do t[i] = 5e-324 end local f = ("%99.99f"):rep(1000) while true do string.format(f, unpack(t)) end
--- numbers with very many digits => ended
while true do string.format("%.99f %.99f %.99f", 1e308, 5e-324, 1e308) end
--- captures that all hold half of the text
local s = ("x"):rep(2 ^ 22) .. "y" .. ("x"):rep(2 ^ 22) while true do s:match(("("):rep(32) .. "x*" .. (")"):rep(32)) end
--- captures of half of the text that are kept
local s, all = ("x"):rep(2 ^ 22) .. "y" .. ("x"):rep(2 ^ 22), {} for i = 1, 1e6 do all[i] = { s:match(("("):rep(32) .. "x*" .. (")"):rep(32)) } end
--- logging tables that share tables
local t = {} for i = 1, 60 do t = { t, t } end while true do require("log").info("x", t) require("log").info("x", { a = t }) end
--- logging long names
local s = ("x"):rep(2 ^ 23) while true do require("log").info(s, { [s] = s }) print(s) end
--- an error about a long key
local s = ("x"):rep(2 ^ 23) while true do pcall(function() local t t[s] = 1 end) end
--- an error about a long field that is called
local s = ("x"):rep(2 ^ 23) while true do pcall(function() local t = {} t[s]() end) end
--- long errors => ended
local s = ("x"):rep(2 ^ 23) while true do pcall(error, s) pcall(error, s, 2) end
--- assert with a long message => ended
local s = ("x"):rep(2 ^ 23) while true do pcall(assert, false, s) end
--- concat that fails at its end => ended
local t = {} for i = 1, 100 do t[i] = ("x"):rep(1e5) end t[101] = {} while true do pcall(table.concat, t) end
--- gsub that fails at its end
local s = ("x"):rep(2 ^ 23) .. "y" while true do pcall(string.gsub, s, "y", function() return {} end) end
--- format that is too large at its end
local s = ("x"):rep(2 ^ 23) while true do pcall(string.format, "%s%s%s", s, s, s) end
--- concatenation that is too large
local s = ("x"):rep(2 ^ 23) while true do pcall(function() return s .. s .. s end) end
--- select and max of many => ended
local t = {} for i = 1, 200 do t[i] = i end while true do select(2, unpack(t)) math.max(unpack(t)) end
--- a call with very many arguments => ended
local t = {} for i = 1, 7900 do t[i] = i end local function f(...) while true do select("#", ...) local a = { ... } end end f(unpack(t))
--- the largest of very many numbers => ended
local t = {} for i = 1, 7900 do t[i] = i end local function f(...) while true do math.max(...) end end f(unpack(t))
--- a text of very many characters
local t = {} for i = 1, 7900 do t[i] = 65 end local function f(...) while true do string.char(...) end end f(unpack(t))
--- the largest of very many long texts
local t, s = {}, ("0"):rep(1000) for i = 1, 7900 do t[i] = s end local function f(...) while true do math.max(...) end end f(unpack(t))
--- arithmetic with long texts
local s = ("9"):rep(1000) while true do local x = s + s end
--- tonumber of long texts in a base => ended
local s = ("z"):rep(1000) while true do tonumber(s, 36) end
--- long hexadecimal numbers
local s = "0x" .. ("f"):rep(990) while true do tonumber(s) end
--- long fractions => ended
local s = "0." .. ("9"):rep(990) .. "e-300" while true do tonumber(s) end
--- times far away => ended
while true do os.time({ year = 2020, month = 1e9, day = -1e9, hour = 1e9 }) end
--- tables of dates => ended
while true do os.date("*t") end
--- unpack of nothing from a long list
local t = {} t[2 ^ 19] = 1 while true do local x = unpack(t, 1, 0) end
--- pairs over all that is sealed
for i, v in ipairs(string) do end for k in pairs(_G) do pcall(function() _G[k] = nil end) end
--- very many upvalues
local s = "" for i = 1, 190 do s = s .. "local a" .. i .. " = 1 " end s = s .. "return function() return a1" for i = 2, 190 do s = s .. " + a" .. i end local f = loadstring(s .. " end") while true do f() end
--- keys with gaps
local t = {} for i = 1, 1e7 do t[i * 3] = i end
--- negative keys
local t = {} for i = 1, 1e7 do t[-i] = i end
--- keys that are fractions
local t = {} for i = 1, 1e7 do t[i + 0.5] = i end
--- names of tables that are kept
local all = {} for i = 1, 1e7 do all[i] = tostring({}) end
--- coroutines with large stacks that are dropped
while true do local co = coroutine.wrap(function(...) coroutine.yield(...) end) co(unpack({}, 1, 7000)) end
--- a coroutine that passes many values
local co = coroutine.wrap(function(...) while true do coroutine.yield(...) end end) while true do co(unpack({}, 1, 3000)) end
--- JSON of a long text of escapes => ended
local json = require("json") local s = '"' .. ("\\u0041"):rep(1e6) .. '"' while true do json.decode(s) end
--- JSON of a long text to escape => ended
local json = require("json") local s = ("\1"):rep(2e6) while true do pcall(json.encode, s) pcall(json.encode, { [s] = s }) end
--- JSON that fails at its end => ended
local json = require("json") local s = "[" .. ("1,"):rep(2e6) while true do json.decode(s) end
--- JSON of blanks
local json = require("json") local s = (" "):rep(2 ^ 23) while true do json.decode(s) end
--- an iterator that yields => ended
for i in coroutine.wrap(function() while true do coroutine.yield(1) end end) do end
--- sorting what has no order
local t = {} for i = 1, 1e4 do t[i] = i % 2 == 0 and i or tostring(i) end while true do pcall(table.sort, t) end
--- inserting into a long list => ended
local t = {} for i = 1, 5e5 do t[i] = i end while true do table.insert(t, 2, 1) table.remove(t, 2) end
--- __eq that compares
local m = { __eq = function(a, b) return a == b end } local a, b = setmetatable({}, m), setmetatable({}, m) local x = a == b
--- __concat that concatenates
local m m = { __concat = function(a, b) return setmetatable({}, m) .. b end } local x = setmetatable({}, m) .. "x"
--- xpcall whose handler is xpcall
local function h() return xpcall(error, h) end while true do xpcall(error, h) end
--- foreachi over a list that grows
local t = { 1 } table.foreachi(t, function(i) t[i + 1] = i end)
--- pairs over a table that grows
local t = { a = 1 } while true do for k in pairs(t) do t[k .. "x"] = 1 end end
--- rep of a hundred billion
string.rep("x", 1e11)
--- the largest far index
local t = {} t[67108862] = 1
--- regular expressions without an end
local re = require("re") while true do pcall(re.compile, ("(a?){1000}"):rep(100)) pcall(re.match, ("a"):rep(1e6), "(a|aa)*$b") end
