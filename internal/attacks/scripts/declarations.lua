--- meta of tables that share tables
local t = {} for i = 1, 60 do t = { t, t } end require("luaroute"):get("/a", { meta = { a = t } }, { status = 204 })
--- a handler of tables that share tables
local t = {} for i = 1, 60 do t = { t, t } end require("luaroute").handler("headers", { a = t })
--- a pool of tables that share tables
local t = {} for i = 1, 60 do t = { t, t } end require("luaroute"):pool("q", { "127.0.0.1:1", transport = t })
--- answers of tables that share tables
local t = {} for i = 1, 60 do t = { t, t } end while true do pcall(require("luaroute").respond, 200, t) end
--- a proxy of tables that share tables
local t = {} for i = 1, 60 do t = { t, t } end pcall(require("luaroute").proxy, "p", t) pcall(require("luaroute").proxy, "p", { query = t, headers = t, response_headers = { set = t } })
--- matchers that are long to compile
local route = require("luaroute") while true do pcall(route.matcher, "path_regexp", { pattern = ("(a{1000})"):rep(20) }) pcall(route.matcher, "expression", ("("):rep(500) .. "true" .. (")"):rep(500)) end
--- routes without an end
local route = require("luaroute") local i = 0 while true do i = i + 1 route:get("/q" .. i, { status = 204 }) end
--- tenants without an end
local route = require("luaroute") local i = 0 while true do i = i + 1 route:tenant("q" .. i, { hosts = { i .. ".example" }, path_prefix = "/" .. i }, function(r) r:get("/", { status = 204 }) end) end
--- scopes in scopes without an end
local route = require("luaroute") local function f(r) r:route("/a", f) end f(route)
--- groups in groups without an end
local route = require("luaroute") local function f(r) r:group(f) end f(route)
--- mounts that multiply
local route = require("luaroute") local r = route.new() r:get("/", { status = 204 }) for i = 1, 40 do local o = route.new() o:mount("/a", r) o:mount("/b", r) r = o end route:mount("/q", r)
--- long patterns of routes
local route = require("luaroute") while true do pcall(route.get, route, "/" .. ("{a:b}"):rep(1e5), { status = 204 }) end
--- regular expressions in routes without an end
local route = require("luaroute") local i = 0 while true do i = i + 1 route:get("/q" .. i .. "/{a:(x{1,1000}){1,1}}", { status = 204 }) end
--- names of files and variables
local route = require("luaroute") while true do pcall(route.env, ("x"):rep(1e6)) pcall(route.read, ("x"):rep(1e6)) pcall(route.read, "/etc/passwd") end
--- expectations without an end
local route = require("luaroute") while true do route:expect({ path = "/" }, { next = true }) end
--- expectations of tables that share tables
local t = {} for i = 1, 60 do t = { t, t } end while true do pcall(require("luaroute").expect, require("luaroute"), { path = "/", headers = t }, t) end
--- handlers of errors without an end
local route = require("luaroute") while true do route:on_error(function() end) route:not_found(function() end) end
--- guards in lists that share lists
local route = require("luaroute") local t = {} for i = 1, 20 do t = { t, t } end route:when(t, function() end)
--- large guards of data
local route = require("luaroute") local t = {} for i = 1, 1e4 do t["X-" .. i] = ("x"):rep(100) end while true do pcall(route.when, route, { header = t }, function() end) end
