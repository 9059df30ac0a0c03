package jwt

import (
	"context"
	"errors"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/token"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var algorithmClass = vm.Class{Name: "jwt.Algorithm", Alias: vm.OneOf(token.All()), Text: "an algorithm of RFC 7518 or 8037. HS algorithms need a shared secret"}

var issuerOptions = vm.Class{Name: "jwt.IssuerOptions", Text: "options of `jwt.issuer`", Fields: []vm.Doc{
	{Name: "issuer", Type: "string|false", Text: "what the claim `iss` must be; `false` for anything"},
	{Name: "audience", Type: "string|string[]|nil", Text: "one of these must be in the claim `aud`. Without it `aud` is not looked at, and `iss` alone decides"},
	{Name: "algorithms", Type: "jwt.Algorithm[]", Text: "the only ones that a token may be signed with; HS algorithms exclude all others"},
	{Name: "jwks", Type: "string?", Text: "the URL of the issuer's keys"},
	{Name: "discover", Type: "boolean?", Text: "`true` asks `issuer`/.well-known/openid-configuration where they are"},
	{Name: "keys", Type: "string|string[]|nil", Text: "the keys themselves: JWKS, JWK or PEM"},
	{Name: "secret", Type: "string?", Text: "that of HS algorithms, at least 32 bytes"},
	{Name: "leeway", Type: "number|string|nil", Text: "how much clocks may differ for `exp`, `nbf` and `iat`; default 30 s"},
	{Name: "required", Type: "string[]?", Text: "claims that must be there; default `{ \"exp\" }`"},
	{Name: "typ", Type: "string?", Text: "what the header `typ` must be, such as `at+jwt`"},
	{Name: "max_age", Type: "number|string|nil", Text: "the longest time since `iat`, which then must be there"},
	{Name: "refresh", Type: "number|string|nil", Text: "how old fetched keys get; default 10 minutes. `Cache-Control: max-age` of the server comes first, from a minute to a day"},
	{Name: "cooldown", Type: "number|string|nil", Text: "the least time between a fetch and the one for a key that is unknown; default 30 s"},
	{Name: "stale", Type: "number|string|nil", Text: "for how long keys are used that cannot be fetched again; default a day"},
	{Name: "timeout", Type: "number|string|nil", Text: "for one fetch; default 5 s"},
	{Name: "cache", Type: "number?", Text: "how many verified tokens are remembered, for a minute at most and not beyond `exp`; default 0, at most 100,000"},
}}

// maxCache is how many tokens an issuer remembers at most.
const maxCache = 100_000

// issuerValue is an issuer, or several, as scripts hold it.
type issuerValue struct {
	token.Verifier
	text string
}

// Immutable says that all states share it.
func (*issuerValue) Immutable() {}

// issuer is jwt.issuer{…}.
func (l Library) issuer(L *lua.LState) int {
	loading(L, "jwt.issuer")
	o := option.Of(L, "jwt.issuer", L.CheckTable(1), &issuerOptions)
	c := token.Config{
		Algorithms: o.Texts("algorithms"), Audience: o.Texts("audience"), Leeway: duration(o, "leeway", 30*time.Second), Required: []string{"exp"},
		Type: o.Text("typ"), MaxAge: duration(o, "max_age", 0), Cache: o.Count("cache"),
	}
	if o.Value("issuer") != lua.LFalse {
		if c.Issuer = o.Text("issuer"); c.Issuer == "" {
			o.Fail("issuer", "what the claim iss must be, or false for anything")
		}
	}
	if o.Has("required") {
		c.Required = o.Texts("required")
	}
	if c.Cache > maxCache {
		o.Fail("cache", "a whole number up to 100000")
	}
	if o.Has("audience") && len(c.Audience) == 0 {
		o.Fail("audience", "a string, or a list of them")
	}
	o.Check(l.keys(o, &c))
	i, err := token.New(c)
	o.Check(err)
	if l.tenant != nil && !o.Has("audience") {
		if entry := vm.Of(L).Entry(zapcore.WarnLevel, "jwt.issuer has no audience: tokens that the issuer has made for others are taken, too"); entry != nil {
			entry.Write(zap.String("script", vm.Where(L)), zap.String("issuer", c.Issuer))
		}
	}
	return pushIssuer(L, &issuerValue{i, c.Issuer})
}

// keys sets where the keys are.
func (l Library) keys(o option.Table, c *token.Config) (err error) {
	var given []string
	for _, name := range []string{"jwks", "discover", "keys", "secret"} {
		if o.Has(name) && (name != "discover" || o.Flag(name)) {
			given = append(given, name)
		}
	}
	if len(given) != 1 {
		return errors.New("found " + found(given) + "; expected one of jwks, discover, keys and secret")
	}
	remote := token.RemoteConfig{
		Refresh: duration(o, "refresh", 10*time.Minute), Cooldown: duration(o, "cooldown", 30*time.Second),
		Stale: duration(o, "stale", 24*time.Hour), Timeout: duration(o, "timeout", 5*time.Second),
	}
	switch given[0] {
	case "jwks":
		remote.URL = o.Text("jwks")
		c.Keys, err = l.open(remote)
	case "discover":
		if remote.Issuer = c.Issuer; remote.Issuer == "" {
			return errors.New("discover needs issuer, a URL")
		}
		c.Keys, err = l.open(remote)
	case "keys":
		var set *token.Set
		set, err = token.ParseKeys(o.Texts("keys")...)
		c.Keys = token.Fixed{Set: set}
	case "secret":
		c.Secret = []byte(o.Text("secret"))
	}
	if err != nil {
		return errors.New(given[0] + ": " + err.Error())
	}
	return nil
}

func found(names []string) string {
	if len(names) == 0 {
		return "none of them"
	}
	return strings.Join(names, " and ")
}

// duration returns an option in seconds.
func duration(o option.Table, name string, usual time.Duration) time.Duration {
	if !o.Has(name) {
		return usual
	}
	if o.Value(name) == lua.LNumber(0) && name == "leeway" {
		return 0
	}
	return time.Duration(o.Duration(name))
}

// anyOf is jwt.any(issuer, …).
func anyOf(L *lua.LState) int {
	loading(L, "jwt.any")
	var all []*token.Issuer
	var names []string
	for n := 1; n <= max(L.GetTop(), 1); n++ {
		v, _ := issuerAt(L, n).Verifier.(*token.Issuer)
		if v == nil {
			L.ArgError(n, "found the result of jwt.any; expected that of jwt.issuer")
		}
		all, names = append(all, v), append(names, v.Name())
	}
	v, err := token.NewAny(all...)
	if err != nil {
		L.RaiseError("jwt.any: %s", err)
	}
	return pushIssuer(L, &issuerValue{v, strings.Join(names, ", ")})
}

// verify is idp:verify(token).
func verify(L *lua.LState) int {
	v := issuerAt(L, 1)
	text := ""
	if L.Get(2) != lua.LNil { // what a request does not have
		text = L.CheckString(2)
	}
	vm.Spend(L, callSteps)
	c := &caller{L: L}
	claims, err := v.Verify(text, c)
	if c.ended != nil {
		vm.Throw(L, c.ended)
	}
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	table, err := json.Decode(L, claims.JSON())
	if err != nil {
		return vm.Fail(L, token.ErrMalformed.Error())
	}
	L.Push(table)
	return 1
}

// caller is a script that verifies a token.
type caller struct {
	L     *lua.LState
	ended error // the budget, while it waited
}

// Spend counts steps.
func (c *caller) Spend(steps int) { vm.Spend(c.L, steps) }

// Now returns the time.
func (c *caller) Now() time.Time { return vm.Of(c.L).Now() }

// Wait waits, against the limit wall.
func (c *caller) Wait(f func(context.Context) error) error {
	c.ended = vm.Of(c.L).Wait(f)
	return c.ended
}

// Fetch raises an error while scripts load, and refuses in tests and explanations.
func (c *caller) Fetch(from string) bool {
	s := vm.Of(c.L)
	if s.Loading() {
		c.L.RaiseError("idp:verify would fetch keys from %s while scripts load; verify while a request runs", script.Clip(from))
	}
	if s.Refuse != nil {
		s.Refuse("jwt: fetch keys from " + script.Clip(from))
		return false
	}
	return true
}
