-- Shows: a shop's flash sale, which was OpenResty: tokens from step to step, limits by user, a list of those who are too fast, pages for errors.
-- Needs: the shop at 127.0.0.1:9001, which the Caddyfile beside it brings.
-- Try:   caddy run in this folder, then what README.md asks
local route, crypto, http, kv, url = require("luaroute"), require("crypto"), require("http"), require("kv"), require("url")

route:pool("shop", { "127.0.0.1:9001" })

local secret = "the secret of the sale"
local function token(req, step) return crypto.hmac("sha256", secret, step .. ":" .. (req:cookie("user_id") or "")) end

-- Whoever comes has done the step before; what is answered leads to the next one.
local function after(step)
  return function(req, res)
    if not crypto.equal(token(req, step), req:query_value("st") or "") then return route.error(500) end
    res:on_headers(function() res.headers.st = token(req, step + 1) end)
  end
end
local function too_fast(req)
  local user = req:cookie("user_id") or ""
  if kv.get("out:" .. user) then return route.error(500) end
  if assert(kv.incr("orders:" .. user, 1, { init = 0, ttl = 1 })) > 1 then
    kv.set("out:" .. user, true, 15)
    return route.error(500)
  end
end

local sale = route:with(route.cors { origins = "http://localhost:8080", expose = "st", credentials = true })
sale:with(route.limit { name = "user", rate = 1, burst = 1, key = "cookie:user_id", status = 503 }):get("/activity/query", function(req, res)
  local answer = http.get("/activity/subQuery", { pool = "shop", query = { productId = req:query_value("productId") }, cache = { ttl = 600 } })
  res.headers.st = token(req, 1)
  return 200, answer and answer.status == 200 and answer.body or ""
end)

route:group(function(page)
  page:on_error({ status = 500, body = "<h1>Too many want this. Try again.</h1>\n", headers = { ["Content-Type"] = "text/html" } })
  page:with(after(1)):get("/settlement/prePage", function(req)
    return route.redirect(url.build { path = "/settlement/page", query = { productId = req:query_value("productId"), st = token(req, 2) } })
  end)
  page:get("/settlement/page", "shop")
end)
route:group(function(data)
  data:on_error({ body = { code = "200001", message = "intercepted" } })
  data:with(after(2)):any("/settlement/initData", "shop")
  data:with(too_fast, after(3)):any("/settlement/submitData", "shop")
end)
route:any("/{area}/useAction/*", "shop")
route:any("/useAction/*", "shop")
route:any("/images/*", "shop")
route:get("/login", function(req, res)
  res:cookie { name = "user_id", value = req:query_value("user_id") or "", path = "/", max_age = 86400 }
  return 200, "welcome\n"
end)
