-- Shows: PHP-FPM behind routes: only what has a route runs, a pretty URL becomes a parameter, and a form has a limit.
-- Needs: php-fpm at 127.0.0.1:9000, or where the variable PHP says; compose.yaml brings one.
-- Try:   docker compose up in this folder, then what README.md asks
local route = require("luaroute")

-- A route names the file of PHP, so that no other file of the folder can be asked for: no library, no backup.
local function php(file, query)
  return route.proxy("php", { path = "/" .. file, query = query, response_headers = { remove = "X-Powered-By" } })
end

route:get("/", php("index.php"))
route:get("/articles/{slug}", php("article.php", { slug = "{slug}" }))

local often = route.limit{ name = "messages", rate = 3, per = 60, burst = 3, key = "client_ip" }
route:with(often, route.max_body("16KiB")):post("/contact", php("contact.php"))

route:get("/static/*", route.handler("file_server", { root = "public" }))
route:not_found({ status = 404, body = "no such page\n" })

route:expect({ path = "/" }, { pool = "php" })
route:expect({ path = "/article.php" }, { status = 404 })
