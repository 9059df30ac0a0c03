local route = require("luaroute")

describe("pages", function()
  local function ask(kind, user, body)
    return route.simulate{
      path = "/page", headers = { ["X-User"] = user }, pools = { app = { status = 200, headers = { ["Content-Type"] = kind }, body = body } },
    }
  end

  it("are filled, with what HTML cannot have escaped", function()
    expect(ask("text/html; charset=utf-8", "<b>", "Hello {{user}}, {{plan}}, {{other}}").body):equals("Hello &lt;b&gt;, free, {{other}}")
    expect(ask("text/html", nil, "Hello {{user}}").body):equals("Hello guest")
  end)

  it("are for one user", function()
    expect(ask("text/html", "ann", "").headers["Cache-Control"]):equals("private")
  end)

  it("of other types stay as they are", function()
    expect(ask("text/plain", "ann", "{{user}}").body):equals("{{user}}")
  end)
end)
