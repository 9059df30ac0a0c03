-- Shows: API keys and roles: without a key 401, without the role 403. The origin learns who asks from X-User and X-Roles.
-- Needs: an origin at 127.0.0.1:9001, which the Caddyfile beside it brings.
-- Try:   caddy run in this folder, then what README.md asks
local route, crypto = require("luaroute"), require("crypto")

route:pool("app", { "127.0.0.1:9001" })

-- By the hash of the key, so that this file has no secrets: printf %s "$key" | sha256sum
local users = {
  ["21fdbeecb49c56644f6cc4444328f5da14132c8a38fd86aad19b4da9e521a79c"] = { name = "ann", roles = { "admin", "staff" } },
  ["9b94dc1a51a38769f135edf04033ad7f2f487b6c25929be7a861cfc1ab10cf98"] = { name = "bob", roles = { "staff" } },
  ["063f9aac4168c3cc72bc2f81d8e55314ef8052df55829d2e13be2d1f3302a2df"] = { name = "eve", roles = {} },
}

-- The origin believes these headers, so nobody else may send them. Open routes need this, too.
route:use(function(req)
  req:remove_header("X-User")
  req:remove_header("X-Roles")
  -- A proxy drops the headers that Connection names, so a client could take ours away.
  req:set_header("Connection", req:header("Upgrade") and "Upgrade")
end)

local function authenticate(req)
  local key = req:header("X-Api-Key")
  local user = key and users[crypto.hash("sha256", key)]
  if not user then
    return 401, { error = "the API key is missing or wrong" }, { ["WWW-Authenticate"] = 'ApiKey realm="api"' }
  end
  req.ctx.user = user
  req:remove_header("X-Api-Key") -- the origin has no use for it
  req:set_header("X-User", user.name)
  req:set_header("X-Roles", table.concat(user.roles, ","))
  req:log_field("user", user.name)
end

-- Returns middleware that lets one role pass.
local function role(wanted)
  return function(req)
    for _, role in ipairs(req.ctx.user.roles) do
      if role == wanted then return end
    end
    return 403, { error = "this needs the role " .. wanted }
  end
end

-- A scope owns its prefix: nothing below /api is reached without a key, not even a path that no route has.
route:route("/api", function(api)
  api:use(authenticate)
  api:get("/orders", "app")
  api:with(role("staff")):post("/orders", "app")
  api:route("/admin", function(admin)
    admin:use(role("admin"))
    admin:any("/*", "app")
  end)
end)

route:any("/public/*", "app")

route:expect({ path = "/api/orders" }, { status = 401 })
route:expect({ path = "/api/nowhere" }, { status = 401 })
route:expect({ path = "/public/news" }, { pool = "app" })
