--- very many headers that are set
for i = 1, 1e6 do res.headers["x" .. i] = "v" end
--- very many headers that are removed, and then read
for i = 1, 500 do res:remove_header("x" .. i) end while true do for name in pairs(res.headers) do end local x = res.headers.a end
--- very many headers that are removed
for i = 1, 1e6 do res:remove_header("x" .. i) end
--- as many headers as leave
for i = 1, 1500 do res:remove_header("x" .. i) res.headers["y" .. i] = "v" end
--- values added to one header
for i = 1, 1e6 do res:add_header("X-Many", "v") end
--- lists added to one header
local list = {} for i = 1, 1000 do list[i] = "v" end while true do res:add_header("X-Many", list) end
--- values of a header that are read for ever
for i = 1, 1000 do res:add_header("X-Many", "v") end while true do res:header_values("X-Many") res:header("X-Many") end
--- very many names in Vary
for i = 1, 1e6 do res:vary("x" .. i) end
--- long names in Vary
local s = ("x"):rep(2 ^ 20) for i = 1, 1e6 do pcall(res.vary, res, s .. i) end
--- names in Vary that are there already
for i = 1, 500 do res:vary("x" .. i) res:add_header("Vary", "y" .. i) end while true do res:header_values("Vary") res:vary("y1") end
--- cookies with one name each
for i = 1, 1e6 do res:cookie({ name = "a" .. i, value = "b" }) end
--- cookies and then their list
for i = 1, 500 do res:cookie({ name = "a", value = "b" }) end while true do local x = res.headers["Set-Cookie"] res:header_values("Set-Cookie") end
--- a cookie that is set among very many
req:set_header("Cookie", ("a=1; "):rep(2e5)) while true do req:set_cookie("b", "1") end
--- a cookie that is removed among very many
local s = ("a=1; "):rep(2e5) while true do req:set_header("Cookie", s) req:remove_cookie("a") end
--- cookies with one name each in the request
for i = 1, 1e6 do req:set_cookie("a" .. i, i) end
--- very many lines of cookies
local list = {} for i = 1, 1e4 do list[i] = "a" .. i .. "=1" end req:set_header("Cookie", list) while true do req:set_cookie("b", "1") req:remove_cookie("b") end
--- a cookie with a long value
local s = ("x"):rep(2 ^ 22) while true do pcall(req.set_cookie, req, "a", s) pcall(req.remove_cookie, req, s) end
--- headers of a request that Connection names
pcall(req.set_header, req, "Connection", ("a,"):rep(1e5)) while true do req:set_header("X", "y") req:add_header("X", "y") end
--- values added to one header of the request
for i = 1, 1e6 do req:add_header("X-Many", "v") end
--- values added to a header of the request that Caddy writes
for i = 1, 1e6 do req:add_header("X-Forwarded-For", "v") end
--- functions for JSON without an end
while true do res:on_json(function(v) return v end) end
--- many functions for one body of JSON
for i = 1, 2000 do res:on_json(function(v) return { v[1] } end) end
--- many functions for JSON that the body is not
for i = 1, 2000 do res:on_json(function(v) return v end) end res.headers["Content-Type"] = "text/plain"
--- a function for JSON that never returns
res:on_json(function(v) while true do end end)
--- functions for JSON that make it larger
for i = 1, 40 do res:on_json(function(v) return { v, v } end) end
--- a body of JSON that is large
local t = {} for i = 1, 2e4 do t[i] = i end res:on_json(function() return t end) res:on_json(function(v) return { v, v, v, v } end)
--- functions for JSON that make it deeper
for i = 1, 1000 do res:on_json(function(v) return { v } end) end
--- a body of JSON that is set for ever
local t = {} for i = 1, 1000 do t[i] = { i } end while true do req:set_json(t) req:json() end
--- a body of JSON that grows
local t = { 1 } while true do t = { t, t } pcall(req.set_json, req, t) end
--- a body of JSON that reaches itself
local t = {} t[1] = t while true do pcall(req.set_json, req, t) pcall(res.on_json, res, t) end
