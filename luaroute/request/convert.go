package request

import (
	"encoding/json"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	luajson "github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// toGo converts a Lua value for Caddy's variables and logs.
func toGo(L *lua.LState, v lua.LValue) (any, error) {
	switch v := v.(type) {
	case *lua.LNilType:
		return nil, nil
	case lua.LBool:
		return bool(v), nil
	case lua.LString:
		return string(v), nil
	case lua.LNumber:
		if i := int64(v); lua.LNumber(i) == v {
			return i, nil
		}
		return float64(v), nil
	case *lua.LTable:
		text, err := luajson.Encode(L, v)
		if err != nil {
			return nil, err
		}
		var out any
		vm.Spend(L, len(text)/4) // some 10 ns for each byte
		err = json.Unmarshal(text, &out)
		return out, err
	}
	return nil, fmt.Errorf("a %s cannot leave the script", v.Type())
}

// sizeOf returns how many bytes a value of toGo takes in a log, roughly.
func sizeOf(v any) int {
	const other = 8
	switch v := v.(type) {
	case string:
		return len(v)
	case []any:
		size := len(v)
		for _, item := range v {
			size += sizeOf(item)
		}
		return size
	case map[string]any:
		size := 0
		for name, item := range v {
			size += len(name) + other + sizeOf(item)
		}
		return size
	}
	return other
}

// fromGo converts a value of Caddy's for scripts. One without a Lua form becomes a string.
func fromGo(L *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case nil:
		return lua.LNil
	case string:
		return lua.LString(v)
	case bool:
		return lua.LBool(v)
	case int:
		return lua.LNumber(v)
	case int64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	case fmt.Stringer:
		return lua.LString(v.String())
	case error:
		return lua.LString(v.Error())
	}
	if raw, err := json.Marshal(v); err == nil {
		if out, err := luajson.Decode(L, string(raw)); err == nil {
			return out
		}
	}
	return lua.LString(fmt.Sprint(v))
}
