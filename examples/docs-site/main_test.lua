local route = require("luaroute")

describe("the site", function()
  it("keeps short links", function()
    local answer = route.simulate{ path = "/function/simulate" }
    expect(answer.status):equals(302)
    expect(answer.headers.Location):equals("/lua/#simulate")
  end)
end)
