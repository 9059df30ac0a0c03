local route = require("luaroute")

it("is night from 22 to 6", function()
  local function pool(hour) return route.simulate{ path = "/", headers = { ["X-Hour"] = hour } }.pool end
  expect(pool("21")):equals("day")
  expect(pool("22")):equals("night")
  expect(pool("5")):equals("night")
  expect(pool("6")):equals("day")
end)

it("asks the clock", function()
  expect(route.simulate{ path = "/", now = 1700002800 }.pool):equals("night") -- 23:00 UTC
  expect(route.simulate{ path = "/", now = 1700046000 }.pool):equals("day") -- 11:00 UTC
end)
