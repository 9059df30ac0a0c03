local route = require("luaroute")

describe("the gateway", function()
  it("knows which service has a path", function()
    expect(route.simulate{ path = "/users/7" }.pool):equals("users")
    expect(route.simulate{ path = "/orders", method = "POST" }.status):equals(404)
    expect(route.simulate{ path = "/orders/8", method = "POST" }.pool):equals("orders")
  end)

  it("answers itself for other paths", function()
    expect(route.simulate{ path = "/nothing" }.status):equals(404)
  end)
end)
