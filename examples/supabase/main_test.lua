local route = require("luaroute")

local function ask(path, key) return route.simulate { path = path, headers = { apikey = key } } end

it("asks for a key where the services need one", function()
  for _, path in ipairs { "/auth/v1/user", "/rest/v1/items", "/graphql/v1", "/realtime/v1/websocket", "/realtime/v1/api/ping", "/pg/tables" } do
    expect(ask(path).status):equals(401)
    expect(ask(path, "sb_publishable_of-nobody").status):equals(401)
  end
  expect(ask("/rest/v1/items", "sb_publishable_0123456789").pool):equals("rest")
end)

it("lets the key be in the query", function()
  expect(ask("/realtime/v1/websocket?apikey=sb_publishable_0123456789").pool):equals("socket")
end)

it("leaves the database to the admin", function()
  expect(ask("/pg/tables", "sb_publishable_0123456789").status):equals(403)
  expect(ask("/pg/tables", "sb_secret_0123456789abcdef").pool):equals("meta")
end)

it("has open and blocked paths", function()
  expect(ask("/auth/v1/callback").pool):equals("auth")
  expect(ask("/storage/v1/object/a").pool):equals("storage")
  expect(ask("/realtime/v1/api/tenants/x", "sb_secret_0123456789abcdef").status):equals(403)
end)
