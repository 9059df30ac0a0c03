local route = require("luaroute")

describe("maintenance", function()
  local function ask(address, path) return route.simulate{ path = path, remote_addr = address } end

  it("shows a page to all", function()
    local out = ask("198.51.100.1", "/cart")
    expect(out.status):equals(503)
    expect(out.headers["Retry-After"]):equals("600")
    expect(out.body):matches("We are back")
  end)

  it("is not for the office and the health check", function()
    expect(ask("10.1.2.3", "/cart").pool):equals("app")
    expect(ask("192.0.2.17", "/cart").pool):equals("app")
    expect(ask("198.51.100.1", "/health").pool):equals("app")
  end)
end)
