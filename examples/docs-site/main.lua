-- Shows: a static site: compressed pages, header fields for browsers, an error page, and short links that stay when pages move.
-- Needs: the site in the folder public, or in the one that the variable SITE names: hugo makes it, see README.md.
-- Try:   hugo --destination public && caddy run, then open http://localhost:8080
local route = require("luaroute")

local root = route.env("SITE") or "public"

route:use(route.handler("encode", { encodings = { zstd = {}, gzip = {} } }))

-- All that a page loads is a file of this site. The error page has these fields, too.
route:use(route.headers{ response = { set = {
  ["Content-Security-Policy"] = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ["X-Content-Type-Options"] = "nosniff",
  ["Referrer-Policy"] = "no-referrer",
  ["Cache-Control"] = "max-age=300",
} } })

-- Links that others have, whatever the pages are called today.
route:get("/reference", route.redirect("/lua/", 308))
route:get("/function/{name}", route.redirect("/lua/#{name}", 302))

route:get("/*", route.handler("file_server", { root = root }))

-- The page for errors, with the status of the error.
route:on_error(route.handler("subroute", {
  routes = { { handle = {
    { handler = "rewrite", uri = "/404.html" },
    { handler = "file_server", root = root },
  } } },
}))

route:expect({ path = "/reference" }, { status = 308 })
