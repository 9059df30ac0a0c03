local route = require("luaroute")

describe("rewriting", function()
  local function ask(path, answer) return route.simulate{ path = path, pools = { app = answer or { status = 200 } } } end

  it("takes the prefix off, and tells the origin", function()
    local out = ask("/api/users?page=2&utm_source=mail")
    expect(out.request.uri):equals("/users?page=2")
    expect(out.request.headers["X-Forwarded-Prefix"]):equals("/api")
  end)

  it("makes a path a query", function()
    expect(ask("/blog/2024/hello").request.uri):equals("/articles?year=2024&slug=hello")
  end)

  it("gives redirects of the origin the prefix", function()
    expect(ask("/api/login", { status = 302, headers = { Location = "/home" } }).headers.Location):equals("/api/home")
    expect(ask("/api/login", { status = 302, headers = { Location = "//other.example" } }).headers.Location):equals("//other.example")
  end)

  it("does not say what serves", function()
    local out = ask("/", { status = 200, headers = { Server = "nginx", ["X-Powered-By"] = "PHP" } })
    expect(out.headers.Server):is_nil()
    expect(out.headers["X-Powered-By"]):is_nil()
    expect(out.headers["Cache-Control"]):equals("no-store")
  end)
end)
