package time_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/lib/internal/libtest"
	luatime "github.com/luaroute/caddy-luaroute/luaroute/lib/time"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var world = libtest.World{Name: "time", Library: luatime.Library{}}

type row = libtest.Row

var check = world.Check

// 1777888800.25 is 2026-05-04T10:00:00.25Z, a Monday and the 124th day.
func TestATimeIsWritten(t *testing.T) {
	t.Parallel()
	check(t, []row{
		{"rfc3339", `time.format(1777888800.25, "rfc3339")`, "2026-05-04T10:00:00Z"},
		{"rfc3339 in a zone", `time.format(1777888800, "rfc3339", "Europe/Berlin")`, "2026-05-04T12:00:00+02:00"},
		{"http", `time.format(1777888800, "http")`, "Mon, 04 May 2026 10:00:00 GMT"},
		{"rfc1123 is the same", `time.format(1777888800, "rfc1123")`, "Mon, 04 May 2026 10:00:00 GMT"},
		{"date and time", `time.format(1777888800.25, "%Y-%m-%d %H:%M:%S.%f")`, "2026-05-04 10:00:00.250000"},
		{"the short forms", `time.format(1777888800, "%FT%T %R")`, "2026-05-04T10:00:00 10:00"},
		{"names", `time.format(1777888800, "%a %A %b %B")`, "Mon Monday May May"},
		{"half a day", `time.format(1777888800 + 4 * 3600, "%I:%M %p")`, "02:00 PM"},
		{"days", `time.format(1777888800, "[%e] %j %y")`, "[ 4] 124 26"},
		{"seconds", `time.format(1777888800.9, "%s")`, "1777888800"},
		{"an offset", `time.format(0, "%H:%M %z", "-05:30")`, "18:30 -0530"},
		{"an offset without colon", `time.format(0, "%H:%M", "+0200")`, "02:00"},
		{"the zone's name", `time.format(0, "%Z"), time.format(0, "%Z", "Europe/Berlin")`, "UTC CET"},
		{"UTC by name", `time.format(0, "%R %z", "UTC")`, "00:00 +0000"},
		{"a per cent sign and other text", `time.format(0, "100%% of 2006 é %Y")`, "100% of 2006 é 1970"},
		{"before 1970", `time.format(-0.25, "%F %T.%f")`, "1969-12-31 23:59:59.750000"},
		{"the first second", `time.format(-62135596800, "rfc3339")`, "0001-01-01T00:00:00Z"},
		{"the last second", `time.format(253402300799, "rfc3339")`, "9999-12-31T23:59:59Z"},
		{"a zone that there is not", `time.format(0, "rfc3339", "Moon/Crater")`, `nil time: no zone "Moon/Crater"; allowed are "UTC", "local", "+hh:mm" and names such as "Europe/Berlin"`},
		{"a zone that is a file", `time.format(0, "rfc3339", "../../etc/passwd")`, `nil time: no zone "../../etc/passwd"; allowed are "UTC", "local", "+hh:mm" and names such as "Europe/Berlin"`},
		{"an empty zone", `time.format(0, "rfc3339", "")`, `nil time: no zone ""; allowed are "UTC", "local", "+hh:mm" and names such as "Europe/Berlin"`},
		{"an offset of a hundred hours", `(time.format(0, "rfc3339", "+99:00"))`, `nil`},
	})
}

func TestATimeIsRead(t *testing.T) {
	t.Parallel()
	check(t, []row{
		{"rfc3339", `time.parse("2026-05-04T10:00:00Z", "rfc3339")`, "1777888800"},
		{"rfc3339 with an offset and a fraction", `time.parse("2026-05-04T12:00:00.25+02:00", "rfc3339") == 1777888800.25`, "true"},
		{"http", `time.parse("Mon, 04 May 2026 10:00:00 GMT", "http")`, "1777888800"},
		{"the old forms of http", `time.parse("Monday, 04-May-26 10:00:00 GMT", "http"), time.parse("Mon May  4 10:00:00 2026", "rfc1123")`, "1777888800 1777888800"},
		{"a date is its first second", `time.parse("2026-05-04", "%Y-%m-%d")`, "1777852800"},
		{"in a zone", `time.parse("2026-05-04", "%F", "+02:00"), time.parse("2026-05-04", "%F", "Europe/Berlin")`, "1777845600 1777845600"},
		{"the zone of the text counts", `time.parse("10:00 +0200", "%H:%M %z", "America/New_York"), time.parse("10:00 Z", "%R %z"), time.parse("10:00 GMT", "%R %Z", "-01:00")`, "28800 36000 36000"},
		{"date and time", `time.parse("2026-05-04 10:00:00.25", "%Y-%m-%d %H:%M:%S.%f") == 1777888800.25`, "true"},
		{"names in any case", `time.parse("MONDAY 04 may 2026", "%A %d %b %Y"), time.parse("mon september 01 1970", "%a %B %d %Y")`, "1777852800 20995200"},
		{"half a day", `time.parse("12:00 AM", "%I:%M %p"), time.parse("12:30 pm", "%I:%M %p"), time.parse("PM 01", "%p %I")`, "0 45000 46800"},
		{"days", `time.parse(" 4.05.26", "%e.%m.%y"), time.parse("1969-366", "%Y-%j") == nil, time.parse("2026-124", "%Y-%j")`, "1777852800 true 1777852800"},
		{"years of two digits", `time.parse("68", "%y") > 3e9, time.parse("69", "%y")`, "true -31536000"},
		{"seconds", `time.parse("1777888800", "%s"), time.parse("-1", "%s", "+02:00")`, "1777888800 -1"},
		{"a leap day", `time.parse("2024-02-29", "%F"), time.parse("2026-02-29", "%F")`, "1709164800 nil time: there is no day 29 in 2026-02"},
		{"a day that the year has not", `time.parse("2026-366", "%Y-%j")`, "nil time: there is no day 366 in 2026"},
		{"a month of 13", `time.parse("2026-13-01", "%F")`, `nil time: found "13-01" at byte 5; expected 01 to 12`},
		{"too few digits", `time.parse("2026-5-04", "%F")`, `nil time: found "5-04" at byte 5; expected 01 to 12`},
		{"a leap second", `time.parse("10:00:60", "%T")`, `nil time: found "60" at byte 6; expected 00 to 59`},
		{"another text between", `time.parse("2026/05/04", "%F")`, `nil time: found "/05/04" at byte 4; expected "-"`},
		{"more behind", `time.parse("2026-05-04T", "%F")`, `nil time: found "T" at byte 10; expected the end`},
		{"too little", `time.parse("2026", "%Y-%m")`, `nil time: found "" at byte 4; expected "-"`},
		{"no month", `time.parse("Foo", "%b")`, `nil time: found "Foo" at byte 0; expected Jan to Dec`},
		{"a zone whose offset nobody knows", `time.parse("10:00 CET", "%R %Z")`, `nil time: found "CET" at byte 6; expected UTC to GMT`},
		{"seconds beyond the year 9999", `time.parse("253402300800", "%s")`, `nil time: found "253402300800" at byte 0; expected seconds since 1970`},
		{"not rfc3339", `time.parse("2026-05-04", "rfc3339")`, `nil time: found "2026-05-04"; expected a time such as "2026-05-04T10:00:00Z"`},
		{"not http", `time.parse("now", "http")`, `nil time: found "now"; expected a time such as "Mon, 04 May 2026 10:00:00 GMT"`},
		{"a time before the year 1", `time.parse("0001-01-01T00:00:00+02:00", "rfc3339")`, `nil time: found "0001-01-01T00:00:00+02:00"; allowed are the years 1 to 9999`},
		{"a string that is too long", `time.parse(("x"):rep(1025), "%Y")`, `nil time: the string has 1025 bytes; allowed are 1024`},
	})
}

func TestWrongArgumentsRaise(t *testing.T) {
	t.Parallel()
	const letters = "%% %A %B %F %H %I %M %R %S %T %Y %Z %a %b %d %e %f %j %m %p %s %y %z"
	for _, row := range []struct{ call, want string }{
		{`time.format("x", "%Y")`, `bad argument #1 to 'format' (time: number expected, got string)`},
		{`time.format(1/0, "%Y")`, `bad argument #1 to 'format' (time: found +Inf; allowed are the years 1 to 9999)`},
		{`time.format(0/0, "%Y")`, `bad argument #1 to 'format' (time: found NaN; allowed are the years 1 to 9999)`},
		{`time.format(-1e12, "%Y")`, `bad argument #1 to 'format' (time: found -1e+12; allowed are the years 1 to 9999)`},
		{`time.format(0)`, `bad argument #2 to 'format' (layout: string expected, got no value)`},
		{`time.format(0, "2006-01-02")`, `bad argument #2 to 'format' (layout: no layout "2006-01-02"; allowed are http, rfc1123, rfc3339 and strings with directives such as %Y-%m-%d)`},
		{`time.format(0, "%Q")`, `bad argument #2 to 'format' (layout: no directive "%Q"; allowed are ` + letters + `)`},
		{`time.format(0, "%Y%")`, `bad argument #2 to 'format' (layout: the layout ends with %; a per cent sign is %%)`},
		{`time.format(0, ("%Y"):rep(200))`, `bad argument #2 to 'format' (layout: the layout has 400 bytes; allowed are 256)`},
		{`time.format(0, "http", "local")`, `bad argument #3 to 'format' (zone: the layout "http" is always in GMT)`},
		{`time.parse("x", "y")`, `bad argument #2 to 'parse' (layout: no layout "y"; allowed are http, rfc1123, rfc3339 and strings with directives such as %Y-%m-%d)`},
		{`time.parse({}, "%Y")`, `bad argument #1 to 'parse' (s: string expected, got table)`},
		{`time.sleep()`, `bad argument #1 to 'sleep' (seconds: number expected, got no value)`},
		{`time.sleep(-1)`, `bad argument #1 to 'sleep' (seconds: found -1; allowed are seconds from 0 on)`},
		{`time.sleep(1/0)`, `bad argument #1 to 'sleep' (seconds: found +Inf; allowed are seconds from 0 on)`},
		{`time.sleep(0/0)`, `bad argument #1 to 'sleep' (seconds: found NaN; allowed are seconds from 0 on)`},
	} {
		if _, err := world.Eval(t, row.call); err == nil || err.Error() != "main.lua:1: "+row.want {
			t.Errorf("%s: got %v, want %s", row.call, err, row.want)
		}
	}
}

// In a bubble of synctest the clock goes on only while all wait, and at once.
func TestAScriptSleepsWhereverItRuns(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, body, want string }{
		{"in a function", `time.sleep(2)`, "2"},
		{"for no time", `time.sleep(0)`, "0"},
		{"for part of a second", `time.sleep(0.25)`, "0.25"},
		{"in pcall", `assert(pcall(time.sleep, 1) and pcall(function() time.sleep(1) end))`, "2"},
		{"in a metamethod", `local t = setmetatable({}, { __index = function() time.sleep(1) return 1 end, __add = function() time.sleep(1) end }) local x = t.x, t + t`, "2"},
		{"in an iterator", `for i in function(_, i) time.sleep(1) return i < 2 and i + 1 or nil end, nil, 0 do end`, "3"},
		{"in the comparison of a sort", `local n = 0 table.sort({ 2, 1 }, function(a, b) if n == 0 then n = 1 time.sleep(1) end return a < b end)`, "1"},
		{"in the replacement of a gsub", `(("ab"):gsub(".", function() time.sleep(1) end))`, "2"},
		{"in a coroutine", `coroutine.wrap(function() time.sleep(1) coroutine.yield() end)()`, "1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				body := row.body
				if strings.HasPrefix(body, "(") {
					body = "local _ = " + body
				}
				got, err := world.Call(t, "local start = time.now() "+body+" return time.now() - start")
				if err != nil || got != row.want {
					t.Errorf("got %s, %v; want %s seconds", got, err, row.want)
				}
			})
		})
	}
}

func TestSleepingIsWaitingAndEndsWithItsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, ref := world.State(t, "keep(function() while true do pcall(time.sleep, 1) end end)")
		start := time.Now()
		s.Arm(vm.Limits{CPU: time.Minute, Wall: 3500 * time.Millisecond}, t.Context())
		err := s.Call(s.Func(ref), 0)
		if !errors.Is(err, vm.ErrBudget) || !strings.Contains(err.Error(), "it waited for more than 3.5s") {
			t.Errorf("got %v, want the end of the time for waiting", err)
		}
		if took := time.Since(start); took != 3500*time.Millisecond {
			t.Errorf("it took %v, want 3.5s", took)
		}
	})
}

func TestSleepingDoesNotCountAsRunning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // where running takes no time
		s, ref := world.State(t, "keep(function() for _ = 1, 1000 do time.sleep(1) end return 'done' end)")
		s.Arm(vm.Limits{CPU: time.Millisecond, Wall: time.Hour}, t.Context())
		if got, err := libtest.Text(s, s.Call(s.Func(ref), 1)); err != nil || got != "done" {
			t.Errorf("got %q, %v; want done", got, err)
		}
	})
}

func TestSleepingWhileAScriptLoadsEndsWithTheLimitOfTheLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for code, want := range map[string]string{
			"require('time').sleep(2)":   "",
			"require('time').sleep(1e9)": "main.lua:1: the budget of the script is used up: it waited for more than 3s",
		} {
			p, err := script.Compile("main.lua", []byte(code))
			if err != nil {
				t.Fatal(err)
			}
			b := vm.NewBuilder(stdlib.Open, vm.Options{Libraries: map[string]vm.Library{"time": luatime.Library{}}, Load: vm.Limits{Wall: 3 * time.Second}})
			if err := b.Run(p); want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
				t.Errorf("%s: got %v, want %q", code, err, want)
			}
		}
	})
}

func TestSleepingEndsWhenTheClientGoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, ref := world.State(t, "keep(function() pcall(time.sleep, 1e300) end)")
		gone := errors.New("the client is gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		s.Arm(vm.Limits{Wall: time.Hour}, ctx)
		start := time.Now()
		time.AfterFunc(time.Second, func() { cancel(gone) })
		if err := s.Call(s.Func(ref), 0); !errors.Is(err, gone) || errors.Is(err, vm.ErrBudget) {
			t.Errorf("got %v, want that the client is gone", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v, want 1s", took)
		}
	})
}

func TestAScriptCanNotWorkBeyondItsBudgetWithTimes(t *testing.T) {
	t.Parallel()
	world.EndWithTheBudget(t, map[string]string{
		"asking for the time":           `while true do time.now() end`,
		"sleeping for no time":          `while true do time.sleep(0) end`,
		"writing":                       `local l = ("%A"):rep(128) while true do time.format(0, l) end`,
		"reading":                       `while true do time.parse("2026-05-04T10:00:00Z", "rfc3339") end`,
		"reading what is refused":       `local s, l = ("9"):rep(500), ("%s"):rep(100) while true do time.parse(s, l) end`,
		"asking for zones there are":    `while true do time.format(0, "%Z", "Asia/Tokyo") end`,
		"asking for zones there aren't": `local i = 0 while true do i = i + 1 time.format(0, "%Z", "zone" .. i) end`,
	})
}

func FuzzATimeThatIsReadIsWrittenTheSame(f *testing.F) {
	for _, seed := range [][2]string{
		{"2026-05-04 10:00:00.250000", "%Y-%m-%d %H:%M:%S.%f"},
		{"2026-05-04T10:00:00Z", "rfc3339"},
		{"Mon, 04 May 2026 10:00:00 GMT", "http"},
		{"May 04 12:30 AM +0200", "%b %d %I:%M %p %z"},
		{"2024-366", "%Y-%j"},
		{"-1%", "%s%%"},
		{" 4.05.26", "%e.%m.%y"},
		{"", "%"},
	} {
		f.Add(seed[0], seed[1])
	}
	s, ref := world.State(f, `keep(function(text, layout)
		local ok, at = pcall(time.parse, text, layout)
		if not ok or not at then return "" end
		local again = time.format(at, layout)
		local back, err = time.parse(again, layout)
		return ("%s %s %s"):format(at, tostring(back), again)
	end)`)
	f.Fuzz(func(t *testing.T, text, layout string) {
		s.Arm(vm.Limits{CPU: time.Minute}, context.Background())
		got, err := libtest.Text(s, s.Call(s.Func(ref), 1, lua.LString(text), lua.LString(layout)))
		if err != nil {
			t.Fatal(err)
		}
		// Layouts that say each thing once read back what they wrote.
		for c := range strings.SplitSeq(layout, "%") {
			if len(c) > 0 && strings.Count(layout, "%"+c[:1]) > 1 {
				return
			}
		}
		var at, back float64
		if strings.ContainsAny(layout, "sIpjyzZFTRe") || got == "" {
			return
		}
		if n, _ := fmt.Sscan(got, &at, &back); n != 2 || at != back {
			t.Fatalf("%q with %q: %s", text, layout, got)
		}
	})
}
