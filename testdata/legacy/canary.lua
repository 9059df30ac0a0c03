-- A canary that falls back: one request in five goes to the canary while it is healthy, all others to the stable backend. When
-- the one that was chosen is down, the first healthy backend takes the request.

percent = 20

function find(backends, name)
  for i, backend in ipairs(backends) do
    if backend.name == name then
      return backend
    end
  end
end

function on_route_request(request, backends)
  chosen = "stable"
  canary = find(backends, "canary")
  if request.headers["x-canary"] == "always" or math.random(100) <= percent then
    chosen = "canary"
  end
  if chosen == "canary" and not (canary and canary.health) then
    log("canary is down, falling back for " .. request.path)
    chosen = "stable"
  end
  return {
    selected_backend = chosen,
    modified_headers = { ["X-Release"] = chosen }
  }
end
