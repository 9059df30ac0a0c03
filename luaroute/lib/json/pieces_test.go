package json_test

import (
	stdjson "encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// A long string is read in pieces. Wherever they begin, what is read is the same as in one piece: surrogates stay together, and
// so do the bytes of a character.
func TestALongStringIsReadAsAShortOne(t *testing.T) {
	t.Parallel()
	units := []string{`a`, `\n`, `\\`, `\"`, `\u00e9`, `\ud83d\ude00`, `\ud83d`, `\ude00`, `é`, `€`, `😀`, "\xff", "\xe2\x82", `\/`, `\u0041`}
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		var quoted strings.Builder
		quoted.WriteByte('"')
		for quoted.Len() < 300_000 {
			quoted.WriteString(units[random.IntN(len(units))])
		}
		quoted.WriteByte('"')
		var want string
		if err := stdjson.Unmarshal([]byte(quoted.String()), &want); err != nil {
			t.Fatal(err)
		}
		s, ref := world.State(t, "keep(function(text) return json.decode(text) end)")
		s.Arm(vm.Limits{CPU: time.Minute}, t.Context())
		if err := s.Call(s.Func(ref), 1, lua.LString(quoted.String())); err != nil {
			t.Fatal(err)
		}
		if got := s.L.Get(-1).String(); got != want {
			t.Errorf("seed %d: %d bytes differ from %d", seed, len(got), len(want))
		}
	}
}

func TestABrokenEscapeInALongStringIsAnError(t *testing.T) {
	t.Parallel()
	got, err := world.Eval(t, `json.decode('"' .. ('\\n'):rep(50000) .. '\\x' .. ('a'):rep(50000) .. '"')`)
	if err != nil || !strings.Contains(got, "the string before has a wrong escape") {
		t.Errorf("got %.100q, %v", got, err)
	}
}
