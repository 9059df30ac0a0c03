package policy

import (
	"strconv"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/key"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/split"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var splitBinding = Binding{Make: makeSplit, Doc: vm.Doc{
	Name: "split", Args: "options: luaroute.SplitOptions", Returns: "luaroute.Action",
	Text: "divides requests among pools or actions, as an [action](balance.md#splits)",
}}

var splitOptions = vm.Class{
	Name: "luaroute.SplitOptions", Link: "balance.md#splits", Text: "the parts of `route.split` as a list, and its options", Keys: "[number]: luaroute.SplitPart",
	Fields: []vm.Doc{
		{Name: "name", Type: "string?", Text: "splits of different names divide the same clients differently; each of a tenant has another one. Default: the name of the first part"},
		{Name: "by", Type: `"random"|"client_ip"|string|string[]|nil`, Text: "what requests are told apart by, a [key](limits.md#keys), or `random`. Requests that lack it are divided by chance. Default: `client_ip`"},
		{Name: "sticky", Type: "luaroute.SplitCookie?", Text: "keeps clients where they went first, by a [cookie](#sticky-clients). Default: none"},
		{Name: "when_down", Type: `"others"|"fail"|nil`, Text: "where a pool has no upstream that is available: the other parts take its requests, or they fail. Default: `fail`"},
	},
}

var splitPart = vm.Class{
	Name: "luaroute.SplitPart", Link: "balance.md#splits", Text: "a part of a split: `{ handler, weight }`", Keys: "[number]: luaroute.Handler|number",
	Fields: []vm.Doc{
		{Name: "name", Type: "string?", Text: "the variant, in explanations and logs. Default: the name of the pool, or the place of the part"},
	},
}

var splitCookie = vm.Class{
	Name: "luaroute.SplitCookie", Link: "balance.md#sticky-clients", Text: "a cookie that keeps clients where they went first",
	Fields: []vm.Doc{
		{Name: "cookie", Type: "string", Text: "its name"},
		{Name: "ttl", Type: "luaroute.Duration?", Text: "how long it lasts, at least a second. Default: until the browser is closed"},
		{Name: "secret", Type: "string?", Text: "16 bytes or more, of which values are made that no client can make up, the same on all servers with this secret. Default: the value is the place of the part"},
	},
}

var splitClasses = []vm.Class{splitOptions, splitPart, splitCookie}

const (
	// splitSteps is the cost of a split, which is a table of 10,000 shares.
	splitSteps = 2000
	// maxSplits is how many an isolated tenant may have: each is 10 KB.
	maxSplits = 100
)

// actionType is the metatable of policies that are actions.
var actionType = func() *lua.LTable {
	t := new(lua.LState).CreateTable(0, 1)
	t.RawSetString("__metatable", lua.LString("action"))
	return t
}()

// makeSplit is route.split{ { handler, weight }, …, <options> }.
func makeSplit(l *Load, L *lua.LState) int {
	const what = "route.split"
	list, named := listed(L, what, L.CheckTable(1))
	o := option.Of(L, what, named, &splitOptions)
	vm.Spend(L, splitSteps)
	if l.splits++; l.Capabilities != nil && l.splits > maxSplits {
		L.RaiseError("%s: there are more than %d in the scripts of this tenant", what, maxSplits)
	}
	options := split.Options{Name: o.Text("name"), By: l.splitKey(o)}
	for i, v := range list {
		options.Parts = append(options.Parts, l.splitPart(L, i+1, v))
	}
	switch how := o.Text("when_down"); how {
	case "", "fail":
	case "others":
		options.Others = true
	default:
		o.Fail("when_down", "others or fail")
	}
	if c, ok := o.In("sticky", &splitCookie); ok {
		options.Sticky = &split.Sticky{Cookie: c.Text("cookie"), TTL: time.Duration(c.Duration("ttl")), Secret: c.Text("secret")}
		if c.Has("secret") && options.Sticky.Secret == "" {
			c.Fail("secret", "16 bytes or more")
		}
	}
	options.At = l.Here(L, "split", "")
	made, err := split.New(options)
	o.Check(err)
	l.Name(L, "split", made.Name())
	L.Push(&lua.LUserData{Value: hook.Action{Action: made}, Metatable: actionType})
	return 1
}

// listed takes a table of options apart: its list, and the rest.
func listed(L *lua.LState, what string, t *lua.LTable) ([]lua.LValue, *lua.LTable) {
	var list []lua.LValue
	named := new(lua.LState).CreateTable(0, 4)
	for i := 1; i <= t.Len(); i++ {
		list = append(list, t.RawGetInt(i))
	}
	t.ForEach(func(k, v lua.LValue) {
		if n, ok := k.(lua.LNumber); !ok {
			named.RawSet(k, v)
		} else if n < 1 || int(n) > t.Len() || lua.LNumber(int(n)) != n {
			L.RaiseError("%s: the key %s has no place in the list", what, n)
		}
	})
	return list, named
}

// splitKey returns what the option by says, nil for chance.
func (l *Load) splitKey(o option.Table) *key.Key {
	words := o.Texts("by")
	if o.Has("by") && len(words) == 0 {
		o.Fail("by", "a key, a list of keys, or random")
	}
	k, err := split.By(words)
	o.Check(err)
	if k != nil {
		l.mayRead(o, k.Variables())
	}
	return k
}

// splitPart returns the part that an element of the list is.
func (l *Load) splitPart(L *lua.LState, place int, v lua.LValue) split.Part {
	what := "route.split: part " + strconv.Itoa(place)
	t, ok := v.(*lua.LTable)
	if !ok {
		L.RaiseError(`%s is %s; expected a table such as { "pool", 90 }`, what, option.Found(v))
	}
	list, named := listed(L, what, t)
	o := option.Of(L, what, named, &splitPart)
	if len(list) != 2 {
		L.RaiseError(`%s has %d values; expected two, as in { "pool", 90 }`, what, len(list))
	}
	weight, ok := list[1].(lua.LNumber)
	if !ok {
		L.RaiseError("%s: the weight is %s; expected a number", what, option.Found(list[1]))
	}
	p := split.Part{Name: o.Text("name"), Action: l.Action(L, list[0]), Weight: float64(weight)}
	if p.Name != "" {
		return p
	}
	p.Name = strconv.Itoa(place)
	switch a := p.Action.(type) {
	case chiproxy.Proxy:
		p.Name = a.Pool
	case *split.Split:
		p.Name = a.Describe().Text
	}
	return p
}
