package stdlib

import (
	"fmt"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// osLibrary is the part of the os library that deals with time only.
var osLibrary = map[string]lua.LGFunction{
	"clock":    osClock,
	"date":     osDate,
	"difftime": osDifftime,
	"time":     osTime,
}

// started is when os.clock began to count.
var started = time.Now()

// maxTime is the largest time that os.date takes: that of the year 9999 in seconds since 1970.
const maxTime = 253402300799

// maxDateFormat is the length of the longest format of os.date, in bytes.
const maxDateFormat = 4096

func osClock(L *lua.LState) int {
	L.Push(lua.LNumber(time.Since(started).Seconds()))
	return 1
}

func osDifftime(L *lua.LState) int {
	earlier := 0.0
	if L.Get(2) != lua.LNil {
		earlier = value.CheckNumber(L, 2)
	}
	L.Push(lua.LNumber(value.CheckNumber(L, 1) - earlier))
	return 1
}

// osTime is os.time: now, or the time that a table describes, in seconds since 1970.
func osTime(L *lua.LState) int {
	if L.Get(1) == lua.LNil {
		L.Push(lua.LNumber(vm.Of(L).Now().Unix()))
		return 1
	}
	table := L.CheckTable(1)
	field := func(name string, otherwise int) int {
		switch v := table.RawGetString(name).(type) {
		case lua.LNumber:
			return int(value.Integer(float64(v)))
		case lua.LString:
			if n, ok := value.ParseNumber(string(v), 10); ok {
				return int(value.Integer(n))
			}
		}
		if otherwise < 0 {
			L.RaiseError("field '%s' missing in date table", name)
		}
		return otherwise
	}
	at := time.Date(field("year", -1), time.Month(field("month", -1)), field("day", -1),
		field("hour", 12), field("min", 0), field("sec", 0), 0, time.Local)
	L.Push(lua.LNumber(at.Unix()))
	return 1
}

// osDate is os.date. The names of days and months are those of the C locale.
func osDate(L *lua.LState) int {
	format, at := "%c", vm.Of(L).Now()
	if L.Get(1) != lua.LNil {
		format = L.CheckString(1)
	}
	if L.Get(2) != lua.LNil {
		seconds := value.Integer(value.CheckNumber(L, 2))
		if seconds > maxTime || seconds < -maxTime {
			L.ArgError(2, "the time is out of range")
		}
		at = time.Unix(seconds, 0)
	}
	if rest, utc := strings.CutPrefix(format, "!"); utc {
		format, at = rest, at.UTC()
	}
	if strings.HasPrefix(format, "*t") {
		L.Push(dateTable(at))
		return 1
	}
	if len(format) > maxDateFormat {
		L.ArgError(1, "the format is too long")
	}
	vm.ChargeString(L, len(format)*16)
	vm.Spend(L, len(format)*2)
	L.Push(lua.LString(formatTime(format, at)))
	return 1
}

func dateTable(at time.Time) *lua.LTable {
	table := gopher.NewTable(0, 9)
	for name, n := range map[string]int{
		"year": at.Year(), "month": int(at.Month()), "day": at.Day(), "hour": at.Hour(), "min": at.Minute(),
		"sec": at.Second(), "wday": int(at.Weekday()) + 1, "yday": at.YearDay(),
	} {
		table.RawSetString(name, lua.LNumber(n))
	}
	table.RawSetString("isdst", lua.LBool(at.IsDST()))
	return table
}

// layouts are the directives of strftime that Go's layouts know.
var layouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006", 'd': "02", 'D': "01/02/06", 'e': "_2",
	'F': "2006-01-02", 'h': "Jan", 'H': "15", 'I': "03", 'm': "01", 'M': "04", 'p': "PM", 'r': "03:04:05 PM", 'R': "15:04", 'S': "05",
	'T': "15:04:05", 'x': "01/02/06", 'X': "15:04:05", 'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST",
}

// formatTime is strftime.
func formatTime(format string, at time.Time) string {
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			out.WriteByte(format[i])
			continue
		}
		i++
		c := format[i]
		switch layout, ok := layouts[c]; {
		case c == 'Z' && at.Location() == time.UTC:
			out.WriteString("GMT") // as C calls it
		case ok:
			out.WriteString(at.Format(layout))
		case c == 'j':
			fmt.Fprintf(&out, "%03d", at.YearDay())
		case c == 'w':
			fmt.Fprint(&out, int(at.Weekday()))
		case c == 'U': // the week of the year; the first Sunday begins the first one
			fmt.Fprintf(&out, "%02d", (at.YearDay()+6-int(at.Weekday()))/7)
		case c == 'W': // the same with Mondays
			fmt.Fprintf(&out, "%02d", (at.YearDay()+6-(int(at.Weekday())+6)%7)/7)
		case c == 'G' || c == 'g' || c == 'V': // the week of ISO 8601, and the year that it is one of
			year, week := at.ISOWeek()
			switch c {
			case 'G':
				fmt.Fprint(&out, year)
			case 'g':
				fmt.Fprintf(&out, "%02d", year%100)
			default:
				fmt.Fprintf(&out, "%02d", week)
			}
		case c == 'u':
			fmt.Fprint(&out, (int(at.Weekday())+6)%7+1)
		case c == 'C':
			fmt.Fprintf(&out, "%02d", at.Year()/100)
		case c == 'n':
			out.WriteByte('\n')
		case c == 't':
			out.WriteByte('\t')
		case c == 's':
			fmt.Fprint(&out, at.Unix())
		case c == '%':
			out.WriteByte('%')
		default:
			out.WriteString(format[i-1 : i+1])
		}
	}
	return out.String()
}
