package kv

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	luajson "github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// deepest is how deep tables may be nested.
const deepest = 100

// leastTTL is the shortest life of a value, in seconds.
const leastTTL = 0.001

// checkKey returns the key, which is the first argument.
func checkKey(L *lua.LState) string {
	key := L.CheckString(1)
	if key == "" || len(key) > kv.MaxKey {
		L.ArgError(1, fmt.Sprintf("the key has %d bytes; expected 1 to %d", len(key), kv.MaxKey))
	}
	return key
}

// optTTL returns how long a value lasts, 0 for forever.
func optTTL(L *lua.LState, arg int) time.Duration {
	if L.Get(arg) == lua.LNil {
		return 0
	}
	n := float64(L.CheckNumber(arg))
	if !(n >= leastTTL) {
		L.ArgError(arg, fmt.Sprintf("found %v; expected at least %v seconds, or nothing for a value that lasts", lua.LNumber(n), leastTTL))
	}
	return seconds(n)
}

// encode appends the bytes of an argument.
func encode(L *lua.LState, arg int, b []byte) []byte {
	b, err := appendValue(L, L.Get(arg), b)
	if err != nil {
		L.ArgError(arg, err.Error())
	}
	return b
}

func appendValue(L *lua.LState, v lua.LValue, b []byte) ([]byte, error) {
	switch v := v.(type) {
	case lua.LString:
		return kv.AppendText(b, string(v)), nil
	case lua.LNumber:
		n := float64(v)
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return b, fmt.Errorf("found %v; expected a number that is finite", v)
		}
		return kv.AppendNumber(kv.AppendJSON(b, nil), n), nil
	case lua.LBool:
		return strconv.AppendBool(kv.AppendJSON(b, nil), bool(v)), nil
	case *lua.LTable:
		text, err := luajson.EncodeExactly(L, v, deepest)
		if err != nil {
			return b, fmt.Errorf("the value is not plain data: %w", err)
		}
		return kv.AppendJSON(b, text), nil
	case *lua.LNilType:
		return b, errors.New("found nil; use kv.delete(key) to remove a value")
	}
	return b, fmt.Errorf("found %s; expected a string, a number, a boolean or a table of plain data", option.Found(v))
}

// absent is the value of a nil that fetch remembers. Scripts write no null by itself.
const absent = "null"

// decode returns the value that bytes stand for. What begins as ours do and is not JSON is text.
func decode(L *lua.LState, value []byte) lua.LValue {
	content, isJSON := kv.Content(value)
	vm.Charge(L, len(content))
	if n := len(content) / bytesPerStep; n > 0 {
		vm.Spend(L, n)
	}
	if !isJSON {
		return vm.Text(content)
	}
	switch string(content) {
	case absent:
		return lua.LNil
	case "true":
		return lua.LTrue
	case "false":
		return lua.LFalse
	}
	if n, ok := kv.Number(value); ok {
		return lua.LNumber(n)
	}
	v, err := luajson.Decode(L, string(content))
	if err != nil {
		return vm.Text(value)
	}
	return v
}

// isAbsent reports whether a value is a nil that fetch remembers.
func isAbsent(value []byte) bool {
	content, isJSON := kv.Content(value)
	return isJSON && string(content) == absent
}
