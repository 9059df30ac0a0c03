-- Shows: signing: the origin can check that a request came through here, and that nobody has changed it.
-- Needs: an origin at 127.0.0.1:9001, which the Caddyfile beside it brings, and `env SIGNING_KEY`.
-- Try:   SIGNING_KEY=secret caddy run in this folder, then what README.md asks
local route = require("luaroute")
local crypto, time = require("crypto"), require("time")

route:pool("app", { "127.0.0.1:9001" })

-- The configuration lists the variable: env SIGNING_KEY
local key = route.env("SIGNING_KEY")
assert(key and key ~= "", "SIGNING_KEY is not set")

-- Signs what the origin will see. It reads the body into memory; one over the limit of the configuration is 413.
local function sign(req)
  local now = string.format("%d", time.now())
  local body = crypto.hash("sha256", req:body())
  -- One line each, so that no two requests have the same text. The URI is path and query as they are sent.
  local text = table.concat({ req.method, req.uri, now, body }, "\n")
  -- Set, so that they replace what the client has sent.
  req:set_header("X-Timestamp", now) -- an origin refuses old ones, so that a request cannot be repeated later
  req:set_header("X-Content-SHA256", body)
  req:set_header("X-Signature", crypto.hmac("sha256", key, text))
end

route:with(sign):any("/*", "app")
