package hook_test

// huntScript looks at everything that a function can see of a request, in all positions, and raises an error with the word
// leak where it is that of another.
const huntScript = `
local route, hunter = require("luaroute"), require("hunter")
for name, address in pairs(addresses) do route:pool(name, address) end

local owner -- of the virtual machine, from the first function of a request to its last one
local kept  -- of the request before

-- mine checks that all parts of the request have its token. moved says that it may have another virtual machine than before.
local function mine(req, moved)
	local token = req:header("X-Token")
	assert(token, "leak: no token")
	assert(req.headers["x-token"] == token and req.query.token == token and req.cookies.token == token, "leak: of fields")
	assert(req:query_value("token") == token and req:cookie("token") == token, "leak: of fast forms")
	assert(req.path:match("[^/]+$") == token, "leak: of the path")
	if req.ctx.token == nil or moved then
		req.ctx.token, owner = req.ctx.token or token, token
	end
	assert(req.ctx.token == token, "leak: of req.ctx")
	assert(owner == token, "leak: two requests share a virtual machine")
	assert(leaked == nil, "leak: of a global")
	return token
end

local function wants(req, what) return req:header("X-Hooks"):find(what, 1, true) end

local function before(req, res)
	local token = mine(req)
	if wants(req, "kept") then
		if kept and kept.token ~= token then -- after a decline it is this request
			for _, use in ipairs({ function() return kept.req.path end, function() return kept.res.status end, function() return kept.headers.a end }) do
				local ok, why = pcall(use)
				assert(not ok and why:find("after its request has ended", 1, true), "leak: of the request before")
			end
		end
		kept = { token = token, req = req, res = res, headers = req.headers }
	end
	if wants(req, "global") then
		assert(not pcall(function() leaked = token end), "leak: a global is written")
	end
	res.headers["X-Before"] = token
	if wants(req, "headers") then
		res:on_headers(function(res)
			assert(mine(req) == token, "leak: on_headers")
			res.headers["X-Headers"] = token
		end)
	end
	if wants(req, "body") then
		res:on_body(function(piece, last)
			assert(mine(req) == token, "leak: on_body")
			return last and piece .. " to " .. token or piece
		end)
	end
	if wants(req, "done") then
		local ctx = req.ctx
		res:on_done(function()
			assert(req.ctx == ctx and ctx.token == token, "leak: of req.ctx in on_done")
			assert(owner == token, "leak: two requests share a virtual machine in on_done")
			hunter.done(token)
		end)
	end
end

local around = {
	plainly = function(next) return next() end,
	pcall = function(next)
		local ok, answered = pcall(next)
		if not ok then error(answered, 0) end
		return answered
	end,
	coroutine = function(next)
		local run = coroutine.wrap(function(word)
			word = coroutine.yield(word .. "b")
			return next(), word
		end)
		assert(run("a") == "ab")
		local answered, word = run("c")
		assert(word == "c", "leak: of a coroutine")
		return answered
	end,
	sort = function(next)
		local answered
		table.sort({ 3, 1, 2 }, function(a, b)
			if answered == nil then answered = next() end
			return a < b
		end)
		return answered
	end,
}

local function wrap(req, res, next)
	local token = mine(req)
	local depth = (req.ctx.depth or 0) + 1
	req.ctx.depth = depth
	around[req:header("X-Around")](next)
	assert(mine(req) == token and req.ctx.depth == depth, "leak: after next")
	req.ctx.depth = depth - 1
end

local function declines(req)
	assert(req:param("token") == mine(req), "leak: of params in a guard")
	req.ctx.guarded = req.params.token
	return false
end

local answers = {
	pool = function() return "echo" end,
	proxy = function() return route.proxy("echo", { headers = { set = { ["X-Other"] = "a" } } }) end,
	text = function(req, res, token) return 200, "text " .. token end,
	write = function(req, res, token)
		res:write("written by ")
		res:flush()
		mine(req)
		res:write(token)
	end,
	json = function(req, res, token) return 200, { token = token } end,
	body = function(req, res, token)
		assert(req:body() == "body " .. token, "leak: of a body")
		return 200, req:body()
	end,
	decline = function(req, res, token)
		res.headers["X-Origin"] = "declined"
		req:set_header("X-Declined", token)
		return route.decline
	end,
	next = function() return route.next end,
	error = function(req, res, token) error("planned by " .. token) end,
	dead = function() return "dead" end,
	leave = function() return "echo" end,
	abort = function() hunter.abort() end,
}

local function handle(req, res)
	local token = mine(req)
	assert(req.ctx.guarded == token and req.params.token == token, "leak: of params")
	req:set_header("X-Seen", token)
	return answers[req:header("X-Kind")](req, res, token)
end

local function sorry(req)
	local token = mine(req, true)
	assert(req.ctx.guarded == token, "leak: of req.ctx after an upstream has failed")
	if req:header("X-Kind") == "dead" then return 200, "dead " .. token end
	return route.decline
end

local function second(req)
	local token = mine(req)
	assert(not req:header("X-Declined"), "leak: of a candidate that declined")
	return 200, "decline " .. token
end

local function routes(r, name)
	r:on_error(sorry)
	r:any("/" .. name .. "/{token}", { when = declines }, { body = "leak" })
	r:any("/" .. name .. "/{token}", { when = function(req) return mine(req) end }, handle)
	r:any("/" .. name .. "/*", second)
end

route:use(before)
route:group(function(r) routes(r, "free") end)
route:group(function(r) r:use(wrap) routes(r, "wrapped") end)
route:group(function(r) r:use(wrap, wrap) routes(r, "twice") end)
`
