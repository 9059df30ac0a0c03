-- Shows: CORS: scripts of the listed sites may use the API, with cookies. Preflight requests are answered here.
-- Needs: an origin at 127.0.0.1:9001, which the Caddyfile beside it brings.
-- Try:   EXAMPLE=cors go run ./cmd/caddy run --config examples/Caddyfile
--        curl -i -H 'Origin: https://app.example' localhost:8080/api/users
--        curl -i -X OPTIONS -H 'Origin: https://app.example' -H 'Access-Control-Request-Method: PUT' localhost:8080/api/users
local route = require("luaroute")

route:pool("app", { "127.0.0.1:9001" })

local origins = {
  ["https://app.example"] = true,
  ["https://admin.example"] = true,
}
local preflight = {
  ["Access-Control-Allow-Methods"] = "GET, POST, PUT, DELETE",
  ["Access-Control-Allow-Headers"] = "Authorization, Content-Type",
  ["Access-Control-Max-Age"] = "600", -- seconds
}

local function cors(req, res)
  local origin = req:header("Origin")
  if not origins[origin or ""] then origin = nil end
  -- Assigned, so that they replace what the origin server says about it; nil removes that. They are on errors, too.
  res.headers["Access-Control-Allow-Origin"] = origin
  res.headers["Access-Control-Allow-Credentials"] = origin and "true"
  res.headers["Access-Control-Expose-Headers"] = origin and "X-Request-Id"
  res:vary("Origin") -- caches must not give the answer for one site to another
  if req.method == "OPTIONS" and req:header("Access-Control-Request-Method") then
    return 204, nil, origin and preflight
  end
end

-- A scope that owns its prefix: its middleware runs for everything below, so preflight needs no routes of its own.
route:route("/api", function(api)
  api:use(cors)
  api:get("/users", "app")
  api:put("/users/{id}", "app")
end)

local function asks(origin)
  return { method = "OPTIONS", path = "/api/users/7", headers = { Origin = origin, ["Access-Control-Request-Method"] = "PUT" } }
end
route:expect(asks("https://app.example"), { status = 204 })
route:expect({ path = "/api/users", headers = { Origin = "https://evil.example" } }, { pool = "app" })
