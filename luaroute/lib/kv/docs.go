package kv

import (
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var valueClass = vm.Class{
	Name: "kv.Value", Alias: "string|number|boolean|table",
	Text: "what can be kept: a string, a number, a boolean, or a table of such, at most 100 deep",
}

var incrClass = vm.Class{Name: "kv.IncrOptions", Text: "how `kv.incr` makes a number that is not there", Fields: []vm.Doc{
	{Name: "init", Type: "number?", Text: "where it begins; by default 0"},
	{Name: "ttl", Type: "number?", Text: "how many seconds it lasts; by default forever"},
}}

var fetchClass = vm.Class{Name: "kv.FetchOptions", Text: "how long `kv.fetch` keeps what a function returns", Fields: []vm.Doc{
	{Name: "ttl", Type: "number?", Text: "how many seconds a value is good for; by default forever"},
	{Name: "negative", Type: "number?", Text: "how many seconds `nil` is; by default it is not kept"},
	{Name: "stale", Type: "number?", Text: "for how many seconds more an old value is returned, if the function fails; by default none"},
}}

// incrOptions reads the options of incr.
func incrOptions(L *lua.LState, t *lua.LTable) (init float64, ttl time.Duration) {
	o := option.Of(L, "kv.incr", t, &incrClass)
	return o.Number("init", 0), optionTTL(o, "ttl")
}

// optionTTL reads an option that is a time in seconds, 0 if it is missing.
func optionTTL(o option.Table, name string) time.Duration {
	v := o.Value(name)
	if v == lua.LNil {
		return 0
	}
	n, ok := v.(lua.LNumber)
	if !ok || !(n >= leastTTL) {
		o.Fail(name, fmt.Sprintf("at least %v seconds", leastTTL))
	}
	return seconds(float64(n))
}

var bindings = vm.Bindings{
	{Fn: get, Doc: vm.Doc{
		Name: "get", Args: "key: string", Returns: "kv.Value? value, string? err", Fails: true,
		Text: "the value, or `nil` if there is none",
	}},
	{Fn: write("set", kv.Set), Doc: vm.Doc{
		Name: "set", Args: "key: string, value: kv.Value, ttl?: number", Returns: "boolean? ok, string? err", Fails: true, Effect: true,
		Text: "writes a value, which lasts for `ttl` seconds, a fraction is fine, or forever",
	}},
	{Fn: write("add", kv.Add), Doc: vm.Doc{
		Name: "add", Args: "key: string, value: kv.Value, ttl?: number", Returns: "boolean? added, string? err", Fails: true,
		Text: "the same if there is no value; `false` if there is one",
	}},
	{Fn: write("replace", kv.Replace), Doc: vm.Doc{
		Name: "replace", Args: "key: string, value: kv.Value, ttl?: number", Returns: "boolean? replaced, string? err", Fails: true,
		Text: "the same if there is a value; `false` if there is none",
	}},
	{Fn: cas, Doc: vm.Doc{
		Name: "cas", Args: "key: string, old: kv.Value|nil, new: kv.Value|nil, ttl?: number", Returns: "boolean? swapped, string? err", Fails: true,
		Text: "writes `new` if the value equals `old`, else it is `false`; an `old` of `nil` says that there must be none, a `new` of `nil` deletes",
	}},
	{Fn: incr, Doc: vm.Doc{
		Name: "incr", Args: "key: string, by?: number, options?: kv.IncrOptions", Returns: "number? value, string? err", Fails: true, Effect: true,
		Text: "adds `by`, or 1, and returns the new number. `init` and `ttl` of the options count only if this call makes it: in the same step",
	}},
	{Fn: remove, Doc: vm.Doc{
		Name: "delete", Args: "key: string", Returns: "boolean? deleted, string? err", Fails: true, Effect: true,
		Text: "removes a value; whether there was one",
	}},
	{Fn: expire, Doc: vm.Doc{
		Name: "expire", Args: "key: string, ttl?: number", Returns: "boolean? found, string? err", Fails: true, Effect: true,
		Text: "lets a value last for `ttl` seconds from now, or forever; whether there is one",
	}},
	{Fn: ttl, Doc: vm.Doc{
		Name: "ttl", Args: "key: string", Returns: "number? seconds, string? err", Fails: true,
		Text: "how long a value lasts, `math.huge` for forever, `nil` if there is none",
	}},
	{Fn: keys, Doc: vm.Doc{
		Name: "keys", Args: "prefix?: string, limit?: number", Returns: "string[]? keys, boolean|string more",
		Text: "the keys that begin with a prefix, 100 or `limit` of at most 1000, and whether there are more. For people, not for requests: it looks at all keys",
	}},
	{Fn: fetch, Doc: vm.Doc{
		Name: "fetch", Args: "key: string, options: kv.FetchOptions, fn: fun(): (kv.Value? value, any err)", Returns: "kv.Value? value, string? err", Fails: true,
		Text: "the value, or what `fn()` returns, which is kept. One caller at a time runs it for a key in this process, the others wait for what it returns",
	}},
}
