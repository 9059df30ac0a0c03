-- Shows: routing by the time of day in UTC: a layer for the night, before all other routes.
-- Needs: two origins at 127.0.0.1:9001 and 9002, which the Caddyfile beside it brings.
-- Try:   caddy run in this folder, then what README.md asks
local route = require("luaroute")

route:pool("day", { "127.0.0.1:9001" })
route:pool("night", { "127.0.0.1:9002" })

local function between(from, to, clock)
  return function(req)
    local hour = clock(req)
    return hour >= from or hour < to
  end
end

-- A header sets the clock here, so that it can be tried at any time.
local function clock(req) return tonumber(req:header("X-Hour")) or os.date("!*t").hour end

route:when(between(22, 6, clock), function(night) night:any("/*", "night") end)
route:any("/*", "day")
