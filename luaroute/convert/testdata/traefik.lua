local route = require("luaroute")

route:pool("api", { "127.0.0.1:7001", "127.0.0.1:7002", lb_policy = "round_robin", health_uri = "/up", health_interval = "10s" })
route:pool("v1", { "127.0.0.1:7001/base" })
route:pool("v2", { "127.0.0.1:7002" })
route:pool("auth 127.0.0.1:7003", { "127.0.0.1:7003" })

local with = {}
with.cors = route.cors { origins = "https://app.example", methods = { "GET", "PUT" } }
with.headers = route.headers { request = { remove = "X-Gone", set = { ["X-Tenant"] = "acme" } }, response = { set = { ["Strict-Transport-Security"] = "max-age=3600", ["X-Frame-Options"] = "DENY" } } }
with.limit = route.limit { name = "limit_api_40_18", rate = 10, per = 1, burst = 20, key = "client_ip" }
with.rewrite = route.handler("rewrite", { strip_path_prefix = "/v1" })
with.split = route.split { { "v1", 3, name = "v1" }, { route.proxy("v2", { headers = { set = { Host = "127.0.0.1:7002" } } }), 1, name = "v2" }, name = "app", by = "random", sticky = { cookie = "lvl" } }
with.forward_auth = route.forward_auth { pool = "auth 127.0.0.1:7003", path = "/verify?a=b", copy_headers = { "X-User" } }
with.encode = route.handler("encode", { encodings = { gzip = {}, zstd = {} } })
with.closed = function() return 501, "a policy of this route was not converted\n" end

route:with(with.cors, with.headers, with.limit, with.rewrite):any("/v1", { name = "api", when = { host = "api.example", ["not"] = { method = "TRACE" } } }, "api")
route:with(with.cors, with.headers, with.limit, with.rewrite):any("/v1/*", { name = "api", when = { host = "api.example", ["not"] = { method = "TRACE" } } }, "api")
route:any("/users/{id:[0-9]+}", { name = "users", when = { host = "api.example" } }, "api")
route:any("/people/{p2:[a-z]+}", { name = "users" }, "api")
route:any("/app", { name = "split", when = { scheme = "http" } }, route.redirect("https://{http.request.host}{http.request.uri}", 301))
route:any("/app", { name = "split" }, with.split)
route:any("/app/*", { name = "split", when = { scheme = "http" } }, route.redirect("https://{http.request.host}{http.request.uri}", 301))
route:any("/app/*", { name = "split" }, with.split)
route:any("/inside", { name = "inside", when = { header = { ["X-Team"] = "blue" }, ip = "10.0.0.0/8" } }, "api")
route:any("/inside", { name = "inside", when = { header = { ["X-Team"] = "blue" } } }, route.error(403))
route:any("/inside/*", { name = "inside", when = { header = { ["X-Team"] = "blue" }, ip = "10.0.0.0/8" } }, "api")
route:any("/inside/*", { name = "inside", when = { header = { ["X-Team"] = "blue" } } }, route.error(403))
route:with(with.forward_auth, with.encode):any("/asked", { name = "asked" }, "api")
route:with(with.forward_auth, with.encode):any("/asked/*", { name = "asked" }, "api")
route:any("/*", { name = "odd", when = { host = "*.example.com" } }, route.error(501))
route:with(with.closed):any("/digest", { name = "digest" }, "api")
route:with(with.closed):any("/digest/*", { name = "digest" }, "api")
route:not_found({ status = 404, body = "not found\n" })
-- line 25: an alternative of the router odd answers 501: a path that must not be has no counterpart
-- line 54: the middleware digestAuth has no counterpart: the router digest answers 501
-- line 72: tcp of the file has no counterpart
