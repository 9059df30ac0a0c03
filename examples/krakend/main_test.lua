local route = require("luaroute")

it("asks for a token", function()
  expect(route.simulate { path = "/private/custom" }.status):equals(401)
  expect(route.simulate { path = "/private/auth0" }.status):equals(401)
end)

it("takes only POST where the API does", function()
  expect(route.simulate { path = "/post" }.status):equals(405)
  expect(route.simulate { method = "POST", path = "/post" }.pool):equals("api")
end)

it("groups a list", function()
  local answer = route.simulate { path = "/market/simple", pools = { market = { body = '[{"id":"bitcoin"}]', headers = { ["Content-Type"] = "application/json" } } } }
  expect(answer.pool):equals("market")
end)
