-- A small server of logins. It answers /verify as Authelia does: 2xx with the user's name and groups in the header, a redirection to the login
-- for browsers, and 401 for programs.
local route, crypto, time, url = require("luaroute"), require("crypto"), require("time"), require("url")

-- What crypto.password("wonderland") and crypto.password("looking-glass") have returned.
local users = {
  ann = { groups = "admin,staff", hash = "$argon2id$v=19$m=19456,t=2,p=1$Sj/+76qMwzo9B1BgKfBWmg$lNEcQQaujiAnlRBm5kp3dzB0HEoiNQhXvuVrEiHbHJk" },
  bob = { groups = "staff", hash = "$argon2id$v=19$m=19456,t=2,p=1$42DZ9YxLvEjnR78cUR46vw$K7nfLRNzMm2tJS7MhIVVNSziM5+t4Gms8yDITI6mrtQ" },
}

-- Sessions end when it starts again. Several servers would share a key: route.env("SESSION_KEY").
local key, hour = crypto.random(32, "raw"), 3600

-- The user of a session, or nil. A session is the name and when it ends, sealed: nobody can make or change one.
local function user_of(req)
  local session = crypto.open(key, req:cookie("session") or "")
  local ends, name = (session or ""):match("^(%d+) (%w+)$")
  if ends and tonumber(ends) > time.now() and users[name] then return name end
end

-- Where a login leads back to: a path of this host. Anything else would send users to where an attacker wants them, such as "//evil.example",
-- and browsers leave out control characters.
local function path_of(s)
  return s and s:find("^/[^/\\]") and not s:find("%c") and s or "/"
end

route:get("/verify", function(req)
  local name = user_of(req)
  if name then return 200, "", { ["Remote-User"] = name, ["Remote-Groups"] = users[name].groups } end
  if (req:header("Accept") or ""):find("text/html", 1, true) then
    return 302, "", { Location = "/auth/login?to=" .. url.escape(path_of(req:header("X-Forwarded-Uri"))) }
  end
  return 401, "who are you?\n"
end)

local form = [[
<!doctype html>
<title>Login</title>
<form method="post">
  <input name="user" autocomplete="username"> <input name="password" type="password" autocomplete="current-password"> <button>Login</button>
</form>
]]

route:get("/login", function()
  return 200, form, { ["Content-Type"] = "text/html; charset=utf-8" }
end)

-- A password takes long to try, and a client has five tries a minute.
route:with(route.limit{ name = "logins", rate = 5, per = 60, burst = 5, key = "client_ip" }):post("/login", function(req, res)
  local fields = req:form() or {}
  local user = users[fields.user]
  -- A name that nobody has takes as long as one that somebody has.
  local good = crypto.password_matches(tostring(fields.password or " "), (user or users.ann).hash)
  if not (user and good) then return 401, "the name or the password is wrong\n" end
  local session = crypto.seal(key, ("%d %s"):format(time.now() + hour, fields.user))
  res:cookie{ name = "session", value = session, path = "/", max_age = hour, http_only = true, same_site = "lax" }
  return 303, "", { Location = path_of(req:query_value("to")) }
end)

route:post("/logout", function(_, res)
  res:cookie{ name = "session", value = "", path = "/", max_age = 0 }
  return 303, "", { Location = "/auth/login" }
end)

route:expect({ path = "/verify" }, { status = 401 })
