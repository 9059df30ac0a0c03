package policy

import (
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/timeout"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var timeoutBinding = Binding{Make: makeTimeout, Doc: vm.Doc{
	Name: "timeout", Args: "after: luaroute.Duration, options?: luaroute.TimeoutOptions", Returns: "luaroute.Policy",
	Text: "answers 504 where the header of the response has not left [in time](policies.md#timeouts)",
}}

var timeoutOptions = vm.Class{
	Name: "luaroute.TimeoutOptions", Link: "policies.md#timeouts", Text: "the options of `route.timeout`", Fields: []vm.Doc{
		{Name: "body", Type: "boolean?", Text: "whether the body, the stream or the WebSocket has to end by then, too"},
	},
}

// makeTimeout is route.timeout(after, options).
func makeTimeout(l *Load, L *lua.LState) int {
	after, body := time.Duration(option.DurationArgument(L, 1)), false
	if options := L.OptTable(2, nil); options != nil {
		body = option.Of(L, "route.timeout", options, &timeoutOptions).Flag("body")
	}
	return push(L, timeout.New(after, body, l.Here(L, "timeout", "")))
}

// Timeout returns the middleware of an option of a route, nil for none.
func Timeout(o option.Table, at origin.Origin) chiproxy.Middleware {
	if !o.Has("timeout") {
		return nil
	}
	return timeout.New(time.Duration(o.Duration("timeout")), false, at)
}
