package redis

import "github.com/redis/rueidis"

// get returns the value, or nil. It does not send one that is larger than ARGV[1] but its length: other programs may write here what they
// like, and nothing bounds what many requests read at once.
var get = rueidis.NewLuaScript(`
local length = redis.call('STRLEN', KEYS[1])
if length > tonumber(ARGV[1]) then return length end
return redis.call('GET', KEYS[1])
`)

// getWithTTL does so, too, and returns the value with the milliseconds that are left of its life, as PTTL does.
var getWithTTL = rueidis.NewLuaScript(`
local length = redis.call('STRLEN', KEYS[1])
if length > tonumber(ARGV[1]) then return length end
local value = redis.call('GET', KEYS[1])
return value and { value, redis.call('PTTL', KEYS[1]) }
`)

// compareAndSwap returns 1 if it changed the value. ARGV: "1" if there must be an old one, the old one, "1" if there is a new one, the
// new one, milliseconds to live or "0".
var compareAndSwap = rueidis.NewLuaScript(`
local found = redis.call('GET', KEYS[1])
if ARGV[1] == '1' then
	if found ~= ARGV[2] then return 0 end
elseif found then
	return 0
end
if ARGV[3] ~= '1' then
	redis.call('DEL', KEYS[1])
elseif ARGV[5] == '0' then
	redis.call('SET', KEYS[1], ARGV[4])
else
	redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
end
return 1
`)

// persist lets a value live forever, and returns whether there is one.
var persist = rueidis.NewLuaScript(`
redis.call('PERSIST', KEYS[1])
return redis.call('EXISTS', KEYS[1])
`)

// increment returns the sum as text, or nil if what is there or the sum is not a number. It reads as kv.Number does and writes as
// kv.AppendSum does: values are compared by their bytes. ARGV: by, init, milliseconds to live or "0".
var increment = rueidis.NewLuaScript(`
local function written(n)
	if n == 0 then return '0' end
	if n == math.floor(n) and math.abs(n) < 2 ^ 63 then return string.format('%.0f', n) end
	for digits = 0, 16 do
		local short = string.format('%.' .. digits .. 'e', n)
		if tonumber(short) == n then
			local exponent = tonumber(string.match(short, 'e(.+)$'))
			if exponent < -4 or exponent >= 6 then return short end
			return string.format('%.' .. math.max(0, digits - exponent) .. 'f', n)
		end
	end
end
local found = redis.call('GET', KEYS[1])
local mark, n = '\1', tonumber(ARGV[2])
if found then
	local text = found
	if string.sub(text, 1, 1) == mark then text = string.sub(text, 2) else mark = '' end
	n = #text <= 64 and string.find(text, '^[%d%+%-%.eE]+$') and tonumber(text)
	if not n or math.abs(n) == math.huge then return false end
end
n = n + tonumber(ARGV[1])
if n ~= n or math.abs(n) == math.huge then return false end
local text = written(n)
if found then
	redis.call('SET', KEYS[1], mark .. text, 'KEEPTTL')
elseif ARGV[3] == '0' then
	redis.call('SET', KEYS[1], mark .. text)
else
	redis.call('SET', KEYS[1], mark .. text, 'PX', ARGV[3])
end
return text
`)

// take is the generic cell rate algorithm. The value is the theoretical arrival time (TAT): when the budget is whole again, in microseconds
// of Redis' clock. It returns whether it was taken, what remains, and the microseconds until the budget is whole and until this cost can be
// taken. ARGV: microseconds for one to come back, which may have a fraction; burst; cost.
//
// Numbers of this size have a precision of a quarter of a microsecond, hence the slack. A TAT farther away than a whole budget is of a clock
// that has been set back, or of a limit that had a larger one.
var take = rueidis.NewLuaScript(`
local interval, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local slack = math.min(1, interval / 2)
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local whole = burst * interval
local tat = tonumber(redis.call('GET', KEYS[1]) or now) or now
tat = math.min(math.max(tat, now), now + whole)
local after = math.max(now, tat + cost * interval)
local early = after - whole - now
local taken, wait = 1, 0
if early > slack then
	taken, wait, after = 0, math.ceil(early), tat
elseif after == now and cost < 0 then
	redis.call('DEL', KEYS[1])
elseif cost ~= 0 then
	redis.call('SET', KEYS[1], string.format('%.2f', after), 'PX', string.format('%.0f', math.ceil((after - now) / 1000) + 1))
end
local remaining = math.max(0, math.floor((whole - (after - now) + slack) / interval))
return { taken, remaining, math.ceil(after - now), wait }
`)
