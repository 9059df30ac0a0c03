-- Shows: routing by an API version header: the newest version that is not newer than the one asked for.
-- Needs: two origins at 127.0.0.1:9001 and 9002, which the Caddyfile beside it brings.
-- Try:   caddy run in this folder, then what README.md asks
local route = require("luaroute")

route:pool("users-1", { "127.0.0.1:9001" })
route:pool("users-3", { "127.0.0.1:9002" })

local function since(version)
  return function(req) return (tonumber(req:header("X-API-Version")) or 1) >= version end
end

route:any("/users/*", { name = "v3", when = since(3) }, "users-3")
route:any("/users/*", { name = "v1" }, "users-1")

route:expect({ path = "/users/7" }, { route = "v1" })
route:expect({ path = "/users/7", headers = { ["X-API-Version"] = "2" } }, { route = "v1" })
route:expect({ path = "/users/7", headers = { ["X-API-Version"] = "4" } }, { route = "v3" })
