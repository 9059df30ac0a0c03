package hook

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// The configuration knows no virtual machines, and these know no configuration.
func TestTheDefaultLimitsOfTheConfigurationAreThoseOfAState(t *testing.T) {
	t.Parallel()
	if got := NewVMs(config.DefaultLimits, nil).budget; got != vm.DefaultLimits {
		t.Errorf("got %+v, want %+v", got, vm.DefaultLimits)
	}
}
