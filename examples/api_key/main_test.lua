local route = require("luaroute")

describe("the API", function()
  local function ask(key, method, path)
    return route.simulate{ method = method, path = path, headers = { ["X-Api-Key"] = key, ["X-User"] = "root" } }
  end

  it("lets nobody in without a key", function()
    expect(ask(nil, "GET", "/api/orders").status):equals(401)
    expect(ask("wrong", "GET", "/api/orders").status):equals(401)
  end)

  it("tells the origin who asks, and keeps the key", function()
    local out = ask("ann-key", "POST", "/api/orders")
    expect(out.pool):equals("app")
    expect(out.request.headers["X-User"]):equals("ann")
    expect(out.request.headers["X-Roles"]):equals("admin,staff")
    expect(out.request.headers["X-Api-Key"]):is_nil()
  end)

  it("asks for roles", function()
    expect(ask("eve-key", "POST", "/api/orders").status):equals(403)
    expect(ask("bob-key", "DELETE", "/api/admin/cache").status):equals(403)
  end)

  it("believes nobody outside of it either", function()
    expect(ask(nil, "GET", "/public/news").request.headers["X-User"]):is_nil()
  end)
end)
