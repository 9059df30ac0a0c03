local route = require("luaroute")
local auth = require("auth")

describe("the site", function()
  it("is healthy", function()
    local out = route.simulate({ path = "/health" })
    expect(out.status):equals(200)
    expect(out.body):equals("ok\n")
  end)

  it("forwards to the application", function()
    local out = route.simulate({ path = "/cart?id=7", pools = { app = { status = 200, body = "cart" } } })
    expect(out.pool):equals("app")
    expect(out.request.uri):equals("/cart?id=7")
    expect(out.body):equals("cart")
  end)

  it("keeps strangers out of /admin", function()
    local out = route.simulate({ path = "/admin/users", headers = { Authorization = "Bearer guessed" } })
    expect(out.status):equals(401)
    expect(out.headers["WWW-Authenticate"]):equals("Bearer")
    expect(out.pool):is_nil()
  end)
end)

describe("a token", function()
  it("is good if it is the one", function() expect(auth.allows("Bearer secret", "secret")):is_true() end)

  it("is not if it is another one, or none", function()
    for _, field in ipairs({ "Bearer wrong", "secret", "Bearer ", "" }) do
      assert.is_false(auth.allows(field, "secret"))
    end
    assert.is_false(auth.allows(nil, "secret"))
    assert.is_false(auth.allows("Bearer secret", nil))
  end)
end)
