--- an error that is a table in itself
local t = {} t.message = t error(t)
--- an error that is a very long text
error(("x"):rep(2 ^ 23))
--- errors that grow with each catch
local e = "x" while true do local _, m = pcall(error, e .. e, 0) e = m end
--- an error whose __tostring loops => ended
pcall(function() print(setmetatable({}, { __tostring = function() while true do end end })) end)
--- an error whose __tostring fails
error(setmetatable({}, { __tostring = function() error("again") end, __index = function() error("again") end }))
--- an error that is nil, a function, a coroutine
pcall(error) pcall(error, print) pcall(error, coroutine.create(function() end)) error(nil)
--- an error with a level far away
pcall(error, "x", 2 ^ 53) pcall(error, "x", -2 ^ 53) error("x", 1e9)
--- xpcall with a handler that fails
xpcall(error, function() error("again") end)
--- the end of a budget that a handler catches => ended
while true do xpcall(function() while true do end end, function() return 1 end) end
--- the metatable of strings
getmetatable("").__index = function() return print end
--- setmetatable on a string
setmetatable("", { __index = print })
--- rawset on a library
rawset(string, "format", print) rawset(_G, "pairs", print)
--- an assignment to a library
string.rep = nil
--- an assignment to a global
evil = 1
--- an assignment through _G
_G.pairs = nil
--- a new environment by setfenv
setfenv(1, {})
--- an environment by getfenv
getfenv(0).pairs = nil
--- package.loaded
package.loaded.string = nil
--- package.loadlib
package.loadlib("libc.so.6", "system")
--- the debug library
debug.getregistry()
--- the debug library by require
local d = require("debug") d.sethook()
--- files
io.open("/etc/passwd")
--- commands
os.execute("true")
--- the end of the process
os.exit(1)
--- files to run
dofile("/etc/passwd")
--- files to load
loadfile("/etc/passwd")
--- garbage collection
collectgarbage("stop")
--- a proxy with __gc
newproxy(true)
--- bytecode
local f = loadstring("\27Lua\81\0\1\4\4\4\8\0") f()
--- bytecode of a function
string.dump(print)
--- names that only the compiler knows
loadstring("return (globals)")() loadstring("(concat) = 1")()
--- environment of what was loaded
local f = loadstring("x = 1") f()
--- getmetatable of all that Go made
for _, v in ipairs({ req or 1, res or 1, print, coroutine.create(function() end), "", 1 }) do local m = getmetatable(v) if type(m) == "table" then m.__index = nil end end
--- setmetatable on all that Go made
for _, v in ipairs({ req or 1, string, _G, table }) do pcall(setmetatable, v, {}) pcall(rawset, v, "__index", 1) end
--- methods with wrong objects
pcall(req.header, res, "x") pcall(req.header, nil) pcall(res.write, req, "x") req.header({}, "x")
--- json.array as a way to write libraries
require("json").array(string)
--- a library that is not listed
require("http.server")
--- sleeping that counts as nothing => ended
while true do os.time() os.clock() os.date() end
--- dates that do not exist
os.date("*t", 1e300) os.date("%", -1e300) os.time({ year = 1e300, month = -1e300, day = 0 / 0 })
--- dates with long formats => ended
while true do os.date(("%c"):rep(2000)) end
--- random without an interval
math.random(2 ^ 63, -2 ^ 63)
--- very many random numbers => ended
while true do math.random() math.floor(math.sin(math.huge)) end
