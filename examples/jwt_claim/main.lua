-- Shows: routing by a claim of a JWT. It only looks: whoever verifies the signature stands before it.
-- Needs: two origins at 127.0.0.1:9001 and 9002, which the Caddyfile beside it brings.
-- Try:   caddy run in this folder, then what README.md asks
local route, json, base64 = require("luaroute"), require("json"), require("base64")

route:pool("free", { "127.0.0.1:9001" })
route:pool("paid", { "127.0.0.1:9002" })

local function plan(req)
  local payload = (req:header("Authorization") or ""):match("^Bearer [^.]+%.([^.]+)%.")
  local text = payload and base64.decode_url(payload)
  local claims = text and json.decode(text)
  return type(claims) == "table" and claims.plan
end

route:any("/*", { name = "paid", when = function(req) return plan(req) == "paid" end }, "paid")
route:any("/*", { name = "free" }, "free")
