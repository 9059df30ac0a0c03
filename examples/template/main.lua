-- Shows: templates: {{user}} and {{plan}} in HTML pages are replaced while the pages stream through.
-- Needs: an origin at 127.0.0.1:9001, which the Caddyfile beside it brings.
-- Try:   caddy run in this folder, then what README.md asks
local route = require("luaroute")

route:pool("app", { "127.0.0.1:9001" })

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }
local function escape(text) return (text:gsub("[&<>\"']", entities)) end

-- Returns a function for res:on_body. A placeholder may be split between two pieces, so what could be the beginning of one
-- waits for the next piece.
local function fill(values)
  local held, longest = "", 64
  return function(chunk, last)
    local text = held .. chunk
    held = ""
    local open = not last and text:find("{{?[%w_]*}?$")
    if open and #text - open < longest then
      text, held = text:sub(1, open - 1), text:sub(open)
    end
    return (text:gsub("{{([%w_]+)}}", values)) -- unknown names stay as they are
  end
end

route:use(function(req, res)
  local values = { user = escape(req:header("X-User") or "guest"), plan = "free" }
  -- Compressed text has no placeholders. Caddy's encode directive can compress what leaves.
  req:remove_header("Accept-Encoding")
  res:on_headers(function(res)
    local html = (res.headers["Content-Type"] or ""):lower():find("^text/html")
    -- Asked here, all other responses stay untouched: they keep their Content-Length, ETag and ranges.
    if html and res.status ~= 206 and not res.headers["Content-Encoding"] then
      res.headers["Cache-Control"] = "private" -- the page is for one user
      res:on_body(fill(values))
    end
  end)
end)

route:any("/*", "app")
