package chiproxy

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/internal/leantest"
)

func TestMain(m *testing.M) { leantest.Main(m) }
