local route = require("luaroute")

describe("cross-origin requests", function()
  local function ask(origin, method)
    return route.simulate{
      method = method, path = "/api/users/7",
      headers = { Origin = origin, ["Access-Control-Request-Method"] = method == "OPTIONS" and "PUT" or nil },
      pools = { app = { status = 204 } },
    }
  end

  it("may come from the sites that are listed", function()
    local out = ask("https://app.example", "PUT")
    expect(out.status):equals(204)
    expect(out.headers["Access-Control-Allow-Origin"]):equals("https://app.example")
    expect(out.headers["Access-Control-Allow-Credentials"]):equals("true")
  end)

  it("may not be read by others", function()
    expect(ask("https://evil.example", "PUT").headers["Access-Control-Allow-Origin"]):is_nil()
    expect(ask("https://evil.example", "OPTIONS").status):equals(403)
  end)

  it("are announced by preflights, which do not reach the origin", function()
    local out = ask("https://app.example", "OPTIONS")
    expect(out.status):equals(204)
    expect(out.pool):is_nil()
    expect(out.headers["Access-Control-Allow-Methods"]):equals("GET, POST, PUT, DELETE")
  end)
end)
