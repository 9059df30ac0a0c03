package stdlib

import "testing"

func TestTheOsLibraryTellsTheTime(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ expr, want string }{
		{`os.date("!%Y-%m-%d %H:%M:%S", 0)`, "1970-01-01 00:00:00"},
		{`os.date("!%c", 86400 * 3)`, "Sun Jan  4 00:00:00 1970"},
		{`os.date("!%a %A %b %B %d %I %p %x %X %y %%", 1700000000)`, "Tue Tuesday Nov November 14 10 PM 11/14/23 22:13:20 23 %"},
		{`os.date("!%j %U %W %w", 1700000000)`, "318 46 46 2"},
		{`os.date("!%j %U %W", 1704067200)`, "001 00 01"},
		{`os.date("!%q%", 0)`, "%q%"},
		{`os.date("!%u %V %G %g %C", 1700000000)`, "2 46 2023 23 20"},
		{`os.date("!%u %V %G %g", 1704067200 - 86400)`, "7 52 2023 23"}, // 31 December 2023
		{`os.date("!%u %V %G %g", 1609459200)`, "5 53 2020 20"},         // 1 January 2021
		{`os.date("!*t", 1700000000).yday`, "318"},
		{`os.date("!*t", 1700000000).wday`, "3"},
		{`tostring(os.date("!*t", 0).isdst)`, "false"},
		{`os.time(os.date("*t", 1700000000))`, "1700000000"},
		{`os.time({ year = 2020, month = 1, day = 2 }) - os.time({ year = 2020, month = 1, day = 1, hour = 12 })`, "86400"},
		{`os.time({ year = "2020", month = 13, day = 1 }) - os.time({ year = 2021, month = 1, day = 1 })`, "0"},
		{`os.difftime(5, 2)`, "3"},
		{`tostring(os.clock() >= 0 and os.time() > 1700000000)`, "true"},
		{`select(2, pcall(os.time, { year = 2020 }))`, "field 'month' missing in date table"},
		{`select(2, pcall(os.date, "%Y", 1e300))`, "bad argument #2 to '?' (the time is out of range)"},
	} {
		t.Run(test.expr, func(t *testing.T) {
			t.Parallel()
			if got, err := eval(t, "return "+test.expr); err != nil || got != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}
