package vm_test

import (
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

func init() { vm.Standard = stdlib.Open }
