local route = require("luaroute")

local function ask(path) return route.simulate { path = path, headers = { Cookie = "user_id=ann" } } end

it("leads from step to step", function()
  expect(ask("/settlement/prePage?st=invented").status):equals(500)
  expect(ask("/settlement/initData?st=invented").status):equals(200)
  expect(ask("/settlement/initData?st=invented").pool):is_nil()
end)

it("answers data with JSON, whatever goes wrong", function()
  expect(ask("/settlement/submitData?st=x").body):matches("intercepted")
end)

it("has open paths", function()
  expect(ask("/images/a.png").pool):equals("shop")
  expect(ask("/shop/useAction/click").pool):equals("shop")
end)
