-- Shows: maintenance: all get a page with 503, except the office and the health check. Change `on` and reload.
-- Needs: an origin at 127.0.0.1:9001, which the Caddyfile beside it brings.
-- Try:   caddy run in this folder, then what README.md asks
local route = require("luaroute")

route:pool("app", { "127.0.0.1:9001" })

local on = true
local minutes = 10
local office = { "10.0.0.0/8", "192.0.2.17" }

local page = [[
<!doctype html>
<title>Maintenance</title>
<p>We are back in a few minutes.</p>
]]

if on then
  -- client_ip is the address behind proxies that Caddy trusts, too; remote_ip that of the connection.
  local outside = route.matcher("not", { { client_ip = { ranges = office } } })
  -- A layer comes before all other routes, wherever they are declared. It is data: no Lua runs for a request.
  route:when(outside, { priority = 1000 }, function(closed)
    closed:any("/health", "app")
    closed:any("/*", route.respond(503, page, {
      ["Content-Type"] = "text/html; charset=utf-8",
      ["Retry-After"] = minutes * 60,
      ["Cache-Control"] = "no-store",
    }))
  end)
  route:expect({ path = "/cart", remote_addr = "198.51.100.1" }, { status = 503 })
  route:expect({ path = "/cart", remote_addr = "192.0.2.17" }, { pool = "app" })
  route:expect({ path = "/health", remote_addr = "198.51.100.1" }, { pool = "app" })
end

route:any("/*", "app")
