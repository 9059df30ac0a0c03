-- Shows: routing by weight: one client in five gets the new version, and keeps what it got.
-- Needs: two origins at 127.0.0.1:9001 and 9002, which the Caddyfile beside it brings.
-- Try:   caddy run in this folder, then what README.md asks
local route = require("luaroute")

route:pool("stable", { "127.0.0.1:9001" })
route:pool("canary", { "127.0.0.1:9002" })

local weights = { { "canary", 20 }, { "stable", 80 } }

route:any("/*", function(req, res)
  local chosen, roll = req.cookies.version, math.random(100)
  if chosen ~= "canary" and chosen ~= "stable" then
    for _, w in ipairs(weights) do
      chosen, roll = w[1], roll - w[2]
      if roll <= 0 then break end
    end
    res:cookie({ name = "version", value = chosen, path = "/", max_age = 86400, http_only = true })
  end
  return chosen
end)
