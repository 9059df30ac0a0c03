// Package time is the library `time` for scripts. Times are numbers: seconds since 1970, with a fraction to the microsecond.
// Its bindings describe its functions.
//
// A layout is "rfc3339" (2026-05-04T10:00:00Z), "http" or "rfc1123" (Mon, 04 May 2026 10:00:00 GMT), or a string with
// directives:
//
//	%Y %m %d      year of four digits, month, day        %H %M %S %f  hour, minute, second, microseconds
//	%y %e %j      year of two digits, day with a blank   %I %p        hour of twelve, AM or PM
//	              for a zero, day of the year            %s           seconds since 1970
//	%b %B %a %A   names of months and weekdays           %z %Z        +0200, UTC
//	%F %T %R      %Y-%m-%d, %H:%M:%S, %H:%M              %%           a percent sign
//
// A zone is "UTC" (the default), "local", an offset such as "+02:00" or a name such as "Europe/Berlin". parse needs it where
// the string has none. What a string leaves out is taken from 1970-01-01 00:00:00.
//
// sleep delays its own request only, works wherever Lua runs, and counts as waiting, not as running. At the limit for waiting, or
// when the client leaves, the request ends.
package time

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/caddyserver/caddy/v2"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/interrupt"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// sleepSteps and textSteps are the fixed cost of a call.
	sleepSteps = 50
	textSteps  = 20
	// bytesPerStep is the work of one step of a budget.
	bytesPerStep = 1
	// perLayoutByte is how many bytes a byte of a layout makes, in most.
	perLayoutByte = 4
	// earliest and latest are the first second of the year 1 and the last one of the year 9999.
	earliest, latest = -62135596800, 253402300799
)

func init() {
	caddy.RegisterModule(Library{})
}

// Library is `require("time")` of scripts: the time, formats and zones, and waiting. It has no configuration.
type Library struct{}

// CaddyModule returns the Caddy module information.
func (Library) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "luaroute.libs.time", New: func() caddy.Module { return new(Library) }}
}

// Open returns the library's table.
func (Library) Open(*lua.LState) lua.LValue { return bindings.Table() }

// Docs describes what is in it.
func (Library) Docs() []vm.Doc { return bindings.Docs() }

var bindings = vm.Bindings{
	{Fn: now, Doc: vm.Doc{
		Name: "now", Returns: "number",
		Text: "the time, to the microsecond. To measure how long something takes, use `os.clock()`, which does not jump when the clock is set",
	}},
	{Fn: sleep, Doc: vm.Doc{
		Name: "sleep", Args: "seconds: number",
		Text: "waits. Only this request waits; it counts against the limit `wall`, not `cpu`, and ends when the client leaves",
	}},
	{Fn: format, Doc: vm.Doc{
		Name: "format", Args: "time: number, layout: string, zone?: string", Returns: "string? formatted, string? err",
		Text: "the time as a string; `nil, error` if there is no such zone",
	}},
	{Fn: parse, Doc: vm.Doc{
		Name: "parse", Args: "s: string, layout: string, zone?: string", Returns: "number? time, string? err",
		Text: "the time in a string, or `nil, error`",
	}},
}

// now is time.now().
func now(L *lua.LState) int {
	L.Push(seconds(vm.Of(L).Now()))
	return 1
}

// seconds returns a time as scripts have it.
func seconds(t time.Time) lua.LNumber { return lua.LNumber(t.UnixMicro()) / 1e6 }

// sleep is time.sleep(seconds).
func sleep(L *lua.LState) int {
	n := float64(L.CheckNumber(1))
	if n != n || n < 0 || math.IsInf(n, 1) {
		L.ArgError(1, fmt.Sprintf("found %v; allowed are seconds from 0 on", n))
	}
	duration := time.Duration(math.MaxInt64)
	if n < duration.Seconds() {
		duration = time.Duration(n * float64(time.Second))
	}
	vm.Spend(L, sleepSteps)
	if err := vm.Of(L).Wait(func(ctx context.Context) error { return interrupt.Sleep(ctx, duration) }); err != nil {
		vm.Throw(L, err)
	}
	return 0
}

// format is time.format(time, layout, zone).
func format(L *lua.LState) int {
	n, layout := float64(L.CheckNumber(1)), checkLayout(L, 0)
	if !(n >= earliest && n <= latest) {
		L.ArgError(1, fmt.Sprintf("found %v; allowed are the years 1 to 9999", n))
	}
	zone, err := location(L, 3)
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	whole := math.Floor(n)
	at := time.Unix(int64(whole), int64(math.Round((n-whole)*1e6))*1000)
	text := layout.format(at.In(zone))
	L.Push(lua.LString(text))
	return 1
}

// parse is time.parse(s, layout, zone).
func parse(L *lua.LState) int {
	text := L.CheckString(1)
	layout := checkLayout(L, len(text))
	if len(text) > maxText {
		return vm.Fail(L, fmt.Sprintf("time: the string has %d bytes; allowed are %d", len(text), maxText))
	}
	zone, err := location(L, 3)
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	at, err := layout.parse(text, zone)
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	if n := at.Unix(); n < earliest || n > latest {
		return vm.Fail(L, fmt.Sprintf("time: found %s; allowed are the years 1 to 9999", short(text)))
	}
	L.Push(seconds(at))
	return 1
}

// checkLayout returns the layout that the second argument is, once the work with it is counted: it may read so many bytes.
func checkLayout(L *lua.LState, reads int) layout {
	text := L.CheckString(2)
	vm.Spend(L, textSteps+(min(reads, maxText)+perLayoutByte*min(len(text), maxLayout))/bytesPerStep)
	l, err := layoutOf(text)
	if err != nil {
		L.ArgError(2, err.Error())
	}
	if l.gmt && L.Get(3) != lua.LNil {
		L.ArgError(3, fmt.Sprintf("the layout %q is always in GMT", L.CheckString(2)))
	}
	return l
}

// Interface guards
var _ vm.Documented = Library{}
