package crypto

import (
	"context"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	passwords "github.com/luaroute/caddy-luaroute/internal/password"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// passwordSteps is what hashing a password costs, besides the wait for a slot.
const passwordSteps = 1000

// inSlot does what is long once there is a slot for it.
func inSlot(L *lua.LState, do func()) {
	vm.Spend(L, passwordSteps)
	if err := vm.Of(L).Wait(func(ctx context.Context) error { return passwords.InSlot(ctx, do) }); err != nil {
		vm.Throw(L, err)
	}
}

// password is crypto.password(text).
func password(L *lua.LState) int {
	text := L.CheckString(1)
	if len(text) < 1 || len(text) > passwords.Max {
		L.ArgError(1, fmt.Sprintf("found %d bytes; allowed are 1 to %d", len(text), passwords.Max))
	}
	hash := ""
	inSlot(L, func() { hash = passwords.New(text) })
	L.Push(lua.LString(hash))
	return 1
}

// passwordMatches is crypto.password_matches(text, hash).
func passwordMatches(L *lua.LState) int {
	text := L.CheckString(1)
	hash, err := passwords.Parse(L.CheckString(2))
	if err == nil {
		err = hash.Fits(text)
	}
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	good := false
	inSlot(L, func() { good = hash.Matches(text) })
	L.Push(lua.LBool(good))
	return 1
}
