package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/split"
)

// Split divides requests among pools.
type Split struct {
	// What tells splits apart: those of different names divide the same clients differently. Default: the name of the
	// first part.
	Name string `json:"name,omitempty"`

	// The pools and their weights.
	Parts SplitParts `json:"parts,omitempty"`

	// What requests are told apart by, a key as that of `limit`, several of them together, or `random`. Default:
	// `client_ip`.
	By []string `json:"by,omitempty"`

	// A cookie that keeps clients where they went first. Default: none.
	Sticky *SplitCookie `json:"sticky,omitempty"`

	// Where a pool has no upstream that is available: `others`, and the other parts take its requests, or `fail`.
	// Default: `fail`.
	WhenDown string `json:"when_down,omitempty"`
}

// SplitPart is a pool that gets a share of the requests.
type SplitPart struct {
	// The name of the pool.
	Pool string `json:"pool,omitempty"`

	// Its share, relative to the sum of all. 0 drains: only cookies lead there.
	Weight float64 `json:"weight"`

	// The variant, in explanations and logs. Default: the name of the pool.
	Name string `json:"name,omitempty"`
}

// SplitCookie is a cookie that keeps clients where they went first.
type SplitCookie struct {
	// The name of the cookie.
	Cookie string `json:"cookie,omitempty"`

	// How long it lasts, at least a second. Default: until the browser is closed.
	TTL caddy.Duration `json:"ttl,omitempty"`

	// 16 bytes or more, of which values are made that no client can make up, the same on all servers with this secret.
	// Placeholders such as `{env.NAME}` are replaced. Default: the value is the place of the part.
	Secret string `json:"secret,omitempty"`
}

// Values of Split.WhenDown.
const (
	WhenDownOthers = "others"
	WhenDownFail   = "fail"
)

// UnmarshalJSON reads an object, as that of Instance does.
func (s *Split) UnmarshalJSON(b []byte) error { return decode(b, s) }

// UnmarshalJSON reads an object, as that of Instance does.
func (p *SplitPart) UnmarshalJSON(b []byte) error { return decode(b, p) }

// UnmarshalJSON reads an object, as that of Instance does.
func (c *SplitCookie) UnmarshalJSON(b []byte) error { return decode(b, c) }

// SplitParts is a list of them.
type SplitParts []SplitPart

// UnmarshalJSON reads a list. An error names the place in it.
func (l *SplitParts) UnmarshalJSON(b []byte) error { return decodeList(b, (*[]SplitPart)(l)) }

// Check reports what is wrong. A secret with a placeholder is known only where the configuration is loaded.
func (s *Split) Check() error {
	_, err := s.Action(origin.Origin{}, func(secret string) (string, error) {
		if strings.Contains(secret, "{") {
			return strings.Repeat("x", split.MinSecret), nil
		}
		return secret, nil
	})
	return err
}

// Action returns the action that divides the requests; resolve returns a secret without placeholders.
func (s *Split) Action(at origin.Origin, resolve func(string) (string, error)) (*split.Split, error) {
	o := split.Options{Name: s.Name, At: at}
	for i, p := range s.Parts {
		if p.Pool == "" {
			return nil, fmt.Errorf("parts[%d]: the name of the pool is missing", i)
		}
		name := p.Name
		if name == "" {
			name = p.Pool
		}
		o.Parts = append(o.Parts, split.Part{Name: name, Action: chiproxy.Proxy{Pool: p.Pool}, Weight: p.Weight})
	}
	switch s.WhenDown {
	case "", WhenDownFail:
	case WhenDownOthers:
		o.Others = true
	default:
		return nil, fmt.Errorf("when_down %q: expected others or fail", s.WhenDown)
	}
	var err error
	if o.By, err = split.By(s.By); err != nil {
		return nil, fmt.Errorf("by: %w", err)
	}
	if c := s.Sticky; c != nil {
		secret := ""
		if c.Secret != "" {
			if secret, err = resolve(c.Secret); err != nil {
				return nil, fmt.Errorf("secret: %w", err)
			}
			if secret == "" {
				return nil, fmt.Errorf("secret: it is empty; expected %d bytes or more", split.MinSecret)
			}
		}
		o.Sticky = &split.Sticky{Cookie: c.Cookie, TTL: time.Duration(c.TTL), Secret: secret}
	}
	return split.New(o)
}
