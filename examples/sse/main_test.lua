local route = require("luaroute")

describe("a stream", function()
  local function ask(answer) return route.simulate{ path = "/events", pools = { app = answer } } end

  it("gets a first and a last event", function()
    local out = ask{ status = 200, headers = { ["Content-Type"] = "text/event-stream" }, body = "data: one\n\n" }
    expect(out.body):matches('^event: hello\ndata: .-\n\ndata: one\n\nevent: bye\n')
  end)

  it("is not made of an error page", function()
    expect(ask{ status = 502, headers = { ["Content-Type"] = "text/html" }, body = "no" }.body):equals("no")
  end)
end)
