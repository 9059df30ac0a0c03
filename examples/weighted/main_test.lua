local route = require("luaroute")

describe("visitors", function()
  local function visit(cookie) return route.simulate{ path = "/", headers = { Cookie = cookie } } end

  it("keep the version that they have", function()
    expect(visit("version=canary").pool):equals("canary")
    expect(visit("version=stable").pool):equals("stable")
    expect(visit("version=canary").headers["Set-Cookie"]):is_nil()
  end)

  it("get one by weight", function()
    local canary = 0
    for _ = 1, 1000 do
      if visit("version=unknown").pool == "canary" then canary = canary + 1 end
    end
    expect(canary > 100 and canary < 300):is_true()
  end)
end)
