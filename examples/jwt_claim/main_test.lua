local route, base64 = require("luaroute"), require("base64")

describe("the plan of a token", function()
  local function pool(payload)
    local token = payload and "Bearer e30." .. base64.encode_url(payload) .. ".c2ln"
    return route.simulate{ path = "/", headers = { Authorization = token } }.pool
  end

  it("decides", function()
    expect(pool('{"plan":"paid"}')):equals("paid")
    expect(pool('{"plan":"free"}')):equals("free")
  end)

  it("is free where there is none", function()
    expect(pool(nil)):equals("free")
    expect(pool('"paid"')):equals("free")
    expect(pool("no JSON")):equals("free")
  end)
end)
