-- Shows: two services in containers behind a gateway, whose instances count requests together, in Redis.
-- Needs: the containers users, orders and redis of compose.yaml at the top of the repository.
-- Try:   docker compose up
--        curl -i localhost:8080/users/7
--        curl -i localhost:8080/nothing
local route = require("luaroute")

route:pool("users", { "users:8080", lb_policy = "least_conn" })
route:pool("orders", { "orders:8080" })

route:use(route.limit{ name = "clients", rate = 100, per = 60, key = "client_ip", store = "kv" })

route:any("/users/*", "users")
route:any("/orders/*", "orders")
route:not_found({ status = 404, body = { error = "no such page" } })
