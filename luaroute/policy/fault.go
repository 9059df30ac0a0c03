package policy

import (
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/fault"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var faultBinding = Binding{Make: makeFault, Doc: vm.Doc{
	Name: "fault", Args: "options: luaroute.FaultOptions", Returns: "luaroute.Policy",
	Text: "makes requests [fail or wait](policies.md#faults), for tests of clients",
}}

var faultOptions = vm.Class{
	Name: "luaroute.FaultOptions", Link: "policies.md#faults", Text: "the options of `route.fault`", Fields: []vm.Doc{
		{Name: "percent", Type: "number?", Text: "the share of the requests, 0 to 100, which are drawn by chance. Default: 100"},
		{Name: "status", Type: "number?", Text: "the error that they are answered with, 400 to 599. Default: they pass"},
		{Name: "delay", Type: "luaroute.Duration?", Text: "how long they wait before. Default: not at all"},
		{Name: "when", Type: "luaroute.Guard?", Text: "only requests that the guard allows. Default: all"},
	},
}

// isolatedDelay is how long requests of an isolated tenant may wait: each keeps its place meanwhile.
const isolatedDelay = 30 * time.Second

// makeFault is route.fault{…}.
func makeFault(l *Load, L *lua.LState) int {
	o := option.Of(L, "route.fault", L.CheckTable(1), &faultOptions)
	p, err := fault.New(fault.Options{
		Percent: o.Number("percent", 100), Status: o.Integer("status"), Delay: time.Duration(o.Duration("delay")),
		When: l.guards(o), At: l.Here(L, "fault", ""),
	})
	o.Check(err)
	if l.Capabilities != nil && p.Delay > isolatedDelay {
		o.Fail("delay", "at most "+isolatedDelay.String())
	}
	return push(L, p)
}
