// Package apikey is middleware that asks for an API key, and knows whose it is. Keys are looked up by their SHA-256: how long that takes says
// nothing of the keys that there are.
package apikey

import (
	"crypto/sha256"
	"net/http"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/credential"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// Header is a field of the request that is set to a field of the consumer.
type Header struct{ Name, Field string }

// Config is where keys are, and what becomes of them.
type Config struct {
	// From is where requests have the key.
	From      credential.Source
	Consumers *Consumers
	// Set are header fields. What the client sends in them is removed, always.
	Set []Header
	// Keep leaves the key in the request.
	Keep  bool
	Realm string
	At    origin.Origin
}

// Middleware is such middleware.
type Middleware struct {
	Config
	fields    []string
	challenge string
}

// New returns middleware.
func New(c Config) (*Middleware, error) {
	m := &Middleware{Config: c, challenge: "ApiKey"}
	if err := credential.CheckRealm(c.Realm); err != nil {
		return nil, err
	}
	if c.Realm != "" {
		m.challenge += ` realm="` + c.Realm + `"`
	}
	for _, h := range c.Set {
		m.fields = append(m.fields, h.Name)
	}
	var err error
	m.fields, err = credential.Fields(m.fields...)
	return m, err
}

// Traits are those of middleware that takes a snapshot before it changes something.
func (m *Middleware) Traits() chiproxy.Traits { return chiproxy.Traits{} }

// Describe says where it was declared.
func (m *Middleware) Describe() origin.Origin { return m.At }

// Handle asks for the key.
func (m *Middleware) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	text, given, clear := m.From.Find(ex.R)
	consumer := m.Consumers.Find(text)
	ex.RemoveClaimed(m.fields)
	if !clear || consumer == nil {
		why := "the key is missing"
		if given {
			why = "the key is not known"
		}
		ex.Note("refused: " + strings.TrimPrefix(why, "the "))
		ex.Becomes(telemetry.Refused)
		ex.W.Header().Add("WWW-Authenticate", m.challenge)
		return chiproxy.Error{Status: http.StatusUnauthorized, Message: why}.Do(ex)
	}
	if ex.Refuse() != nil {
		ex.Note("consumer " + consumer.id)
	}
	if !m.Keep {
		m.From.Remove(ex)
	}
	for i, h := range m.Set {
		value, ok := consumer.all.Text(h.Field)
		if !ok {
			continue
		}
		ex.Snapshot()
		if err := ex.SetHeader(m.fields[i], []string{value}); err != nil {
			return chiproxy.Error{Status: http.StatusRequestHeaderFieldsTooLarge, Message: err.Error()}.Do(ex)
		}
	}
	ex.Identify(consumer)
	return next()
}

// Find returns whose a key is, nil for nobody's.
func (c *Consumers) Find(key string) *Consumer {
	if len(key) > MaxKey {
		return nil
	}
	var buffer [MaxKey]byte
	return c.byHash[sha256.Sum256(buffer[:copy(buffer[:], key)])]
}
