--- a header that is huge
req:set_header("X-Long", ("x"):rep(2 ^ 23))
--- very many request headers
local i = 0 while true do i = i + 1 req:set_header("X-" .. i, "x") end
--- very many values of one request header
while true do req:add_header("X-A", "x") end
--- very many response headers
local i = 0 while true do i = i + 1 res.headers["X-" .. i] = "x" end
--- very many cookies
while true do res:cookie({ name = "a", value = "b" }) end
--- query values without an end
local i = 0 while true do i = i + 1 req:set_query("k" .. i, "v") end
--- a path that grows
local p = "/" while true do p = p .. p req:set_path(p) end
--- a body that grows
local b = "x" while true do b = b .. b req:set_body(b) req:body() end
--- req.ctx that grows
local i = 0 while true do i = i + 1 req.ctx[i] = ("x"):rep(1000) .. i end
--- writes of nothing without an end
while true do res:write("") end
--- flushes without an end
while true do res:flush() end
--- log fields without an end
local i = 0 while true do i = i + 1 req:log_field("k" .. i, ("x"):rep(1000)) end
--- vars without an end
local i = 0 while true do i = i + 1 req:var("k" .. i, ("x"):rep(1000)) end
--- a log without an end => ended
local log = require("log") while true do log.info("x", { a = 1 }) print("x") end
--- hooks without an end
while true do res:on_headers(function() end) res:on_body(function(c) return c end) end
--- functions for the end without an end
while true do res:on_done(function() while true do end end) end
--- placeholders without an end
while true do req:expand(("{http.request.uuid}"):rep(10000)) end
--- a body that grows in the hook
res:on_body(function(chunk, last) return ("x"):rep(2 ^ 24) end)
--- hooks that loop
res:on_headers(function() while true do end end) res:on_done(function() while true do end end)
--- pairs over headers for ever => ended
while true do for k, v in pairs(req.headers) do end for k, v in pairs(req.cookies) do end for k in pairs(req.query) do end end
--- req and res that are kept
kept = kept or {} kept[#kept + 1] = req
