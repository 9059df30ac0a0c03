local route = require("luaroute")

-- The version in the path chooses the pool; what no pool serves is answered here.
route:pool("users-v1", { "127.0.0.1:9001" })
route:pool("users-v2", { "127.0.0.1:9002" })

local versions = { v1 = "users-v1", v2 = "users-v2" }
route:get("/api/v1/{version}/users", function(req)
  local pool = versions[req.params.version]
  if pool then return pool end
  return 404, "there is no version " .. req.params.version .. "\n"
end)

-- A canary: for those who ask for it by a header, and for one request in ten of the others.
-- Both are plain data, so no Lua runs when a request comes.
route:pool("shop-next", { "127.0.0.1:9004" })
route:pool("shop", {
  "127.0.0.1:9003", "127.0.0.1:9004",
  load_balancing = { selection_policy = { policy = "weighted_round_robin", weights = { 9, 1 } } },
})
route:any("/shop/*", { name = "canary", when = { header = { ["X-Canary"] = "always" } } }, "shop-next")
route:any("/shop/*", "shop")

-- A tenant by host: everything goes to its pool.
route:pool("acme", { "127.0.0.1:9005" })
route:tenant("acme", { hosts = { "acme.localhost" }, pool = "acme" })

-- A tenant by path prefix: its patterns are relative to the prefix, and its origin never sees it.
route:pool("globex", { "127.0.0.1:9006" })
route:tenant("globex", { path_prefix = "/globex", strip_prefix = true }, function(globex)
  globex:get("/orders/{id:[0-9]+}", "globex")
  globex:not_found(route.respond(404, "globex has no such page\n"))
end)

-- Middleware: nothing below /admin is reached without the key, not even a path that no route has.
route:route("/admin", function(admin)
  admin:use(function(req)
    if req:header("X-Api-Key") ~= "quickstart" then return 401, "the API key is missing or wrong\n" end
  end)
  admin:get("/whoami", function(req) return 200, { client = req.client_ip, route = req.pattern } end)
end)

route:not_found(function(req) return 404, { error = "no route", path = req.path } end)

-- Checked whenever the script loads, before it may serve.
route:expect({ method = "GET", path = "/api/v1/v2/users" }, { pool = "users-v2" })
route:expect({ method = "GET", path = "/api/v1/v3/users" }, { status = 404 })
route:expect({ method = "GET", path = "/shop/cart", headers = { ["X-Canary"] = "always" } }, { route = "canary" })
route:expect({ method = "GET", host = "acme.localhost", path = "/any" }, { tenant = "acme", pool = "acme" })
route:expect({ method = "GET", path = "/admin/whoami" }, { status = 401 })
