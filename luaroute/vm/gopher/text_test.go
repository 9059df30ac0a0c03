package gopher

import (
	"runtime"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestAShortTextIsOneObjectAndStaysWhatItIs(t *testing.T) {
	var kept []lua.LValue
	for n := range 200 {
		b := []byte(strings.Repeat("x", n))
		v := Text(b)
		kept = append(kept, v)
		clear(b)
		if allocations, most := testkit.Allocs(100, func() { Text(b) }), 1.0; n <= 112 && allocations > most {
			t.Errorf("%d bytes take %v allocations", n, allocations)
		}
	}
	runtime.GC()
	for n, v := range kept {
		if s, ok := v.(lua.LString); !ok || string(s) != strings.Repeat("x", n) {
			t.Errorf("%d bytes have become %q", n, v)
		}
	}
}
