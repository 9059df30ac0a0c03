-- Shows: the 20 services of Supabase's gateway, which was a Kong file: keys, groups, CORS, tokens for keys, a password.
-- Needs: seven services at 127.0.0.1:9001 and 9002, which the Caddyfile beside it brings.
-- Try:   caddy run in this folder, then what README.md asks
local route = require("luaroute")

for name, address in pairs {
  auth = "127.0.0.1:9001", rest = "127.0.0.1:9001", graphql = "127.0.0.1:9001/rpc/graphql", storage = "127.0.0.1:9001",
  realtime = "127.0.0.1:9002", socket = "127.0.0.1:9002/socket", functions = "127.0.0.1:9002", meta = "127.0.0.1:9002", studio = "127.0.0.1:9002",
} do route:pool(name, { address }) end

local consumers = {
  { name = "anon", groups = { "anon" }, key = "sb_publishable_0123456789", token = "token-of-anon" },
  { name = "service_role", groups = { "admin" }, key = "sb_secret_0123456789abcdef", token = "token-of-service" },
}
local tokens = {}
for _, c in ipairs(consumers) do tokens[c.key] = c.token end

-- Keys become the tokens that the services understand; the token of a user passes.
local function authorize(req)
  local sent, token = req:header("Authorization"), tokens[req:header("apikey")]
  if not sent or sent:find("^Bearer sb_") then req:set_header("Authorization", token and "Bearer " .. token or req:header("apikey")) end
end
local function from_query(req) req:set_header("apikey", req:header("apikey") or req:query_value("apikey")) end
local function name_key(req) req:set_header("sb-api-key", tokens[req:header("apikey")]) end
local function sign_socket(req)
  local key = req:header("apikey")
  req:set_header("X-Api-Key", tokens[key] or key)
  if req:query_value("apikey") then req:set_query("apikey", tokens[key] or key) end
end

local open = route:with(route.cors { origins = "*", methods = "*", headers = "*" })
local keys = route.keys { from = "header:apikey", consumers = consumers, keep = true }
local keyed = open:with(from_query, keys, route.allow { groups = { "anon", "admin" } })
local admin = route:with(from_query, keys, route.allow { groups = { "admin" } })

local function below(r, path, handler)
  for _, pattern in ipairs { path, path .. "/*" } do r:any(pattern, handler) end
end
for _, path in ipairs { "/verify", "/callback", "/authorize", "/.well-known/jwks.json" } do
  below(open, "/auth/v1" .. path, route.proxy("auth", { strip_prefix = "/auth/v1" }))
end
for _, path in ipairs { "/sso/saml/acs", "/sso/saml/metadata", "/.well-known/oauth-authorization-server" } do below(open, path, "auth") end
for _, path in ipairs { "/realtime/v1/api/openapi", "/realtime/v1/api/tenants", "/api/mcp", "/mcp" } do
  below(route, path, { status = 403, body = { message = "Access is forbidden." } })
end
keyed:with(authorize):any("/auth/v1/*", route.proxy("auth", { strip_prefix = "/auth/v1" }))
keyed:with(authorize):any("/rest/v1/*", route.proxy("rest", { strip_prefix = "/rest/v1" }))
below(keyed:with(authorize), "/graphql/v1",
  route.proxy("graphql", { strip_prefix = "/graphql/v1", headers = { add = { ["Content-Profile"] = "graphql_public" } } }))
keyed:with(sign_socket):any("/realtime/v1/*", route.proxy("socket", { strip_prefix = "/realtime/v1" }))
below(keyed:with(authorize), "/realtime/v1/api", route.proxy("realtime", { strip_prefix = "/realtime/v1" }))
open:with(authorize):any("/storage/v1/*", route.proxy("storage", { strip_prefix = "/storage/v1" }))
open:with(name_key):any("/functions/v1/*", route.proxy("functions", { strip_prefix = "/functions/v1", timeout = 150 }))
admin:any("/pg/*", route.proxy("meta", { strip_prefix = "/pg" }))
open:with(route.basic { users = { supabase = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4" } })
  :any("/*", route.proxy("studio", { headers = { remove = "Authorization" } }))
