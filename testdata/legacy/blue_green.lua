-- Blue and green: a header says which one answers, blue is the default. Old paths are rewritten on the way, and clients of a
-- release that is gone are rejected.

active = "blue"

function on_route_request(request, backends)
  color = request.headers["X-Color"] or active
  if color ~= "blue" and color ~= "green" then
    return { reject = true, reject_reason = "unknown color: " .. color }
  end
  result = { selected_backend = color, modified_headers = {} }
  result.modified_headers["X-Color"] = color
  if string.sub(request.path, 1, 5) == "/old/" then
    result.modified_path = "/" .. string.gsub(request.path, "^/old/", "")
  end
  if request.method == "POST" and string.find(request.body, "drop table", 1, true) then
    log("refused a body for " .. request.host)
    return nil
  end
  return result
end
