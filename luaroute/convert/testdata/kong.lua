local route = require("luaroute")

route:pool("orders", { { "127.0.0.1:7001/v2", weight = 2 }, { "127.0.0.1:7002/v2", weight = 1 }, retries = 2, transport = { protocol = "http", response_header_timeout = "2000ms" }, lb_policy = "weighted_round_robin", health_uri = "/up", health_interval = 5 })
route:pool("shop", { "127.0.0.1:7003" })
route:pool("office", { "127.0.0.1:7003/office" })
route:pool("legacy", { "127.0.0.1:7003" })

local with = {}
with.keys = route.keys { from = "header:apikey", consumers = { { name = "ann", groups = { "staff" }, key = "the-first-key-of-ann" }, { name = "bob", groups = { "guests" }, key = "the-only-key-of-bob" } } }
with.allow = route.allow { groups = { "staff" } }
with.limit = route.limit { name = "minute_43_17", rate = 5, per = 60, burst = 5, key = "client_ip" }
with.cors = route.cors { origins = "https://app.example", methods = { "GET", "PUT" }, headers = "*", credentials = true, max_age = 60 }
with.add = function(req) if not req:header("X-Added") then req:set_header("X-Added", "1") end end
with.headers = route.headers { request = { remove = "X-Gone", set = { ["X-Both"] = "2" }, replace = { ["X-Old"] = { pattern = "(?s)^.*$", with = "new" } } } }
with.headers_2 = route.headers { response = { remove = "Server" } }
with.closed = function() return 501, "a policy of this route was not converted\n" end

route:with(with.keys, with.allow, with.limit):any("/orders", { name = "orders" }, route.proxy("orders", { strip_prefix = "/orders", headers = { set = { Host = "orders.upstream" } } }))
route:with(with.keys, with.allow, with.limit):any("/orders/*", { name = "orders" }, route.proxy("orders", { strip_prefix = "/orders", headers = { set = { Host = "orders.upstream" } } }))
route:with(with.keys, with.allow, with.limit):any("/order/{id:[0-9]+}", { name = "one-order", when = { method = "GET" } }, route.proxy("orders", { headers = { set = { Host = "orders.upstream" } } }))
route:with(with.cors, with.headers, with.add):any("/*", { name = "shop", when = { host = { "shop.example", "*.shop.example" } } }, "shop")
route:with(with.cors, with.headers, with.add):any("/images/*", { name = "images", when = { host = "shop.example" } }, route.proxy("shop", { strip_prefix = "/images" }))
route:any("/office", { name = "office-1", when = { ip = "10.0.0.0/8" } }, route.proxy("office", { strip_prefix = "/office", headers = { set = { Host = "127.0.0.1:7003" } } }))
route:any("/office", { name = "office-1" }, route.error(403))
route:any("/office/*", { name = "office-1", when = { ip = "10.0.0.0/8" } }, route.proxy("office", { strip_prefix = "/office", headers = { set = { Host = "127.0.0.1:7003" } } }))
route:any("/office/*", { name = "office-1" }, route.error(403))
route:any("/blocked", { name = "blocked-1" }, { status = 403, body = "{\"message\":\"not for you\"}", headers = { ["Content-Type"] = "application/json; charset=utf-8" } })
route:any("/blocked/*", { name = "blocked-1" }, { status = 403, body = "{\"message\":\"not for you\"}", headers = { ["Content-Type"] = "application/json; charset=utf-8" } })
route:with(with.closed, with.headers_2):any("/legacy", { name = "legacy-1" }, route.proxy("legacy", { strip_prefix = "/legacy", headers = { set = { Host = "127.0.0.1:7003" } } }))
route:with(with.closed, with.headers_2):any("/legacy/*", { name = "legacy-1" }, route.proxy("legacy", { strip_prefix = "/legacy", headers = { set = { Host = "127.0.0.1:7003" } } }))
route:any("/past", { name = "legacy-1" }, route.error(501))
route:any("/past/*", { name = "legacy-1" }, route.error(501))
route:not_found({ status = 404, body = "not found\n" })
-- line 6: a key of ann is dropped: keys have 16 to 512 bytes, and a variable is none
-- line 63: rename of the plugin request-transformer has no counterpart
-- line 64: the plugin prometheus of shop is dropped: it has no counterpart
-- line 64: the plugin prometheus of images is dropped: it has no counterpart
-- line 82: the path "~/past/a(b" of the route legacy-1 answers 501, as all does that begins alike: expected text or one expression in each segment
-- line 82: legacy-1 is dropped: its path /orders is that of orders
-- line 82: legacy-1 is dropped: its path /orders/* is that of orders
-- line 84: the plugin ldap-auth has no counterpart: legacy-1 answers 501
-- line 89: certificates of the file has no counterpart
