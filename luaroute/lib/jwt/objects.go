package jwt

import (
	"context"
	"errors"
	"maps"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/bearer"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/credential"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/token"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var issuerMethods = vm.Bindings{
	{Fn: verify, Doc: vm.Doc{
		Name: "verify", Args: "token: string?", Returns: "table? claims, string? err",
		Text: "the claims of a token, as a new table, or `nil` and why it is refused: `missing`, `malformed`, `algorithm`, `unknown key`, `signature`, " +
			"`expired`, `not yet valid`, `issuer`, `audience`, `type`, `claim NAME`, or `keys unavailable`, which alone is not the client's fault",
	}},
	{Fn: bearerOf, Doc: vm.Doc{
		Name: "bearer", Args: "options?: jwt.BearerOptions", Returns: "luaroute.Middleware",
		Text: "middleware that asks for a token, without Lua; only while scripts load",
	}},
}

var issuerClass = vm.Class{Name: "jwt.Issuer", Text: "who makes tokens", Methods: issuerMethods.Docs()}

var bearerOptions = vm.Class{Name: "jwt.BearerOptions", Text: "options of `idp:bearer`", Fields: []vm.Doc{
	{Name: "from", Type: "string?", Text: "where requests have the token: `header:NAME`, `cookie:NAME` or `query:NAME`; default `header:Authorization`, behind the scheme Bearer"},
	{Name: "optional", Type: "boolean?", Text: "`true` lets requests without a token pass. A bad one never does"},
	{Name: "scopes", Type: "string|string[]|nil", Text: "all of these must be in `scope`, or in the list `scp`"},
	{Name: "claims", Type: "table?", Text: "claims and what they must be, or a list of which they must be one: `{ role = { \"a\", \"b\" } }`. A claim that is a list must have one of them. Names may be paths, such as `realm_access.roles`"},
	{Name: "claims_to_headers", Type: "table?", Text: "header fields of the request, and the claims they are set to: `{ [\"X-User\"] = \"sub\" }`. What the client sends in these fields is removed, always. Lists are joined by commas"},
	{Name: "strip", Type: "boolean?", Text: "`true` removes the token before the request goes on"},
	{Name: "realm", Type: "string?", Text: "what the challenge of a refusal calls the site"},
}}

// The metatables of what scripts hold. They have Go functions only and are shared by all states.
var (
	issuerType = metatable("jwt.issuer", issuerMethods)
	keyType    = metatable("jwt.key", nil)
	bearerType = metatable("idp:bearer", nil)
)

func metatable(name string, functions vm.Bindings) *lua.LTable {
	methods := functions.Methods()
	known := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
	if known == "" {
		known = "none"
	}
	t := new(lua.LState).CreateTable(0, 4)
	t.RawSetString("__metatable", lua.LString(name))
	t.RawSetString("__index", vm.GoFunc(func(L *lua.LState) int {
		fn, ok := methods[L.CheckString(2)]
		if !ok {
			L.RaiseError("the result of %s has no method %q; its methods are: %s", name, L.CheckString(2), known)
		}
		L.Push(fn)
		return 1
	}))
	t.RawSetString("__newindex", vm.GoFunc(func(L *lua.LState) int {
		L.RaiseError("the result of %s has no field to assign", name)
		return 0
	}))
	t.RawSetString("__tostring", vm.GoFunc(func(L *lua.LState) int {
		L.Push(lua.LString(name))
		return 1
	}))
	return t
}

func pushIssuer(L *lua.LState, v *issuerValue) int {
	L.Push(&lua.LUserData{Value: v, Metatable: issuerType})
	return 1
}

// issuerAt returns an argument that must be an issuer.
func issuerAt(L *lua.LState, n int) *issuerValue {
	if data, ok := L.Get(n).(*lua.LUserData); ok {
		if v, ok := data.Value.(*issuerValue); ok {
			return v
		}
	}
	L.ArgError(n, "issuer expected, got "+L.Get(n).Type().String()+"; methods are called with a colon")
	return nil
}

// bearerOf is idp:bearer{…}.
func bearerOf(L *lua.LState) int {
	loading(L, "idp:bearer")
	v := issuerAt(L, 1)
	t := L.OptTable(2, new(lua.LState).NewTable())
	o := option.Of(L, "idp:bearer", t, &bearerOptions)
	at := here(L)
	at.Kind, at.Text = "bearer", v.text
	c := bearer.Config{
		Verifier: verifier{v.Verifier}, Optional: o.Flag("optional"), Scopes: o.Texts("scopes"), Claims: conditions(o), Strip: o.Flag("strip"),
		Realm: o.Text("realm"), At: at,
	}
	from := o.Text("from")
	if from == "" {
		from = "header:Authorization"
	}
	var err error
	if c.From, err = credential.Parse(from, "Bearer"); err != nil {
		L.RaiseError("idp:bearer: from: %s", err)
	}
	headers := o.StringMap("claims_to_headers")
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		c.Headers = append(c.Headers, bearer.Header{Name: textproto.CanonicalMIMEHeaderKey(name), Claim: headers[name]})
	}
	m, err := bearer.New(c)
	o.Check(err)
	L.Push(&lua.LUserData{Value: middleware{m}, Metatable: bearerType})
	return 1
}

// here is the place of the script that runs.
func here(L *lua.LState) origin.Origin {
	script, text, _ := strings.Cut(vm.Where(L), ":")
	line, _ := strconv.Atoi(text)
	return origin.Origin{Script: script, Line: line}
}

// conditions returns what claims must be.
func conditions(o option.Table) []bearer.Condition {
	all, ok := o.Data("claims").(map[string]any)
	if !ok && o.Has("claims") {
		o.Fail("claims", "a table of claims and what they must be")
	}
	var out []bearer.Condition
	for _, path := range slices.Sorted(maps.Keys(all)) {
		c := bearer.Condition{Path: path}
		list, ok := all[path].([]any)
		if !ok {
			list = []any{all[path]}
		}
		for _, v := range list {
			text, ok := scalar(v)
			if !ok {
				o.Fail("claims", "a table of claims and what they must be: a string, a number, a boolean, or a list of these")
			}
			c.Values = append(c.Values, text)
		}
		out = append(out, c)
	}
	return out
}

// middleware is what r:use takes.
type middleware struct{ chiproxy.Middleware }

// Immutable says that all states share it.
func (middleware) Immutable() {}

// AsMiddleware is for r:use.
func (m middleware) AsMiddleware() chiproxy.Middleware { return m.Middleware }

// verifier verifies the tokens of requests without Lua.
type verifier struct{ token.Verifier }

// Verify returns the claims of a token.
func (v verifier) Verify(ex *chiproxy.Exchange, text string) (bearer.Claims, error) {
	claims, err := v.Verifier.Verify(text, exchange{ex})
	if errors.Is(err, token.ErrUnavailable) {
		return nil, bearer.ErrUnavailable
	}
	if err != nil {
		return nil, err
	}
	return claims, nil
}

// exchange is a request whose token is verified.
type exchange struct{ ex *chiproxy.Exchange }

// Spend counts nothing: no script runs.
func (exchange) Spend(int) {}

// Now returns the time, that of a test if it is one.
func (e exchange) Now() time.Time {
	if e.ex.Refuse() != nil {
		if at := vm.ClockOf(e.ex.R.Context()); !at.IsZero() {
			return at
		}
	}
	return time.Now()
}

// Wait waits as long as the client does.
func (e exchange) Wait(f func(context.Context) error) error {
	e.ex.Yield()
	return f(e.ex.R.Context())
}

// Fetch refuses in tests and explanations.
func (e exchange) Fetch(from string) bool {
	if refuse := e.ex.Refuse(); refuse != nil {
		refuse("jwt: fetch keys from " + from)
		return false
	}
	return true
}
