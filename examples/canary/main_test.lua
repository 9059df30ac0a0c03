local route = require("luaroute")

describe("the canary", function()
  local function visit(bucket)
    return route.simulate{ path = "/", headers = { Cookie = bucket and "bucket=" .. bucket } }
  end

  it("gets a tenth of the visitors", function()
    expect(visit(10).pool):equals("new")
    expect(visit(11).pool):equals("old")
  end)

  it("remembers who was where", function()
    expect(visit(10).headers["Set-Cookie"]):is_nil()
    expect(visit(nil).headers["Set-Cookie"]):matches("^bucket=%d+;")
    expect(visit("101").headers["Set-Cookie"]):matches("^bucket=%d+;")
  end)
end)

it("gives a user the same version each time", function()
  local function pool(user) return route.simulate{ path = "/checkout", headers = { ["X-User"] = user } }.pool end
  expect(pool("ann")):equals(pool("ann"))
end)
