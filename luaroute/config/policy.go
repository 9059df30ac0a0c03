package config

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/cors"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
)

// RateLimit is a limit of how many requests there may be in a time.
type RateLimit struct{ limit.Options }

// UnmarshalJSON reads an object, as that of Instance does.
func (l *RateLimit) UnmarshalJSON(b []byte) error { return decode(b, l) }

// Concurrency is a limit of how many requests there may be at once.
type Concurrency struct{ limit.ConcurrencyOptions }

// UnmarshalJSON reads an object, as that of Instance does.
func (c *Concurrency) UnmarshalJSON(b []byte) error { return decode(b, c) }

// RateLimits is a list of limits.
type RateLimits []RateLimit

// UnmarshalJSON reads a list. An error names the place in it.
func (l *RateLimits) UnmarshalJSON(b []byte) error { return decodeList(b, (*[]RateLimit)(l)) }

// Concurrencies is a list of them.
type Concurrencies []Concurrency

// UnmarshalJSON reads a list. An error names the place in it.
func (c *Concurrencies) UnmarshalJSON(b []byte) error { return decodeList(b, (*[]Concurrency)(c)) }

// CORS is which sites may use responses.
type CORS struct{ cors.Options }

// UnmarshalJSON reads an object, as that of Instance does.
func (c *CORS) UnmarshalJSON(b []byte) error { return decode(b, c) }

// Check reports what is wrong with the rules.
func (c *CORS) Check() error {
	_, err := cors.New(c.Options)
	return err
}

// Timeout is how long an answer may take.
type Timeout struct {
	// How long it may take until the header of the response leaves. After that, the answer is 504.
	After caddy.Duration `json:"after,omitempty"`

	// Whether the body, the stream or the WebSocket has to end by then, too. Default: false.
	Body bool `json:"body,omitempty"`
}

// UnmarshalJSON reads an object, as that of Instance does.
func (t *Timeout) UnmarshalJSON(b []byte) error { return decode(b, t) }

// Check reports a time that is none.
func (t *Timeout) Check() error {
	if t.After <= 0 {
		return fmt.Errorf("after is %s; expected a duration above 0", time.Duration(t.After))
	}
	return nil
}

func decodeList[T any](b []byte, to *[]T) error {
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return fmt.Errorf("expected a list of objects, found %s", shown(b))
	}
	all := make([]T, len(list))
	for i, raw := range list {
		if err := json.Unmarshal(raw, &all[i]); err != nil {
			return within(fmt.Sprintf("[%d]", i), err)
		}
	}
	*to = all
	return nil
}
