--- a pattern that goes back for ever => ended
(("a"):rep(1e5)):find((".-"):rep(20) .. "b")
--- a pattern of many stars => ended
(("a"):rep(1e4)):match(("a*"):rep(15) .. "b")
--- gmatch with a slow pattern => ended
for _ in (("a"):rep(1e4)):gmatch("(.-)(.-)(.-)(.-)b") do end
--- a pattern with deep captures
(("a"):rep(1000)):find(("("):rep(33) .. "a")
--- a pattern of very many optional characters
(("a"):rep(1000)):find(("a?"):rep(1000) .. ("a"):rep(1000))
--- a balanced match at every place => ended
local s = ("("):rep(1e6) while true do s:find("%b()") end
--- a set that is very long => ended
local s, set = ("a"):rep(1e5), "[" .. ("b"):rep(1e5) .. "]" while true do s:find(set) end
--- back-references to a long capture => ended
local s = ("a"):rep(2e5) while true do s:find("^(a*)%1%1%1b") end
--- gsub with a long replacement => ended
local s = ("a"):rep(1000) while true do s:gsub("a", s) end
--- gsub whose template repeats the subject
local s = ("a"):rep(4e6) s:gsub(".+", ("%0"):rep(1e6))
--- gsub callbacks that never end => ended
(("a"):rep(1e6)):gsub(".", function() while true do end end)
--- gsub callbacks that hold what they made
local function f(n) return (("a"):rep(2^23) .. "b"):gsub("b", function() return f(n + 1) end) end f(1)
--- gsub over nothing => ended
while true do (("x"):rep(1e5)):gsub("", "") end
--- rep without an end
local s = "x" while true do s = s:rep(1000) end
--- rep to the largest size, again and again => ended
while true do local s = ("x"):rep(2 ^ 24) end
--- rep of nothing
local s = (""):rep(1e300) .. ("x"):rep(-1e300) .. ("x"):rep(0 / 0)
--- rep that keeps all it made
local all = {} for i = 1, 1e6 do all[i] = ("x"):rep(2 ^ 22) end
--- concatenation that doubles
local s = "x" while true do s = s .. s end
--- concatenation of all that was
local s, all = "x", {} while true do s = s .. "0123456789" all[#all + 1] = s end
--- concatenation of many operands
local s = ("x"):rep(2 ^ 23) while true do s = s .. s .. s .. s .. s .. s .. s .. s .. s end
--- format without an end
local s = "x" while true do s = string.format("%s%s", s, s) end
--- format with wide fields
string.format("%99999999d", 1)
--- format with every letter
for c = 0, 255 do pcall(string.format, "%" .. string.char(c), {}) pcall(string.format, "%#v %p %T %x", print, {}, req) end
--- format of objects that answer for ever => ended
string.format("%s", setmetatable({}, { __tostring = function() while true do end end }))
--- byte and char of everything
local s = ("x"):rep(1e6) string.char(s:byte(1, -1))
--- reverse, upper and lower for ever => ended
local s = ("x"):rep(1e6) while true do s = s:reverse():upper():lower() end
--- comparing long strings => ended
local a, b = ("x"):rep(2 ^ 23), ("x"):rep(2 ^ 23) while true do local x = a == b end
--- ordering long strings => ended
local a, b = ("x"):rep(2 ^ 23), ("x"):rep(2 ^ 23) while true do local x = a < b or a <= b end
--- sorting long strings => ended
local t = {} for i = 1, 20 do t[i] = ("x"):rep(2 ^ 18) .. i end while true do table.sort(t) t[1], t[9] = t[9], t[1] end
--- long strings as keys => ended
local t, a = {}, ("x"):rep(2 ^ 23) while true do t[a] = 1 local x = t[a .. ""] end
--- long strings as numbers => ended
local a = ("9"):rep(2 ^ 22) while true do pcall(function() return a + 1, -a, a * a end) end
--- long strings to tonumber => ended
local a = (" "):rep(2 ^ 22) .. "x" while true do tonumber(a) tonumber(a, 36) end
--- small parts of large strings
local all = {} for i = 1, 1e6 do all[i] = (("x"):rep(2 ^ 22) .. i):sub(-10) end
--- parts that matched of large strings
local all = {} for i = 1, 1e6 do all[i] = (("x"):rep(2 ^ 22) .. i):match("%d+$") end
--- compiling texts for ever => ended
local s = ("local a = 1 "):rep(100) while true do loadstring(s) end
--- compiling texts and keeping them
local s, all = ("local a = 1 "):rep(5000), {} while true do all[#all + 1] = loadstring(s) end
--- deep parentheses
loadstring("return " .. ("("):rep(30000) .. "1" .. (")"):rep(30000))
--- deep tables
loadstring("return " .. ("{"):rep(30000) .. ("}"):rep(30000))
--- deep functions
loadstring(("return function() "):rep(3000) .. (" end"):rep(3000))
--- long chains of else
loadstring("if a then " .. ("elseif a then "):rep(4000) .. " end")
--- long chains of operators
loadstring("return 1" .. (" + 1"):rep(15000)) loadstring("return 1" .. (" .. 1"):rep(12000)) loadstring("return " .. ("-"):rep(1) .. ("not "):rep(15000) .. "1")
--- very many locals, constants and upvalues
loadstring(("local a = 1 "):rep(300)) local t = {} for i = 1, 4000 do t[i] = '"' .. i .. '"' end loadstring("return {" .. table.concat(t, ",") .. "}")
--- a reader for load that never ends => ended
while true do load(function() return "-" end) end
--- load in load in load
local s = "return 1" for i = 1, 12 do s = "return loadstring(" .. ("%q"):format(s) .. ")()" end loadstring(s)()
