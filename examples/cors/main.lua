-- Shows: CORS: scripts of the listed sites may use the API, with cookies. Preflight requests are answered here.
-- Needs: an origin at 127.0.0.1:9001, which the Caddyfile beside it brings.
-- Try:   caddy run in this folder, then what README.md asks
local route = require("luaroute")

route:pool("app", { "127.0.0.1:9001" })

-- Preflights need no routes of their own: they come to the policy around the route that they ask for.
route:route("/api", function(api)
  api:use(route.cors{
    origins = { "https://app.example", "https://admin.example" },
    methods = { "GET", "POST", "PUT", "DELETE" },
    headers = { "Authorization", "Content-Type" },
    expose = "X-Request-Id",
    credentials = true,
    max_age = 600, -- seconds
  })
  api:get("/users", "app")
  api:put("/users/{id}", "app")
end)

local function asks(origin)
  return { method = "OPTIONS", path = "/api/users/7", headers = { Origin = origin, ["Access-Control-Request-Method"] = "PUT" } }
end
route:expect(asks("https://app.example"), { status = 204 })
route:expect(asks("https://evil.example"), { status = 403 })
route:expect({ path = "/api/users", headers = { Origin = "https://evil.example" } }, { pool = "app" })
