package policy

import (
	"cmp"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/mirror"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var mirrorBinding = Binding{Make: makeMirror, Doc: vm.Doc{
	Name: "mirror", Args: "options: luaroute.MirrorOptions", Returns: "luaroute.Policy",
	Text: "sends [copies of requests](balance.md#mirrors) to another pool",
}}

var mirrorOptions = vm.Class{
	Name: "luaroute.MirrorOptions", Link: "balance.md#mirrors", Text: "the options of `route.mirror`", Fields: []vm.Doc{
		{Name: "to", Type: "luaroute.PoolName", Text: "the pool that gets the copies"},
		{Name: "percent", Type: "number?", Text: "the share of the requests that are copied, by chance, 0 to 100. Default: 100"},
		{Name: "when", Type: "luaroute.Guard?", Text: "copies only requests that the guard allows"},
		{Name: "body", Type: "luaroute.Size?", Text: "the largest body that is copied, at most 1 MiB. Default: 64 KiB"},
		{Name: "timeout", Type: "luaroute.Duration?", Text: "when a copy and its answer are given up. Default: 10 seconds"},
		{Name: "inflight", Type: "number?", Text: "how many copies there may be at once, at most 10,000; others are dropped. Default: 100"},
		{Name: "headers", Type: "luaroute.HeaderOperations?", Text: "changes of the header of copies. Default: none but `X-Mirrored: 1`"},
	},
}

const (
	maxMirrorBody = 1 << 20
	maxInFlight   = 10_000
)

// makeMirror is route.mirror{…}.
func makeMirror(l *Load, L *lua.LState) int {
	return push(L, l.mirror(L, option.Of(L, "route.mirror", L.CheckTable(1), &mirrorOptions)))
}

// Mirror returns the mirror that is an option of route.proxy: the name of a pool, or a table. It is nil for none.
func (l *Load) Mirror(L *lua.LState, o option.Table) chiproxy.Middleware {
	if !o.Has("mirror") {
		return nil
	}
	own := o
	if name, ok := o.Value("mirror").(lua.LString); ok {
		t := L.CreateTable(0, 1)
		t.RawSetString("to", name)
		own = option.Of(L, o.What+": mirror", t, &mirrorOptions)
	} else {
		own, _ = o.In("mirror", &mirrorOptions)
	}
	return l.mirror(L, own)
}

func (l *Load) mirror(L *lua.LState, o option.Table) *mirror.Mirror {
	m := mirror.Options{
		To: o.Text("to"), Percent: o.Number("percent", 100), When: l.guards(o),
		Body:     int64(cmp.Or(o.Size("body"), 64<<10)),
		Timeout:  cmp.Or(time.Duration(o.Duration("timeout")), 10*time.Second),
		InFlight: cmp.Or(o.Count("inflight"), 100),
		Headers:  HeaderOps(o, "headers", hook.HeaderOf, field.Check),
		At:       l.Here(L, "mirror", ""),
	}
	switch {
	case m.Body > maxMirrorBody:
		o.Fail("body", "1 MiB or less")
	case m.InFlight > maxInFlight:
		o.Fail("inflight", "10,000 or less")
	}
	m.Counts = l.Counts.Mirror(m.To)
	made, err := mirror.New(m)
	o.Check(err)
	return made
}
