--- long names of request headers
local s = ("x"):rep(2 ^ 23) while true do pcall(req.header, req, s) end
--- lists of long names
local s = ("x"):rep(2 ^ 23) while true do pcall(req.header_values, req, s) pcall(req.query_values, req, s) end
--- long names of parameters, query values and cookies
local s = ("x"):rep(2 ^ 23) while true do pcall(req.param, req, s) pcall(req.query_value, req, s) pcall(req.cookie, req, s) end
--- long names of variables
local s = ("x"):rep(2 ^ 23) while true do pcall(req.var, req, s) end
--- setting headers with long names
local s = ("x"):rep(2 ^ 23) while true do pcall(req.set_header, req, s, "x") pcall(req.remove_header, req, s) end
--- setting a header to a long value
local s = ("x"):rep(2 ^ 23) while true do pcall(req.set_header, req, "x", s) end
--- setting a header to a long value that is refused
local s = ("x"):rep(2 ^ 23) .. "\n" while true do pcall(req.set_header, req, "x", s) end
--- setting a long query value
local s = ("&"):rep(2 ^ 22) while true do pcall(req.set_query, req, s, s) end
--- a long query that is written anew
local s = ("a=1&"):rep(2 ^ 20) req:set_raw_query(s) while true do local x = req.query.a req:set_query("a", "b") end
--- a long path that is escaped
local s = "/" .. (" "):rep(2 ^ 22) while true do pcall(req.set_path, req, s) local x = req.path end
--- a long URI that is decoded
local s = "/" .. ("%20"):rep(2 ^ 21) while true do pcall(req.set_uri, req, s) local x = req.path end
--- a long method
local s = ("x"):rep(2 ^ 23) while true do pcall(req.set_method, req, s) end
--- a body of JSON that is read for ever
req:set_body("[" .. ("1,"):rep(2e5) .. "1]") while true do req:json() end
--- a form that is read for ever
req:set_body(("a=1&"):rep(2e5)) req:set_header("Content-Type", "application/x-www-form-urlencoded") while true do req:form() end
--- expanding braces that are never closed
local s = ("{"):rep(2e5) while true do req:expand(s) end
--- expanding braces that are closed at the end
local s = ("{a"):rep(2e5) .. "}" while true do req:expand(s) end
--- expanding escaped braces
local s = ("\\{"):rep(2e5) while true do req:expand(s) end
--- expanding a long path a thousand times
req:set_path("/" .. ("x"):rep(1e6)) local s = ("{http.request.uri}"):rep(1000) while true do req:expand(s) end
--- a cookie with a long name
local s = ("x"):rep(2 ^ 23) while true do pcall(res.cookie, res, { name = s, value = s }) end
--- a redirect to a long address
local s = ("x"):rep(2 ^ 23) while true do pcall(res.redirect, res, s) end
--- res:json of tables that share tables
local t = {} for i = 1, 60 do t = { t, t } end while true do pcall(res.json, res, t) end
--- log fields and variables of tables that share tables
local t = {} for i = 1, 60 do t = { t, t } end while true do pcall(req.log_field, req, "k", t) pcall(req.var, req, "k", t) end
--- a response header with many values
local t = {} for i = 1, 1e4 do t[i] = ("x"):rep(100) end while true do res.headers["X-A"] = t end
--- a response header of tables that share tables
local t = {} for i = 1, 60 do t = { t, t } end while true do pcall(function() res.headers["X-A"] = t end) end
--- req.ctx with tables that share tables
local t = {} for i = 1, 60 do t = { t, t } end req.ctx.a = t
--- req.ctx with a deep table
local t = {} for i = 1, 1e5 do t = { t } end req.ctx.a = t
--- cookies with long values
local s = ("x"):rep(2 ^ 20) .. "\"" while true do pcall(res.cookie, res, { name = "a", value = s, path = s, domain = s }) end
--- a long cookie header that is read for ever
req:set_header("Cookie", ("a=1; "):rep(2e5)) while true do local x = req:cookie("b") for k in pairs(req.cookies) do end end
--- expanding files and variables
req:expand("{file./etc/passwd}{env.PATH}")
