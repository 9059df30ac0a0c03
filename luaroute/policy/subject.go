package policy

import (
	"fmt"

	"github.com/dustin/go-humanize"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
)

// What limits and concurrencies have in common.

const keyType = `"all"|"client_ip"|"host"|"route"|"tenant"|string|string[]|(fun(req: luaroute.Request): string|number|nil)`

// keyOf returns what the option key says: words, or a function.
func (l *Load) keyOf(o option.Table) (words []string, fn *hook.Value) {
	f, ok := o.Value("key").(*lua.LFunction)
	if !ok {
		return o.Texts("key"), nil
	}
	return nil, l.VMs.Value(l.Keep(o.L, f))
}

// keyBy returns a function for the key of a limit, nil for one that has words.
func keyBy(fn *hook.Value) func(*chiproxy.Exchange) (string, bool, error) {
	if fn == nil {
		return nil
	}
	return func(ex *chiproxy.Exchange) (key string, has bool, err error) {
		err = fn.Of(ex, func(v lua.LValue) (err error) {
			key, has, err = keyText(v)
			return err
		})
		return key, has, err
	}
}

// keyText returns the key that a value is, and whether it is one.
func keyText(v lua.LValue) (key string, has bool, err error) {
	switch v := v.(type) {
	case *lua.LNilType:
		return "", false, nil
	case lua.LString, lua.LNumber:
		return v.String(), true, nil
	}
	return "", false, fmt.Errorf("the key is %s; expected a string, a number, or nil for none", option.Found(v))
}

// keyArgument returns the key that an argument of a method is.
func keyArgument(L *lua.LState) (key string, has bool) {
	key, has, err := keyText(L.Get(2))
	if err != nil {
		L.RaiseError("%s", err)
	}
	return key, has
}

// guards returns those of the option when.
func (l *Load) guards(o option.Table) []chiproxy.Guard {
	if !o.Has("when") {
		return nil
	}
	return l.Guards(o.L, o.Value("when"))
}

// body makes refusals say what the option body is: text, or a table that becomes JSON.
func body(o option.Table, status int, set func(static.Respond)) {
	if !o.Has("body") {
		return
	}
	answer, err := hook.Response(o.L, lua.LNumber(status), o.Value("body"), lua.LNil)
	o.Check(err)
	set(answer)
}

// mayRead raises an error if an isolated tenant's key reads a variable that it may not.
func (l *Load) mayRead(o option.Table, variables []string) {
	for _, name := range variables {
		o.Check(l.Capabilities.Placeholder("http.vars." + name))
	}
}

// maxLimits is how many limits and concurrencies an isolated tenant may have: each is a few series in metrics.
const maxLimits = 100

// counted adds a policy to those of an isolated tenant, whose keys must fit into its memory together.
func (l *Load) counted(o option.Table, keys int) {
	if l.Capabilities == nil {
		return
	}
	if l.limits++; l.limits > maxLimits {
		o.Check(fmt.Errorf("there are more than %d limits and concurrencies in the scripts of this tenant", maxLimits))
	}
	if l.held += limit.Memory(keys); l.held > l.Memory {
		o.Check(fmt.Errorf("the keys of this tenant's limits may take %s; expected at most its memory, %s: lower max_keys",
			humanize.IBytes(uint64(l.held)), humanize.IBytes(uint64(l.Memory))))
	}
}

// usualKeys is how many keys a limit of an isolated tenant has where it does not say: a sixteenth of its memory, but not more than others.
func (l *Load) usualKeys() int {
	if l.Capabilities == nil {
		return limit.DefaultKeys
	}
	return int(min(limit.DefaultKeys, max(1, l.Memory/16/limit.Memory(1))))
}
