-- Shows: a canary for a part of the visitors, and an A/B test by user. Who got one version keeps it.
-- Needs: two origins at 127.0.0.1:9001 and 9002, which the Caddyfile beside it brings.
-- Try:   caddy run in this folder, then what README.md asks
local route, crypto = require("luaroute"), require("crypto")

route:pool("old", { "127.0.0.1:9001" })
route:pool("new", { "127.0.0.1:9002" })

local canary = 10     -- per cent of the visitors
local experiment = 50 -- per cent of the users

-- The cookie holds a number from 1 to 100, not the version: with more per cent those who have the new version keep it and
-- others join them, with 0 all go back.
local function visitor(req, res)
  local bucket = tonumber((req:cookie("bucket") or ""):match("^%d%d?%d?$"))
  if not bucket or bucket < 1 or bucket > 100 then
    bucket = math.random(100)
    res:cookie({ name = "bucket", value = tostring(bucket), path = "/", max_age = 30 * 86400, http_only = true, same_site = "lax" })
  end
  return bucket
end

-- A hash needs no cookie: a user has the same number on every device. The name of the experiment is in it, so that not
-- always the same users are the first.
local function user(req, name)
  local digits = crypto.hash("sha256", name .. ":" .. req:header("X-User"))
  return tonumber(digits:sub(1, 8), 16) % 100 + 1
end

-- Testers choose by themselves. Such routes are data, and come first because they have a guard.
local function version(name) return { when = { header = { ["X-Version"] = name } } } end
for _, path in ipairs { "/*", "/checkout" } do
  route:any(path, version("old"), "old")
  route:any(path, version("new"), "new")
end

-- X-User comes from whoever has authenticated the user; see the example api_key.
route:any("/checkout", { when = { header = { ["X-User"] = true } } }, function(req)
  return user(req, "checkout-2024") <= experiment and "new" or "old"
end)

route:any("/*", function(req, res)
  return visitor(req, res) <= canary and "new" or "old"
end)

route:expect({ path = "/", headers = { ["X-Version"] = "new" } }, { pool = "new" })
route:expect({ path = "/", headers = { Cookie = "bucket=1" } }, { pool = "new" })
route:expect({ path = "/", headers = { Cookie = "bucket=100" } }, { pool = "old" })
