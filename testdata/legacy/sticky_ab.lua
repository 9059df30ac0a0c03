-- A sticky A/B test: the user's id decides, so a user always sees the same variant, as long as it is up. Those without an id take
-- what chance gives them.

function hash(text)
  sum = 0
  for i = 1, string.len(text) do
    sum = (sum * 31 + string.byte(text, i)) % 1000003
  end
  return sum
end

function on_route_request(request, backends)
  cookie = request.headers["cookie"] or ""
  user = string.match(cookie, "user=([%w_-]+)") or request.headers["x-user-id"]

  healthy = {}
  for _, backend in ipairs(backends) do
    if backend.health then
      table.insert(healthy, backend.name)
    end
  end
  if #healthy == 0 then
    return { reject = true, reject_reason = "no variant is up" }
  end

  if user then
    variant = backends[hash(user) % #backends + 1].name
  else
    math.randomseed(os.time())
    variant = healthy[math.random(#healthy)]
  end
  return { selected_backend = variant, modified_headers = { ["X-Variant"] = variant } }
end
