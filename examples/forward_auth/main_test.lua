local route = require("luaroute")

describe("the site", function()
  it("shows the login to everybody", function()
    local out = route.simulate{ path = "/auth/login?to=/cart" }
    expect(out.pool):equals("auth")
    expect(out.request.uri):equals("/login?to=/cart")
  end)

  -- A test asks no other server, so requests pass as from nobody.
  it("believes nobody who says who they are", function()
    local out = route.simulate{ path = "/cart", headers = { ["X-User"] = "root", ["X-Roles"] = "admin" } }
    expect(out.pool):equals("app")
    expect(out.request.headers["X-User"]):is_nil()
    expect(route.simulate{ path = "/admin/users", headers = { ["X-Roles"] = "admin" } }.status):equals(403)
  end)
end)
