-- Two services in containers behind one gateway, for compose.yaml at the top of the repository.
-- Needs: the pools users and orders below.
-- Try: docker compose up, then curl localhost:8080/users/7 and curl localhost:8080/nothing
local route = require("luaroute")

route:pool("users", { "users:8080", lb_policy = "least_conn" })
route:pool("orders", { "orders:8080" })

route:any("/users/*", "users")
route:any("/orders/*", "orders")
route:not_found({ status = 404, body = { error = "no such page" } })
