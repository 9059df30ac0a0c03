package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"
)

// OnError is what to do when a script fails on a request.
type OnError struct {
	// Mode is closed, open, decline or pool.
	Mode string
	// Pool is the name of the pool, for the mode of that name.
	Pool string
}

// Modes of OnError.
const (
	OnErrorClosed  = "closed"
	OnErrorOpen    = "open"
	OnErrorDecline = "decline"
	OnErrorPool    = "pool"
)

// NewOnError checks a mode, and that a pool is named where one is needed and only there.
func NewOnError(mode, pool string) (*OnError, error) {
	switch {
	case mode == OnErrorPool && pool == "":
		return nil, errors.New("on_error pool: the name of the pool is missing")
	case mode == OnErrorPool:
	case !slices.Contains([]string{OnErrorClosed, OnErrorOpen, OnErrorDecline}, mode):
		return nil, fmt.Errorf("on_error %q: expected closed, open, decline, or pool and its name", mode)
	case pool != "":
		return nil, fmt.Errorf("on_error %s: unexpected argument %q; only pool has a name", mode, pool)
	}
	return &OnError{Mode: mode, Pool: pool}, nil
}

// MarshalJSON writes a mode as a string, a pool as an object.
func (o OnError) MarshalJSON() ([]byte, error) {
	if o.Mode == OnErrorPool {
		return json.Marshal(map[string]string{"pool": o.Pool})
	}
	return json.Marshal(o.Mode)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (o *OnError) UnmarshalJSON(b []byte) error {
	var mode string
	pool := struct {
		Pool string `json:"pool"`
	}{}
	if err := json.Unmarshal(b, &mode); err != nil {
		mode = OnErrorPool
		if err := caddy.StrictUnmarshalJSON(b, &pool); err != nil {
			return fmt.Errorf(`on_error %s: expected "closed", "open", "decline", or {"pool": "name"}`, b)
		}
	}
	checked, err := NewOnError(mode, pool.Pool)
	if err != nil {
		return err
	}
	*o = *checked
	return nil
}
