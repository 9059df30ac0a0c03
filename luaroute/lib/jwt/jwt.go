// Package jwt is the library `jwt` for scripts: JSON Web Tokens of issuers, whose keys are written down or fetched. Its bindings describe its
// functions; package token does the work.
package jwt

import (
	"errors"
	"sync"

	"github.com/caddyserver/caddy/v2"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/luaroute/lib/http"
	"github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	"github.com/luaroute/caddy-luaroute/luaroute/token"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// callSteps is the fixed cost of a call.
	callSteps = 20
	// bytesPerStep is the work of one step of a budget.
	bytesPerStep = 4
)

func init() {
	caddy.RegisterModule(Library{})
}

// Library is `require("jwt")` of scripts: JSON Web Tokens. Keys are fetched from addresses that the library `http` may ask. It has no
// configuration.
type Library struct {
	tenant *vm.Tenant
	held   *held
}

// held are the sources of keys of one load of scripts.
type held struct {
	mu      sync.Mutex
	release []func()
}

// CaddyModule returns the Caddy module information.
func (Library) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "luaroute.libs.jwt", New: func() caddy.Module { return new(Library) }}
}

// For returns the library for the scripts of one tenant.
func (Library) For(t *vm.Tenant) (vm.Library, error) {
	h := &held{}
	t.OnEnd(h.end)
	return Library{t, h}, nil
}

// open returns the source of keys that are fetched. It is held until the scripts have ended.
func (l Library) open(c token.RemoteConfig) (token.Source, error) {
	if l.tenant == nil {
		return nil, errors.New("keys cannot be fetched here")
	}
	r, release, err := token.Open(http.RulesOf(l.tenant), c)
	if err != nil {
		return nil, err
	}
	l.held.mu.Lock()
	defer l.held.mu.Unlock()
	l.held.release = append(l.held.release, release)
	return r.Telling(func(ok bool) {
		outcome := "failed"
		if ok {
			outcome = "ok"
		}
		l.tenant.Asks(telemetry.AskedKeys, outcome)
	}), nil
}

func (h *held) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.release {
		f()
	}
	h.release = nil
}

// Open returns the library's table.
func (l Library) Open(*lua.LState) lua.LValue { return l.bindings().Table() }

// Docs describes what is in it.
func (l Library) Docs() []vm.Doc { return l.bindings().Docs() }

// Classes describes the types that Docs names.
func (Library) Classes() []vm.Class {
	return []vm.Class{issuerOptions, issuerClass, bearerOptions, keyClass, signOptions, algorithmClass}
}

func (l Library) bindings() vm.Bindings {
	return vm.Bindings{
		{Fn: l.issuer, Doc: vm.Doc{
			Name: "issuer", Args: "options: jwt.IssuerOptions", Returns: "jwt.Issuer",
			Text: "who makes tokens, and what its tokens must be like; only while scripts load. All virtual machines share it",
		}},
		{Fn: anyOf, Doc: vm.Doc{
			Name: "any", Args: "...: jwt.Issuer", Returns: "jwt.Issuer",
			Text: "several issuers as one: a token is verified by the one that its `iss` names, and by that one alone",
		}},
		{Fn: peek, Doc: vm.Doc{
			Name: "peek", Args: "token: string", Returns: "table? header, table|string|nil claims",
			Text: "the header and the claims of a token that **nobody has verified**, for logs; `nil, error` if it is none",
		}},
		{Fn: makeToken, Doc: vm.Doc{
			Name: "sign", Args: "claims: table, options: jwt.SignOptions", Returns: "string",
			Text: "a token of your own",
		}},
		{Fn: readKey, Doc: vm.Doc{
			Name: "key", Args: "s: string", Returns: "jwt.Key",
			Text: "the private key in a PEM text or a JWK, to sign with; only while scripts load",
		}},
	}
}

// loading raises an error unless scripts load.
func loading(L *lua.LState, what string) {
	if !vm.Of(L).Loading() {
		L.RaiseError("%s is called while a request runs; call it while scripts load, and keep the result in a local", what)
	}
}

// peek is jwt.peek(token).
func peek(L *lua.LState) int {
	text := L.CheckString(1)
	vm.Spend(L, callSteps+min(len(text), token.MaxSize)/bytesPerStep)
	header, claims, err := token.Peek(text)
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	h, err := json.Decode(L, string(header))
	if err != nil {
		return vm.Fail(L, token.ErrMalformed.Error())
	}
	c, err := json.Decode(L, string(claims))
	if err != nil {
		return vm.Fail(L, token.ErrMalformed.Error())
	}
	L.Push(h)
	L.Push(c)
	return 2
}

// Interface guards
var (
	_ vm.Documented = Library{}
	_ vm.Classified = Library{}
	_ vm.Tenanted   = Library{}
)
