-- A module: main.lua requires it, and so do tests.
local route = require("luaroute")
local crypto = require("crypto")

local auth = {}

-- Without ADMIN_TOKEN in the environment nobody gets in.
local token = route.env("ADMIN_TOKEN")

--- Whether a field Authorization has a token.
function auth.allows(field, expected)
  local given = field and field:match("^Bearer (.+)$")
  return given ~= nil and expected ~= nil and crypto.equal(given, expected)
end

--- Middleware: answers 401 unless the request has the token.
function auth.required(req, res)
  if auth.allows(req:header("Authorization"), token) then return end
  res.headers["WWW-Authenticate"] = "Bearer"
  return 401, "who are you?\n"
end

return auth
