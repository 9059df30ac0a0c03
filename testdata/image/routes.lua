-- What the image serves until you mount a folder of your own at /etc/caddy.
local route = require("luaroute")

route:get("/", { body = "luaroute runs. Mount your Caddyfile and scripts at /etc/caddy.\n" })
