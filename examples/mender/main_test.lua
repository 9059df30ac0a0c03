local route = require("luaroute")

local function pool(path, method) return route.simulate { method = method, path = path }.pool end

it("sends users and devices to their services", function()
  expect(pool("/api/management/v1/deployments/deployments")):equals("deployments")
  expect(pool("/api/devices/v2/deployments/next")):equals("deployments-devices")
  expect(pool("/api/management/v10/auditlogs")):equals("auditlogs")
  expect(pool("/api/management/vx/auditlogs")):equals("gui")
  expect(pool("/ui/")):equals("gui")
end)

it("rewrites the first version of the inventory", function()
  local function uri(path) return route.simulate { path = path }.request.uri end
  expect(uri("/api/management/v1/inventory/devices")):equals("/api/0.1.0/devices")
  expect(uri("/api/management/v2/inventory/devices")):equals("/api/management/v2/inventory/devices")
  expect(uri("/api/devices/v1/inventory/device/attributes")):equals("/api/0.1.0/attributes")
end)

it("lets new tenants sign up", function()
  expect(pool("/api/management/v1/tenantadm/tenants", "POST")):equals("tenantadm")
end)
