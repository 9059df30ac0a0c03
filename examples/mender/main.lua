-- Shows: the gateway of Mender, which was Traefik: many tenants' users and devices, each asked for by a server of its own; JSON for errors; breakers.
-- Needs: the services at 127.0.0.1:9001 and the user interface at 9002, which the Caddyfile beside it brings.
-- Try:   caddy run in this folder, then what README.md asks
local route = require("luaroute")

-- An answer with one of these statuses keeps it, and gets the page /404.json of the user interface.
local function pages(statuses)
  return { { match = { status_code = statuses }, routes = { { handle = {
    { handler = "vars", status = "{http.reverse_proxy.status_code}" },
    { handler = "rewrite", method = "GET", uri = "/{http.reverse_proxy.status_code}.json" },
    { handler = "reverse_proxy", upstreams = { { dial = "127.0.0.1:9002" } }, handle_response = { { routes = { { handle = {
      { handler = "copy_response", status_code = "{http.vars.status}" } } } } } } },
  } } } } }
end
local all = pages { 401, 402, 403, 404, 408, 429, 500, 501, 502, 503, 504 }
local some = pages { 401, 402, 403, 404, 429 } -- the user interface reads what services say of their failures

local function service(name, address, errors) return route:pool(name, { address, handle_response = errors, breaker = { errors = 5, of = 20 } }) end
for _, name in ipairs { "deployments", "inventory", "deviceconfig" } do
  service(name .. "-devices", "127.0.0.1:9001", all)
  service(name, "127.0.0.1:9001", some)
end
for _, name in ipairs { "iot-manager", "reporting", "deviceconnect" } do service(name, "127.0.0.1:9001", all) end
for _, name in ipairs { "useradm", "devauth" } do service(name, "127.0.0.1:9001", some) end
for _, name in ipairs { "tenantadm", "auditlogs", "devicemonitor", "auth" } do service(name, "127.0.0.1:9001") end
service("gui", "127.0.0.1:9002", all)

local function verify(path, copied) return route.forward_auth { pool = "auth", path = path, copy_headers = copied } end
local open = route:with(route.headers {
  request = { set = { ["X-Forwarded-Proto"] = "https" } },
  response = { set = {
    ["Referrer-Policy"] = "no-referrer", ["X-Xss-Protection"] = "1; mode=block",
    ["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains; preload",
  } },
})
local packed = open:with(route.handler("encode", { encodings = { gzip = {} } }))
local user = packed:with(verify("/api/internal/v1/useradm/auth/verify", { "X-MEN-RequestID", "X-MEN-RBAC-Inventory-Groups", "X-MEN-RBAC-Deployments-Groups" }))
local device = packed:with(verify("/api/internal/v1/devauth/tokens/verify", { "X-MEN-RequestID" }))

local users, devices = "/api/management/{version:v[0-9]+}/", "/api/devices/{version:v[0-9]+}/"
local function below(r, path, handler)
  for _, pattern in ipairs { path, path .. "/*" } do r:any(pattern, handler) end
end
for _, name in ipairs { "deployments", "inventory", "deviceconfig" } do below(device, devices .. name, name .. "-devices") end
for _, name in ipairs { "deviceconnect", "devicemonitor" } do below(device, devices .. name, name) end
for _, name in ipairs {
  "deployments", "inventory", "deviceconfig", "deviceconnect", "devicemonitor", "iot-manager", "reporting", "useradm", "devauth", "tenantadm", "auditlogs",
} do below(user, users .. name, name) end

below(open, devices .. "deployments/download", "deployments-devices")
below(packed, devices .. "authentication", "devauth")
for _, name in ipairs { "auth", "oauth2", "oidc" } do below(packed, users .. "useradm/" .. name, "useradm") end
user:any(users .. "useradm/auth/logout", "useradm")
for _, path in ipairs { "tenantadm/tenants", "tenantadm/tenants/trial" } do packed:method({ "OPTIONS", "POST" }, users .. path, "tenantadm") end
device:any("/api/devices/v1/inventory/*", route.proxy("inventory-devices", { path = "/api/0.1.0/attributes" }))
user:any("/api/management/v1/inventory/*", route.proxy("inventory", { path = "/api/0.1.0/{*}" }))
packed:any("/*", "gui")
