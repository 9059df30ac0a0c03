package declare

import (
	"time"

	"github.com/caddyserver/caddy/v2"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
)

// limits returns the limits that a tenant sets: { cpu =, wall =, memory =, total_memory =, body =, vms =, streams =, queue = }.
func (o options) limits(name string) config.Limits {
	t := o.sub(name)
	if t == nil {
		return config.Limits{}
	}
	l := fields(o.L, o.what+": "+name, t, &tenantLimits)
	return config.Limits{
		CPU: l.duration("cpu"), Wall: l.duration("wall"), Memory: l.size("memory"), TotalMemory: l.size("total_memory"),
		Body: l.size("body"), VMs: l.count("vms"), Streams: l.count("streams"), Queue: l.duration("queue"),
	}
}

// duration returns a duration, 0 if it is missing.
func (o options) duration(name string) caddy.Duration {
	const most = 1e9 // seconds, far below what overflows
	switch v := o.table.RawGetString(name).(type) {
	case *lua.LNilType:
		return 0
	case lua.LNumber:
		if d := time.Duration(v * lua.LNumber(time.Second)); v <= most && d > 0 {
			return caddy.Duration(d)
		}
	case lua.LString:
		if d, err := time.ParseDuration(string(v)); err == nil && d > 0 {
			return caddy.Duration(d)
		}
	}
	o.fail(name, `a number of seconds above 0, or a string such as "100ms"`)
	return 0
}

// size returns a number of bytes, 0 if it is missing.
func (o options) size(name string) config.Size {
	switch v := o.table.RawGetString(name).(type) {
	case *lua.LNilType:
		return 0
	case lua.LNumber:
		if n := config.Size(v); v < 1<<53 && lua.LNumber(n) == v && n > 0 {
			return n
		}
	case lua.LString:
		if n, err := config.ParseSize(string(v)); err == nil && n > 0 && n < 1<<53 {
			return n
		}
	}
	o.fail(name, `a number of bytes above 0, or a string such as "1MiB"`)
	return 0
}

// count returns a whole number above 0, or 0 if it is missing.
func (o options) count(name string) int {
	n := o.integer(name)
	if n < 0 || n == 0 && o.table.RawGetString(name) != lua.LNil {
		o.fail(name, "a whole number above 0")
	}
	return n
}
