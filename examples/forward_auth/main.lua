-- Shows: another server decides who may pass, and what the origin learns of them; headers that nobody can forge.
-- Needs: an origin at 127.0.0.1:9001 and the server at 127.0.0.1:9003, which the Caddyfile beside it brings.
-- Try:   caddy run in this folder, then what README.md asks
local route = require("luaroute")

-- Its login, which everybody may see, is on the same host, so that it can set the cookie that /verify reads.
route:any("/auth/*", route.proxy("auth", { strip_prefix = "/auth" }))

-- The question is asked once in ten seconds for each session and page. X-User and X-Roles of clients are removed, always.
local known = route:with(route.forward_auth{
  pool = "auth",
  path = "/verify",
  copy_headers = { ["Remote-User"] = "X-User", ["Remote-Groups"] = "X-Roles" },
  cache = { ttl = 10, key = "cookie:session" },
})
known:any("/*", "app")

known:with(function(req)
  local roles = "," .. (req:header("X-Roles") or "") .. ","
  if not roles:find(",admin,", 1, true) then return 403, "this needs the role admin\n" end
end):any("/admin/*", "app")

route:expect({ path = "/auth/login" }, { pool = "auth" })
