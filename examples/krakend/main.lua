-- Shows: the playground of KrakenD: answers of several servers in one, fields chosen and renamed, limits, tokens made and asked for, CORS.
-- Needs: an API at 127.0.0.1:9001 and two at 9002, which the Caddyfile beside it brings.
-- Try:   caddy run in this folder, then what README.md asks
local route, http, jwt, url = require("luaroute"), require("http"), require("jwt"), require("url")

for name, address in pairs { api = "127.0.0.1:9001", github = "127.0.0.1:9002", market = "127.0.0.1:9002", nobody = "127.0.0.1:1" } do
  route:pool(name, { address })
end

-- Asks all servers at once: each part is a pool, what it is asked for, and a function that takes what is wanted from its answer. What fails is left out.
local function gather(...)
  local parts = { ... }
  return function(req)
    local calls, out, found = {}, {}, 0
    for i, part in ipairs(parts) do
      calls[i] = { pool = part[1], url = (part[2]:gsub("{(%w+)}", function(name) return url.escape(req:param(name)) end)), timeout = 3 }
    end
    for i, answer in ipairs(http.all(calls)) do
      local value = answer.res and answer.res.status == 200 and answer.res:json()
      if value then found = found + 1; parts[i][3](out, value) end
    end
    if found == 0 then return 500 end
    local whole = found == #parts
    return 200, out, { ["X-Krakend-Completed"] = tostring(whole), ["Cache-Control"] = whole and "public, max-age=300" or "no-store" }
  end
end
local function as(name) return function(out, value) out[name] = value end end
local function only(...)
  local names = { ... }
  return function(out, value) for _, name in ipairs(names) do out[name] = value[name] end end
end
local coins = "/api/v3/coins/markets?vs_currency={currency}&ids=bitcoin%2Cethereum"
local function market(out, value)
  out.market = { updated_at = value.data.updated_at }
  for _, name in ipairs { "total_market_cap", "total_volume", "market_cap_percentage" } do
    out.market[name] = { btc = value.data[name].btc, eth = value.data[name].eth }
  end
end
local function coin(out, value)
  for _, c in ipairs(value) do
    for _, name in ipairs { "ath_date", "atl_date", "high_24h", "low_24h", "max_supply", "roi", "total_supply" } do c[name] = nil end
  end
  out.coins = value
end
local function person(out, value)
  out.user = { website = value.blog }
  only("avatar_url", "name", "company", "location", "followers", "public_repos")(out.user, value)
end

local r = route:with(route.timeout(3), route.cors {
  origins = { "http://localhost:8080", "http://localhost:3000" },
  methods = { "GET", "POST" }, headers = { "Origin", "Authorization", "Content-Type" }, expose = "Content-Length", max_age = 12 * 3600,
})
r:get("/git/{user}", gather({ "github", "/users/{user}", person }, { "github", "/users/{user}/repos", as("repos") }))
r:get("/cryptos/{currency}", gather({ "market", coins, coin }, { "market", "/api/v3/global", market }))
r:with(route.limit { name = "shop", rate = 2, status = 503 })
  :get("/shop", gather({ "api", "/shop/campaigns.json", only("campaigns") }, { "api", "/shop/products.json", only("products") }))
r:get("/market/simple", route.proxy("market", { path = "/api/v3/coins/markets", query = { vs_currency = "eur" }, response_json = { group = "coins" } }))
r:get("/market/concurrent", function()
  local call = { pool = "market", url = "/api/v3/coins/markets?vs_currency=eur" }
  local answers, i = http.all { call, call, call, first = true }
  return i and { body = { coins = answers[i].res:json() } } or 500
end)
r:get("/sequential", function(req)
  local hotel = http.get("/hotels/1.json", { pool = "api" })
  local found = hotel and hotel.status == 200 and hotel:json()
  local id = found and found.destination_id
  if not id then return 500 end
  return gather({ "api", "/destinations/" .. id .. ".json", function(out, value)
    out.destination_id = id
    for k, v in pairs(value) do out[k] = v end
  end })(req)
end)
r:get("/fail", gather({ "api", "/user/1.json", as("user") }, { "nobody", "/", as("none") }))

local secret, user = "a secret of at least thirty-two bytes", route.proxy("api", { path = "/user/1.json" })
local own = jwt.issuer { issuer = "https://krakend.io", audience = "http://api.example.com", algorithms = { "HS256" }, secret = secret }
local auth0 = jwt.issuer {
  issuer = false, audience = "http://api.example.com", algorithms = { "RS256" }, jwks = "https://albert-test.auth0.com/.well-known/jwks.json",
}
r:with(own:bearer { claims = { roles = { "role_a", "role_c" } } }):get("/private/custom", user)
r:with(auth0:bearer { claims = { ["http://api.example.com/custom/roles"] = { "user", "admin" } } }):get("/private/auth0", user)
r:get("/token", function(req, res)
  res:on_json(function(tokens)
    for _, name in ipairs { "access_token", "refresh_token" } do
      tokens[name] = jwt.sign(tokens[name], { algorithm = "HS256", secret = secret, kid = "sim2" })
    end
    return tokens
  end)
  return route.proxy("api", { path = "/token.json" })
end)
r:post("/post", route.proxy("api", { path = "/__debug/post" }))
r:get("/mocked-response", { body = { an_integer = 123, an_array = { "arr1", "arr2" }, an_object = { obj = "obj1" } } })
