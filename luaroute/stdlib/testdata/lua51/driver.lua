-- Reads expressions, one to a line, and writes a line for each: what it returns, or that it fails.
-- lua5.1 driver.lua prelude.lua <expressions >results

dofile(arg[1])

local escapes = { ["\\"] = "\\\\", ["\""] = "\\\"" }
for i = 0, 255 do
  local c = string.char(i)
  if i < 32 or i > 126 then escapes[c] = string.format("\\%03d", i) end
end

local function show(v)
  if type(v) == "string" then
    return "\"" .. v:gsub("[%c\\\"\127-\255%z]", escapes) .. "\""
  elseif type(v) == "number" then
    if v ~= v then return "nan" end -- its sign depends on the machine
    return string.format("%.14g", v == 0 and 0 or v)
  elseif type(v) == "nil" or type(v) == "boolean" then
    return tostring(v)
  end
  return type(v)
end

local function result(ok, ...)
  if not ok then return "error" end
  local all = {}
  for i = 1, select("#", ...) do all[i] = show((select(i, ...))) end
  return table.concat(all, " ")
end

for line in io.lines() do
  local fn, err = loadstring("return " .. line)
  if not fn then
    io.stderr:write(line, ": ", err, "\n")
    os.exit(1)
  end
  io.write(result(pcall(fn)), "\n")
end
