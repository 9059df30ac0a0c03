--- insertions at the front => ended
local t = {} while true do table.insert(t, 1, 1) end
--- removals at the front => ended
local t = {} for i = 1, 1e4 do t[i] = i end while true do table.remove(t, 1) t[#t + 1] = 1 end
--- insertions at huge places => ended
while true do pcall(table.insert, {}, 2 ^ 53, 1) pcall(table.insert, {}, -2 ^ 53, 1) pcall(table.insert, {}, 1e6, 1) end
--- a table that grows for ever
local t = {} while true do t[#t + 1] = {} end
--- a table of fields that grows for ever
local t, i = {}, 0 while true do i = i + 1 t["k" .. i] = { a = i } end
--- tables with one field each
local t = {} for i = 1, 1e9 do local x = {} x.a = x t[i] = x end
--- a chain of tables
local t = {} while true do t = { t } end
--- closures that hold closures
local f = function() end while true do local g = f f = function() return g end end
--- numbers that keep their blocks
local t, n = {}, 0.5 for i = 1, 1e9 do for j = 1, 31 do n = n + 1 end t[i] = n + 0.25 end
--- far indexes => ended
while true do local t = {} t[1e6] = 1 end
--- far indexes that are kept
local all = {} for i = 1, 1e6 do all[i] = {} all[i][1e6] = 1 end
--- far indexes by rawset => ended
while true do rawset({}, 1e6, 1) end
--- the largest indexes
local t = {} for _, i in ipairs({ 2 ^ 20, 2 ^ 26, 2 ^ 31, 2 ^ 53, 2 ^ 63, 1e308, -1, 0, 0.5, 1 / 0 }) do t[i] = 1 t[-i] = 1 end
--- the key that is not a number
local t = {} t[0 / 0] = 1
--- the length of a list that ends in nothing => ended
local t = {} t[1e6] = 1 t[1e6] = nil while true do local n = #t end
--- library functions on a list that ends in nothing => ended
local t = {} t[1e6] = 1 t[1e6] = nil while true do table.getn(t) table.concat(t) table.insert(t, 1) table.remove(t) table.remove(t) end
--- next over what is not there any more => ended
local t = {} for i = 1, 20000 do t["k" .. i] = 1 end for i = 1, 20000 do t["k" .. i] = nil end t.a = 1 while true do next(t) end
--- next over an empty array => ended
local t = {} t[1e6] = 1 while true do next(t) end
--- concat of a huge range
table.concat({}, "x", 1, 2 ^ 53)
--- concat with a long separator
local t = {} for i = 1, 1e4 do t[i] = "" end table.concat(t, ("x"):rep(1e6))
--- concat for ever => ended
local t = {} for i = 1, 1000 do t[i] = ("x"):rep(1000) end while true do table.concat(t) end
--- unpack of a huge range
while true do pcall(unpack, {}, 1, 2 ^ 53) pcall(unpack, {}, -2 ^ 53, 2 ^ 53) unpack({}, 1, 7000) end
--- select of very many => ended
local t = {} for i = 1, 7000 do t[i] = i end while true do select("#", unpack(t)) select(-1, unpack(t)) end
--- sorting for ever => ended
local t = {} for i = 1, 20000 do t[i] = -i end while true do table.sort(t) t[1] = 1 end
--- a comparator that is always true => ended
local t = {} for i = 1, 1000 do t[i] = i end while true do table.sort(t, function() return true end) end
--- a comparator that never ends => ended
table.sort({ 3, 2, 1 }, function() while true do end end)
--- a comparator that fails
table.sort({ 3, 2, 1 }, function() error({}) end)
--- a comparator that changes the table
local t = {} for i = 1, 1000 do t[i] = i end table.sort(t, function(a, b) t[#t + 1] = a return a > b end)
--- maxn of everything => ended
local t = {} for i = 1, 1e4 do t[i + 0.5] = i end while true do table.maxn(t) end
--- foreach for ever => ended
local t = {} for i = 1, 1000 do t[i] = i end while true do table.foreach(t, function() end) table.foreachi(t, function() end) end
--- __index that loops => ended
local t = setmetatable({}, { __index = function() while true do end end }) local x = t.x
--- __index that asks itself
local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end local x = t.x
--- __index in a circle
local a, b = {}, {} setmetatable(a, { __index = b }) setmetatable(b, { __index = a }) local x = a.x
--- a long chain of __index => ended
local t = {} for i = 1, 90 do t = setmetatable({}, { __index = t }) end while true do local x = t.x end
--- __newindex in a circle
local a, b = {}, {} setmetatable(a, { __newindex = b }) setmetatable(b, { __newindex = a }) a.x = 1
--- __call in a chain
local t = setmetatable({}, {}) getmetatable(t).__call = t t()
--- __lt, __le and __eq that loop => ended
local m = { __lt = function() while true do end end } local x = setmetatable({}, m) < setmetatable({}, m)
--- __len and __unm that recurse
local m = {} m.__len = function(t) return #t end m.__unm = function(t) return -t end local t = setmetatable({}, m) pcall(function() return -t end) return #t
--- __gc and __mode are only names
local t = setmetatable({}, { __gc = function() while true do end end, __mode = "kv" }) t = nil
--- json of a table in itself
local json = require("json") local t = {} t.t = t json.encode(t)
--- json of tables that share tables => ended
local json = require("json") local t = {} for i = 1, 60 do t = { t, t } end while true do json.encode(t) end
--- json that is deep
local json = require("json") json.decode(("["):rep(1e6)) json.decode(("[{\"a\":"):rep(1e5))
--- json that becomes many tables
local json, all = require("json"), {} for i = 1, 1e6 do all[i] = json.decode("[" .. ("{\"a\":{}},"):rep(1e5) .. "1]") end
--- json of numbers without an end => ended
local json = require("json") while true do json.decode(("9"):rep(1e5)) json.encode({ 1e308, 5e-324, -0 }) end
