package split

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy"
)

// Sticky keeps clients where they went first, by a cookie.
type Sticky struct {
	// Cookie is its name.
	Cookie string
	// TTL is how long the cookie lasts. 0 is until the browser is closed.
	TTL time.Duration
	// Secret makes values that clients cannot make up, of the names of the parts. Without one, a value is the place of the part.
	Secret string
}

// MinSecret is how many bytes a secret has at least.
const MinSecret = 16

// cookies are the cookies of the parts, written down before. Nil keeps nobody.
type cookies struct {
	prefix string // the name and =
	values []string
	plain  []string // as fields Set-Cookie
	secure []string
}

func (s *Sticky) cookies(split string, parts []Part) (*cookies, error) {
	if s == nil {
		return nil, nil
	}
	if err := chiproxy.CheckCookieName(s.Cookie); err != nil {
		return nil, err
	}
	if s.TTL < 0 || s.TTL > 0 && s.TTL < time.Second {
		return nil, fmt.Errorf("the cookie's ttl is %s; expected 1s or more", s.TTL)
	}
	if s.Secret != "" && len(s.Secret) < MinSecret {
		return nil, fmt.Errorf("the secret has %d bytes; expected %d or more", len(s.Secret), MinSecret)
	}
	c := &cookies{prefix: s.Cookie + "="}
	for i, p := range parts {
		value := strconv.Itoa(i + 1)
		if s.Secret != "" {
			mac := hmac.New(sha256.New, []byte(s.Secret))
			mac.Write([]byte(split + "\x00" + p.Name))
			value = base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
		}
		cookie := http.Cookie{Name: s.Cookie, Value: value, Path: "/", MaxAge: int(s.TTL / time.Second), HttpOnly: true, SameSite: http.SameSiteLaxMode}
		c.values = append(c.values, value)
		c.plain = append(c.plain, cookie.String())
		cookie.Secure = true
		c.secure = append(c.secure, cookie.String())
	}
	return c, nil
}

// of returns the part that a request's cookie leads to, and whether there is one. Where a client has sent several, the first that leads somewhere
// counts.
func (c *cookies) of(r *http.Request) (int, bool) {
	if c == nil {
		return 0, false
	}
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			value, ok := strings.CutPrefix(strings.TrimSpace(pair), c.prefix)
			if !ok {
				continue
			}
			for i, v := range c.values {
				if v == value {
					return i, true
				}
			}
		}
	}
	return 0, false
}

// keep has the client keep its part.
func (c *cookies) keep(ex *chiproxy.Exchange, part int) {
	if c == nil {
		return
	}
	cookie := c.plain[part]
	if ex.R.TLS != nil {
		cookie = c.secure[part]
	}
	ex.W.Header().Add("Set-Cookie", cookie)
}
