-- Shows: services in containers behind gateways that count requests together, in Redis.
-- Needs: the containers users, orders and redis, which compose.yaml at the top of the repository brings.
-- Try:   docker compose up in this folder, then what README.md asks
local route = require("luaroute")

route:pool("users", { "users:8080", lb_policy = "least_conn" })
route:pool("orders", { "orders:8080" })

route:use(route.limit{ name = "clients", rate = 100, per = 60, key = "client_ip", store = "kv" })

route:any("/users/*", "users")
route:any("/orders/*", "orders")
route:not_found({ status = 404, body = { error = "no such page" } })

route:expect({ path = "/users/7" }, { pool = "users" })
