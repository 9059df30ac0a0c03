package balance

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// Sticky keeps clients at an upstream, by a cookie.
type Sticky struct {
	// Cookie is its name, and TTL how long it lasts; 0 is until the browser is closed.
	Cookie string
	TTL    time.Duration
	// Secret makes values that clients cannot make up, of addresses; without one anybody can who knows an address.
	Secret string
}

// MinSecret is how many bytes a secret must have, if there is one.
const MinSecret = 16

// Kept returns the place of the upstream that a cookie of a request leads to, if that is available and was not tried: also one that is
// drained. It is -1 if there is none. Values are those of a pool; nil computes them each time.
func (o *Offer) Kept(s *Sticky, v *CookieValues, r *http.Request) int {
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			if name != s.Cookie || value == "" {
				continue
			}
			if at := o.valued(s, v, value); at >= 0 && o.Upstreams[at].Available() && !o.WasTried(at) {
				return at
			}
		}
	}
	return -1
}

// valued returns the place of the upstream that has a value.
func (o *Offer) valued(s *Sticky, v *CookieValues, value string) int {
	for at, u := range o.Upstreams {
		if v.of(s.Secret, u) == value {
			return at
		}
	}
	return -1
}

// Field returns the field Set-Cookie that leads to an upstream.
func (s *Sticky) Field(u *reverseproxy.Upstream, v *CookieValues, secure bool) string {
	c := http.Cookie{
		Name: s.Cookie, Value: v.of(s.Secret, u), Path: "/", MaxAge: int(s.TTL / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: secure,
	}
	return c.String()
}

// CookieValues remembers the values of the cookies of a pool whose upstreams stay. Its zero value is ready, and safe for concurrent use.
type CookieValues struct {
	mu     sync.RWMutex
	values map[cookieKey]string
}

type cookieKey struct {
	secret  string
	address string
}

// maxCookieValues bounds what is remembered.
const maxCookieValues = 20_000

func (v *CookieValues) of(secret string, u *reverseproxy.Upstream) string {
	if v == nil {
		return cookieValue(secret, u.Dial)
	}
	key := cookieKey{secret, u.Dial}
	v.mu.RLock()
	value, known := v.values[key]
	v.mu.RUnlock()
	if known {
		return value
	}
	value = cookieValue(secret, u.Dial)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.values == nil || len(v.values) >= maxCookieValues {
		v.values = map[cookieKey]string{}
	}
	v.values[key] = value
	return value
}

// cookieValue is 18 bytes that tell nobody the address.
func cookieValue(secret, address string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(address))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}
