-- Shows: server-sent events: a stream gets a first and a last event. Nothing is buffered; every event leaves as it comes.
-- Needs: an origin at 127.0.0.1:9001, which the Caddyfile beside it brings.
-- Try:   caddy run in this folder, then what README.md asks
local route, json = require("luaroute"), require("json")

route:pool("app", { "127.0.0.1:9001" })

local function event(name, data) return "event: " .. name .. "\ndata: " .. json.encode(data) .. "\n\n" end

route:get("/events", function(req, res)
  req:remove_header("Accept-Encoding") -- nothing can be added to a compressed stream
  res:on_headers(function(res)
    -- An error page or a redirect is no stream.
    if res.status ~= 200 or not (res.headers["Content-Type"] or ""):find("^text/event%-stream") then return end
    local before, began = event("hello", { id = req.id }), os.time()
    -- The pieces are not always whole events, but the first one begins an event, and the last one ends one.
    res:on_body(function(chunk, last)
      if last then chunk = chunk .. event("bye", { seconds = os.time() - began }) end
      chunk, before = before .. chunk, ""
      return chunk
    end)
  end)
  return "app"
end)
