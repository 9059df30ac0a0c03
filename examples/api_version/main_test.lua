local route = require("luaroute")

describe("versions", function()
  local function pool(version)
    return route.simulate{ path = "/users/7", headers = { ["X-API-Version"] = version } }.pool
  end

  it("are the newest one that is not newer than the one asked for", function()
    expect(pool("1")):equals("users-1")
    expect(pool("2")):equals("users-1")
    expect(pool("3")):equals("users-3")
    expect(pool("17")):equals("users-3")
  end)

  it("are the first one for whoever asks for none", function()
    expect(pool(nil)):equals("users-1")
    expect(pool("new")):equals("users-1")
  end)
end)
