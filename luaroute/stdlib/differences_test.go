package stdlib

import "testing"

// What docs/lua.md lists as different from the real Lua 5.1.
func TestDifferencesFromRealLuaAreThoseOfTheDocumentation(t *testing.T) {
	t.Parallel()
	evaluate := evaluator(t)
	for _, test := range []struct{ name, expression, want string }{
		{
			"a whole number is written with all digits", `tostring(2^53), 1e15 .. "", format("%s", 123456789012345)`,
			`"9007199254740992" "1000000000000000" "123456789012345"`,
		},
		{"the largest whole numbers are not", `tostring(2^63), tostring(1e20)`, `"9.2233720368548e+18" "1e+20"`},
		{"what is not a number is nan with either sign", `tostring(0/0), tostring(-(0/0)), format("%f", 0/0)`, `"nan" "nan" "nan"`},
		{"inf and nan are not read as numbers", `tonumber("inf"), tonumber("nan"), tonumber("-Infinity"), tonumber("nan(1)")`, `nil nil nil nil`},
		{"a negative number in a base is negative", `tonumber("-ff", 16), tonumber("-0x10", 16)`, `-255 -16`},
		{"a zero byte in a pattern stands for itself", `find("a\000b", "\000b"), match("ab", "a\000"), find("a\000.", "\000.", 2)`, `2 nil 2 3`},
		{"a zero byte in a set stands for itself", `match("a\000b", "[\000b]+")`, `"\000b"`},
		{"a zero byte does not end a formatted text", `format("%s|%5s|%c", "a\000b", "a\000b", 0)`, `"a\000b|  a\000b|\000"`},
		{"a zero byte does not end a number", `tonumber("1\0002"), tonumber("1\000", 16)`, `nil nil`},
		{"a single % at the end of a replacement is an error", `gsub("abc", "b", "%")`, `error`},
		{"%s takes any value", `format("%s %s %.2s", nil, true, setmetatable({}, { __tostring = function() return "named" end }))`, `"nil true na"`},
		{"too many items that wait for one another are an error", `find("", ("a?"):rep(300)), find(("a"):rep(300), ("a?"):rep(300))`, `error`},
		{"a string that is too large is an error", `("x"):rep(2^25)`, `error`},
		{"a list whose order is not one ends", `#after(table.sort, { 3, 1, 2 }, function() return true end) > 0`, `true`},
		{"the numbers of a for are numbers", `(function() for i = "1", 2 do end end)()`, `error`},
		{"__len is asked for a table", `#setmetatable({}, { __len = function() return 5 end })`, `5`},
		{"an error that leaves a wrap keeps its place", `(select(2, pcall(coroutine.wrap(function() error("x", 0) end))))`, `"x"`},
		{"debug.getinfo of a loaded text", `debug.getinfo(loadstring("return 1", "text"), "l").source`, `"=[string \"text\"]"`},
		{"load reads all pieces", `(function() local n = 0 load(function() n = n + 1 return n < 5 and "*" or nil end) return n end)()`, `5`},
		{"an expression has many ..", `loadstring("local a = '' return a" .. ("..a"):rep(248))()`, `""`},
		{
			"a function uses many variables of others", `(function()
				local names = {}
				for i = 1, 255 do names[i] = "a" .. i end
				local first, last = concat(names, ",", 1, 150), concat(names, ",", 151)
				return #loadstring("local " .. first .. " = 1 return (function() local " .. last .. " = 2 return function() return {" .. concat(names, ",") .. "} end end)()")()()
			end)()`, `151`,
		},
		{"a modulo by an infinite number is a number", `5 % math.huge, -5 % math.huge`, `5 inf`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := evaluate(test.expression); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
