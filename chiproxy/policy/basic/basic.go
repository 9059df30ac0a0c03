// Package basic is middleware that asks for a name and a password, as RFC 7617 says: Caddy's http_basic, for hashes of several kinds.
package basic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/caddyauth"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/credential"
)

// Middleware is such middleware.
type Middleware struct {
	// providers have the users of one kind of hash each; the first one asks for those that nobody knows.
	providers []caddyauth.HTTPBasicAuth
	of        map[string]int
	at        origin.Origin
}

// kinds are the kinds of hashes, by the name that Caddy has for them.
var kinds = []string{"argon2id", "bcrypt"}

// New returns middleware for users and the hashes of their passwords.
func New(users map[string]string, realm string, at origin.Origin) (*Middleware, error) {
	if len(users) == 0 {
		return nil, errors.New(`users: expected names and hashes, such as { ann = "$argon2id$…" }`)
	}
	if err := credential.CheckRealm(realm); err != nil {
		return nil, err
	}
	m := &Middleware{of: map[string]int{}, at: at}
	for _, kind := range kinds {
		p := caddyauth.HTTPBasicAuth{Realm: realm, HashCache: new(caddyauth.Cache), HashRaw: json.RawMessage(`{"algorithm":"` + kind + `"}`)}
		for _, name := range slices.Sorted(maps.Keys(users)) {
			switch {
			case name == "" || strings.ContainsAny(name, ":{}"):
				return nil, fmt.Errorf("users: found the name %s; allowed are those without colons and braces", field.Quote(name))
			case kindOf(users[name]) == "":
				return nil, fmt.Errorf("users: the hash of %s begins neither with $argon2id$ nor with $2a$, $2b$ or $2y$", field.Quote(name))
			case kindOf(users[name]) == kind:
				p.AccountList = append(p.AccountList, caddyauth.Account{Username: name, Password: users[name]})
				m.of[name] = len(m.providers)
			}
		}
		if len(p.AccountList) == 0 {
			continue
		}
		ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
		err := p.Provision(ctx)
		cancel()
		if err != nil {
			return nil, fmt.Errorf("users: %w", err)
		}
		m.providers = append(m.providers, p)
	}
	return m, nil
}

func kindOf(hash string) string {
	switch {
	case strings.HasPrefix(hash, "$argon2id$"):
		return "argon2id"
	case strings.HasPrefix(hash, "$2a$"), strings.HasPrefix(hash, "$2b$"), strings.HasPrefix(hash, "$2y$"):
		return "bcrypt"
	}
	return ""
}

// Traits are those of middleware that changes nothing.
func (m *Middleware) Traits() chiproxy.Traits { return chiproxy.Traits{} }

// Describe says where it was declared.
func (m *Middleware) Describe() origin.Origin { return m.at }

// Handle asks for the password.
func (m *Middleware) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	name, _, _ := ex.R.BasicAuth()
	user, ok, err := m.providers[m.of[name]].Authenticate(ex.W, ex.R)
	if err != nil || !ok {
		ex.Note("refused")
		return chiproxy.Error{Status: http.StatusUnauthorized, Message: "the name or the password is wrong"}.Do(ex)
	}
	if ex.Refuse() != nil {
		ex.Note("user " + user.ID)
	}
	ex.Identify(identity(user.ID))
	return next()
}

// identity is a user.
type identity string

// Name is how scripts know it.
func (identity) Name() string { return "user" }

// JSON returns the name.
func (u identity) JSON() string {
	text, _ := json.Marshal(map[string]string{"name": string(u)}) // strings only
	return string(text)
}

// ID returns the name.
func (u identity) ID() string { return string(u) }

// Any reports whether the name is among some, for the field "name". Users have no other.
func (u identity) Any(path string, values []string) bool {
	return path == "name" && slices.Contains(values, string(u))
}
