local route, json = require("luaroute"), require("json")

describe("orders", function()
  local function post(body, kind)
    return route.simulate{
      method = "POST", path = "/orders", headers = { ["Content-Type"] = kind or "application/json" },
      body = type(body) == "table" and json.encode(body) or body,
    }
  end

  it("that are good reach the origin unchanged", function()
    local text = '{ "count": 2,  "item": "tea" }'
    local out = post(text)
    expect(out.pool):equals("app")
    expect(out.request.body):equals(text)
  end)

  it("that are wrong are told all that is wrong", function()
    local out = post{ count = 0, colour = "red" }
    expect(out.status):equals(422)
    expect(json.decode(out.body).errors):equals({
      { field = "colour", message = "is not known" },
      { field = "count", message = "must be a whole number from 1 to 99" },
      { field = "item", message = "is missing" },
    })
  end)

  it("that are no JSON objects are refused", function()
    expect(post("item=tea", "application/x-www-form-urlencoded").status):equals(415)
    expect(post("{").status):equals(400)
    expect(post("7").status):equals(400)
  end)
end)
