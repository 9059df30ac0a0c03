package config

import (
	"encoding/json"
	"fmt"

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
