-- Shows: rewriting: what the origin is asked, and what the client gets to see of its answer.
-- Needs: an origin at 127.0.0.1:9001, which the Caddyfile beside it brings.
-- Try:   caddy run in this folder, then what README.md asks
local route = require("luaroute")

route:pool("app", { "127.0.0.1:9001" })

-- A rewrite that is always the same is data, which costs no Lua: the prefix goes, the origin learns about it.
local api = route.proxy("app", {
  strip_prefix = "/api",
  headers = { set = { ["X-Forwarded-Prefix"] = "/api" }, remove = "X-Debug" },
})

-- Runs before every route below.
route:use(function(req, res)
  -- Parameters of campaigns are nobody's business but the browser's.
  for name in pairs(req.query) do
    if name:find("^utm_") then req:set_query(name, nil) end
  end
  -- Runs when the answer is there, and sees what the origin has sent.
  res:on_headers(function(res)
    res.headers["Server"], res.headers["X-Powered-By"] = nil, nil
    res.headers["X-Content-Type-Options"] = "nosniff"
    if not res.headers["Cache-Control"] then res.headers["Cache-Control"] = "no-store" end
  end)
end)

-- The origin knows nothing of the prefix, so its redirects have to get it back.
route:with(function(req, res)
  res:on_headers(function(res)
    local location = res.headers["Location"]
    if location and location:find("^/") and not location:find("^//") then res.headers["Location"] = "/api" .. location end
  end)
end):any("/api/*", api)

-- A rewrite that depends on the request: the path becomes a query.
route:get("/blog/{year:[0-9]+}/{slug}", function(req)
  req:set_path("/articles")
  req:set_query("year", req.params.year)
  req:set_query("slug", req.params.slug)
  return "app"
end)

route:any("/*", "app")
