// Package base64 is the library `base64` for scripts: encoding and decoding with the standard and the URL-safe alphabet. Its bindings describe its functions.
//
// Both decoders ignore line breaks (CR and LF).
package base64

import (
	"encoding/base64"
	"strings"

	"github.com/caddyserver/caddy/v2"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// bytesPerStep is the work of one step of a budget.
const bytesPerStep = 64

func init() {
	caddy.RegisterModule(Library{})
}

// Library is `require("base64")` of scripts: Base64 in the standard and the URL-safe alphabet. It has no configuration.
type Library struct{}

// CaddyModule returns the Caddy module information.
func (Library) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "luaroute.libs.base64", New: func() caddy.Module { return new(Library) }}
}

// Open returns the library's table.
func (Library) Open(*lua.LState) lua.LValue { return bindings.Table() }

// Docs describes what is in it.
func (Library) Docs() []vm.Doc { return bindings.Docs() }

var bindings = vm.Bindings{
	{Fn: encoder(base64.StdEncoding), Doc: vm.Doc{
		Name: "encode", Args: "bytes: string", Returns: "string",
		Text: "the bytes in the standard alphabet, padded",
	}},
	{Fn: decoder(base64.StdEncoding.DecodeString), Doc: vm.Doc{
		Name: "decode", Args: "s: string", Returns: "string? bytes, string? err",
		Text: "the bytes, or `nil, error`",
	}},
	{Fn: encoder(base64.RawURLEncoding), Doc: vm.Doc{
		Name: "encode_url", Args: "bytes: string", Returns: "string",
		Text: "the bytes in the URL-safe alphabet, without padding",
	}},
	{Fn: decoder(decodeURL), Doc: vm.Doc{
		Name: "decode_url", Args: "s: string", Returns: "string? bytes, string? err",
		Text: "the bytes, or `nil, error`; padding is optional",
	}},
}

// encoder returns the function that encodes.
func encoder(enc *base64.Encoding) lua.LGFunction {
	return func(L *lua.LState) int {
		s := L.CheckString(1)
		vm.Spend(L, 1+len(s)/bytesPerStep)
		vm.Charge(L, enc.EncodedLen(len(s)))
		L.Push(lua.LString(enc.EncodeToString([]byte(s))))
		return 1
	}
}

// decoder returns the function that decodes.
func decoder(decode func(string) ([]byte, error)) lua.LGFunction {
	return func(L *lua.LState) int {
		s := L.CheckString(1)
		vm.Spend(L, 1+len(s)/bytesPerStep)
		vm.Charge(L, len(s)*3)
		b, err := decode(s)
		if err != nil {
			return vm.Fail(L, err.Error())
		}
		L.Push(lua.LString(b))
		return 1
	}
}

// decodeURL decodes text with right padding or none.
func decodeURL(s string) ([]byte, error) {
	if strings.Contains(s, "=") {
		return base64.URLEncoding.DecodeString(s)
	}
	return base64.RawURLEncoding.DecodeString(s)
}

// Interface guards
var _ vm.Documented = Library{}
