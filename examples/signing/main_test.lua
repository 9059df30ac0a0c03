local route, crypto = require("luaroute"), require("crypto")

local key = route.env("SIGNING_KEY")

it("signs method, URI, time and body", function()
  local out = route.simulate{
    method = "POST", path = "/orders?x=1", body = "item=tea", headers = { ["X-Signature"] = "forged" }, now = 1700000000,
  }
  local body = crypto.hash("sha256", "item=tea")
  expect(out.request.headers["X-Content-SHA256"]):equals(body)
  expect(out.request.headers["X-Timestamp"]):equals("1700000000")
  expect(out.request.headers["X-Signature"]):equals(
    crypto.hmac("sha256", key, "POST\n/orders?x=1\n1700000000\n" .. body))
end)
