package policy

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/maxbody"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var maxBodyBinding = Binding{
	Doc: vm.Doc{
		Name: "max_body", Args: "size: luaroute.Size", Returns: "luaroute.Policy",
		Text: "refuses bodies of requests that are [larger](policies.md#large-bodies) than a size, with 413",
	},
	Make: makeMaxBody,
}

// makeMaxBody is route.max_body(size).
func makeMaxBody(l *Load, L *lua.LState) int {
	return push(L, maxbody.New(int64(option.SizeArgument(L, 1)), l.Here(L, "max_body", "")))
}
