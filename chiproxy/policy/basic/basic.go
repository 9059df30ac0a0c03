// Package basic is middleware that asks for a name and a password, as RFC 7617 says. It is Caddy's http_basic for hashes of several kinds, and
// with a bound on how many passwords are compared at once; how long that takes does not tell which names there are.
package basic

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/credential"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/internal/password"
)

// Middleware is such middleware.
type Middleware struct {
	users     map[string]*user
	all       []*user
	challenge string
	at        origin.Origin
}

// user is somebody who has a password.
type user struct {
	identity
	hash *password.Hash
	// known is the digest of the password, once somebody had it right: it need not be compared with the hash again.
	known atomic.Pointer[digest]
}

type digest = [sha256.Size]byte

// secret keys the digests of what clients send.
var secret = func() (k digest) {
	_, _ = rand.Read(k[:]) // it never fails
	return k
}()

// digestOf returns the digest of a text that is short enough for a password.
func digestOf(text string) digest {
	var buffer [sha256.Size + password.Max]byte
	n := copy(buffer[:], secret[:])
	n += copy(buffer[n:], text)
	return sha256.Sum256(buffer[:n])
}

// New returns middleware for users and the hashes of their passwords.
func New(users map[string]string, realm string, at origin.Origin) (*Middleware, error) {
	if len(users) == 0 {
		return nil, errors.New(`users: expected names and hashes, such as { ann = "$argon2id$…" }`)
	}
	if err := credential.CheckRealm(realm); err != nil {
		return nil, err
	}
	if realm == "" {
		realm = "restricted"
	}
	m := &Middleware{users: map[string]*user{}, challenge: `Basic realm="` + realm + `"`, at: at}
	for _, name := range slices.Sorted(maps.Keys(users)) {
		if name == "" || strings.Contains(name, ":") {
			return nil, fmt.Errorf("users: found the name %s; allowed are those without colons", field.Quote(name))
		}
		hash, err := password.Parse(users[name])
		if err != nil {
			return nil, fmt.Errorf("users: %s: %w", name, err)
		}
		u := &user{identity: identity(name), hash: hash}
		m.users[name] = u
		m.all = append(m.all, u)
	}
	return m, nil
}

// Traits are those of middleware that changes nothing.
func (m *Middleware) Traits() chiproxy.Traits { return chiproxy.Traits{} }

// Describe says where it was declared.
func (m *Middleware) Describe() origin.Origin { return m.at }

// Handle asks for the password.
func (m *Middleware) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	name, text, given := ex.R.BasicAuth()
	if !given {
		return m.refuse(ex, "no name and password")
	}
	u, err := m.find(ex, name, text)
	switch {
	case err != nil:
		return chiproxy.Done, caddyhttp.Error(statusGone, err)
	case u == nil:
		return m.refuse(ex, "the name or the password is wrong")
	}
	if ex.Refuse() != nil {
		ex.Note("user " + u.ID())
	}
	ex.Identify(u.identity)
	return next()
}

// statusGone is what Caddy logs for a client that has left.
const statusGone = 499

// find returns the user with a name and a password, nil for none. The error is that of a client that has left while it waited.
func (m *Middleware) find(ex *chiproxy.Exchange, name, text string) (*user, error) {
	u, good := m.users[name], false
	if len(text) > password.Max {
		return nil, nil
	}
	sum := digestOf(text)
	if u != nil {
		if known := u.known.Load(); known != nil && subtle.ConstantTimeCompare(known[:], sum[:]) == 1 {
			return u, nil
		}
	}
	compared := u
	if u == nil {
		compared = m.standIn(name)
	}
	if compared.hash.Fits(text) != nil {
		return nil, nil
	}
	ex.Yield()
	if err := password.InSlot(ex.R.Context(), func() { good = compared.hash.Matches(text) }); err != nil {
		return nil, err
	}
	if !good || u == nil {
		return nil, nil
	}
	u.known.Store(&sum)
	return u, nil
}

// standIn returns the user whose hash is compared for a name that nobody has, always the same one: so such a name takes as long as one of those
// that there are, of whatever kind the hashes are.
func (m *Middleware) standIn(name string) *user {
	sum := sha256.Sum256(append(secret[:], name...))
	return m.all[binary.BigEndian.Uint64(sum[:])%uint64(len(m.all))]
}

// refuse asks for a name and a password.
func (m *Middleware) refuse(ex *chiproxy.Exchange, why string) (chiproxy.Verdict, error) {
	ex.Note("refused: " + strings.TrimPrefix(why, "the "))
	ex.Becomes(telemetry.Refused)
	ex.W.Header().Add("WWW-Authenticate", m.challenge)
	return chiproxy.Error{Status: http.StatusUnauthorized, Message: why}.Do(ex)
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
