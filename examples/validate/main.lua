-- Shows: validation: only good JSON reaches the origin, byte for byte as the client sent it.
-- Needs: an origin at 127.0.0.1:9001, which the Caddyfile beside it brings.
-- Try:   caddy run in this folder, then what README.md asks
local route, json = require("luaroute"), require("json")

route:pool("app", { "127.0.0.1:9001" })

-- A check takes a value and returns what is wrong with it, or nothing.
local function text(most)
  return function(v)
    if type(v) ~= "string" then return "must be a text" end
    if v == "" or #v > most then return "must have 1 to " .. most .. " bytes" end
  end
end

local function whole(from, to)
  return function(v)
    if type(v) ~= "number" or v % 1 ~= 0 or v < from or v > to then
      return "must be a whole number from " .. from .. " to " .. to
    end
  end
end

local order = {
  item = { required = true, check = text(100) },
  count = { required = true, check = whole(1, 99) },
  note = { check = text(1000) },
}

-- Returns a list of what is wrong, sorted by field, so that one answer names it all.
local function errors(value, fields)
  local list = json.array {}
  local function add(field, message)
    if message then list[#list + 1] = { field = field, message = message } end
  end
  for name, field in pairs(fields) do
    if value[name] ~= nil then
      add(name, field.check(value[name]))
    elseif field.required then
      add(name, "is missing")
    end
  end
  for name in pairs(value) do
    if not fields[name] then add(tostring(name), "is not known") end
  end
  table.sort(list, function(a, b) return a.field < b.field end)
  return list
end

-- Returns middleware that lets a body pass if it is a JSON object with these fields. More bytes than the limit are 413.
local function valid(fields, limit)
  return function(req)
    local kind = (req:header("Content-Type") or ""):lower():match("^%s*([^;%s]*)")
    if kind ~= "application/json" then
      return 415, { error = "the body must be application/json" }, { Accept = "application/json" }
    end
    req:body(limit)
    local value, err = req:json()
    if err then return 400, { error = err } end
    if type(value) ~= "table" then return 400, { error = "the body must be an object" } end
    local list = errors(value, fields)
    if #list > 0 then return 422, { errors = list } end
  end
end

route:with(valid(order, 16 * 1024)):post("/orders", "app")
