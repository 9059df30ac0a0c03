package jwt

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	luajson "github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/token"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var keyClass = vm.Class{Name: "jwt.Key", Text: "a private key; it shows nothing of itself"}

var signOptions = vm.Class{Name: "jwt.SignOptions", Text: "options of `jwt.sign`", Fields: []vm.Doc{
	{Name: "algorithm", Type: "jwt.Algorithm", Text: "how to sign"},
	{Name: "key", Type: "jwt.Key?", Text: "the result of `jwt.key`"},
	{Name: "secret", Type: "string?", Text: "that of HS algorithms, at least 32 bytes"},
	{Name: "kid", Type: "string?", Text: "the name of the key in the header; default: that of a JWK"},
	{Name: "typ", Type: "string?", Text: "the header `typ`; default `JWT`"},
	{Name: "expires_in", Type: "number|string|nil", Text: "sets `exp` to so many seconds from now, and `iat` to now"},
}}

// keyValue is a key as scripts hold it.
type keyValue struct{ token.Key }

// Immutable says that all states share it.
func (*keyValue) Immutable() {}

// readKey is jwt.key(text).
func readKey(L *lua.LState) int {
	loading(L, "jwt.key")
	k, err := token.ParseKey(L.CheckString(1))
	if err != nil {
		L.ArgError(1, err.Error())
	}
	if k.Private == nil {
		L.ArgError(1, "found a public key; a private one signs")
	}
	L.Push(&lua.LUserData{Value: &keyValue{k}, Metatable: keyType})
	return 1
}

// makeToken is jwt.sign(claims, options).
func makeToken(L *lua.LState) int {
	claims, o := L.CheckTable(1), option.Of(L, "jwt.sign", L.CheckTable(2), &signOptions)
	m := token.Maker{Algorithm: o.Text("algorithm"), KeyID: o.Text("kid"), Type: "JWT"}
	if o.Has("typ") {
		m.Type = o.Text("typ")
	}
	if o.Has("secret") {
		m.Secret = []byte(o.Text("secret"))
	}
	if o.Has("key") {
		data, _ := o.Value("key").(*lua.LUserData)
		if data == nil {
			o.Fail("key", "the result of jwt.key")
		}
		k, ok := data.Value.(*keyValue)
		if !ok {
			o.Fail("key", "the result of jwt.key")
		}
		m.Key = k.Key
	}
	o.Check(m.Check())
	text, err := luajson.Encode(L, claims)
	if err != nil {
		L.ArgError(1, err.Error())
	}
	if len(text) < 2 || text[0] != '{' {
		L.ArgError(1, "found a list; expected claims with names")
	}
	if o.Has("expires_in") {
		text = expiring(L, claims, text, o)
	}
	vm.Spend(L, callSteps+len(text)/bytesPerStep)
	vm.Spend(L, m.Steps())
	signed, err := m.Sign(text)
	o.Check(err)
	vm.ChargeString(L, len(signed))
	L.Push(lua.LString(signed))
	return 1
}

// expiring adds when the token was made and when it ends to claims.
func expiring(L *lua.LState, claims *lua.LTable, text []byte, o option.Table) []byte {
	for _, name := range []string{"exp", "iat"} {
		if claims.RawGetString(name) != lua.LNil {
			o.L.RaiseError("jwt.sign: expires_in sets %s, which the claims have too", name)
		}
	}
	now := vm.Of(L).Now()
	seconds := math.Ceil(duration(o, "expires_in", 0).Seconds())
	times := fmt.Sprintf(`{"iat":%d,"exp":%d`, now.Unix(), now.Unix()+int64(seconds))
	if len(text) > 2 {
		times += ","
	}
	return append([]byte(times), text[1:]...)
}

// scalar returns a value of JSON as text, and whether it is neither a list nor an object.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case float64:
		text, err := json.Marshal(v)
		return string(text), err == nil
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
