local route = require("luaroute")
local auth = require("auth")

route:get("/health", { status = 200, body = "ok\n" })

-- Requests for /admin/… need the token of auth.lua.
route:route("/admin", function(admin)
  admin:use(auth.required)
  admin:any("/*", { name = "admin" }, "app")
end)

-- All others are forwarded as they are.
route:any("/*", { name = "app" }, "app")
