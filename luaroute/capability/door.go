package capability

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/dial"
	"github.com/luaroute/caddy-luaroute/chiproxy/expansion"
	"github.com/luaroute/caddy-luaroute/luaroute/caddyvars"
	"github.com/luaroute/caddy-luaroute/luaroute/nested"
)

// errInnerLog is the error of a log_append that would be called where nobody counts what it logs.
var errInnerLog = errors.New("log_append stands inside of another module, where what it logs is not counted; " +
	"write route.handler(\"log_append\", …) for all of it, as middleware, or req:log_field in a function")

// PoolID is the module that a pool is.
const PoolID = handlers + "reverse_proxy"

// Admitted is what may be loaded.
type Admitted struct {
	// Config is the configuration to load, changed so that everything that dials asks the tenant's policy.
	Config json.RawMessage
	// Checks is how many active health checks there are in it.
	Checks int
	// Growth is the factor by which its replacements can lengthen a string at most; see Replacements.
	Growth float64
	// Steps is the number of instructions of its regular expressions; see Expressions.
	Steps int
	// Text is how many bytes of its strings its regular expressions may have to match, and Placeholders how many placeholders.
	Text, Placeholders int
	// Expands says that it has placeholders, which the tenant must bound.
	Expands bool
	// Computes says that all of it is known to do nothing but work: it waits for nobody, so its time is that of a processor.
	Computes bool
	// Interruptible says that something in it checks, while it computes, whether it may continue.
	Interruptible bool
}

// Admit is the door: every Caddy module that a script causes to be loaded, at any depth, passes it first.
func (s *Set) Admit(id string, config json.RawMessage) (Admitted, error) {
	return s.admit(id, config, false)
}

// AdmitPool is Admit for a pool, which a tenant may have without being allowed to load reverse_proxy by itself.
func (s *Set) AdmitPool(config json.RawMessage) (Admitted, error) {
	return s.admit(PoolID, config, true)
}

func (s *Set) admit(id string, config json.RawMessage, pool bool) (Admitted, error) {
	out := Admitted{Config: config, Growth: 1, Computes: !s.readsBody(config)}
	var proxies [][]any
	err := nested.Walk(id, config, func(u nested.Use) error {
		if outermost := len(u.Keys) == 0; !pool || !outermost {
			if err := s.Module(u.ID); err != nil {
				return err
			}
		}
		if err := noOwnVars(u); err != nil {
			return err
		}
		if s == nil {
			return nil
		}
		if u.ID == handlers+"log_append" && len(u.Keys) > 0 {
			return errInnerLog
		}
		if u.ID == PoolID {
			proxies = append(proxies, u.Keys)
		}
		checks, err := s.bounded(u)
		if err == nil {
			err = noExpressions(u)
		}
		if err != nil {
			return err
		}
		factor, err := growth(u)
		out.Checks += checks
		out.Growth *= factor
		out.Steps += steps(u)
		text, placeholders := matched(u)
		out.Text, out.Placeholders = out.Text+text, out.Placeholders+placeholders
		out.Computes = out.Computes && computes(u.ID)
		out.Interruptible = out.Interruptible || u.ID == matchers+"expression"
		return err
	})
	if err != nil || s == nil {
		return out, err
	}
	if err := noTwins(config); err != nil {
		return Admitted{}, err
	}
	if err := s.Strings(config); err != nil {
		return Admitted{}, err
	}
	if out.Expands = expands(config); out.Expands {
		if err := expansion.Supported(); err != nil {
			return Admitted{}, err
		}
	}
	for i := len(proxies) - 1; i >= 0; i-- { // the inner ones first, though no proxy stands in the transport of another
		if out.Config, err = nested.Change(out.Config, proxies[i], s.dialled); err != nil {
			return Admitted{}, err
		}
	}
	return out, s.allDialled(id, out.Config)
}

// dialled makes a reverse_proxy ask the tenant's policy before it dials, and bounds what its health checks read.
func (s *Set) dialled(proxy map[string]any) error {
	key := nested.Key(proxy, "transport")
	transport := map[string]any{"protocol": dial.Protocol, "upstreams": s.policy.Words()}
	if inner := proxy[key]; inner != nil {
		transport["transport"] = inner
	}
	delete(proxy, key)
	proxy["transport"] = transport
	readLittle(proxy)
	return nil
}

// allDialled reports a reverse_proxy that would dial unchecked addresses. There is none, unless a third-party module decodes its
// configuration in its own way.
func (s *Set) allDialled(id string, config json.RawMessage) error {
	open := 0
	err := nested.Walk(id, config, func(u nested.Use) error {
		switch u.ID {
		case PoolID:
			open++
		case transports + dial.Protocol:
			open--
		}
		return nil
	})
	if err == nil && open != 0 {
		err = errors.New("it has a reverse_proxy whose addresses cannot be checked")
	}
	return err
}

// noOwnVars refuses what req:var refuses.
func noOwnVars(u nested.Use) error {
	if u.ID != handlers+"vars" {
		return nil
	}
	var vars map[string]any
	if json.Unmarshal(u.Config, &vars) != nil {
		return nil // Caddy reports it
	}
	for name, value := range vars {
		if strings.ContainsAny(name, "{}") {
			return fmt.Errorf("vars: the name %q has a placeholder; expected a fixed name", name)
		}
		if err := caddyvars.Check(name); err != nil {
			return fmt.Errorf("vars: %w", err)
		}
		switch value.(type) {
		case string, float64, bool:
		default:
			return fmt.Errorf("vars: %s is not a string, number or boolean", name)
		}
	}
	return nil
}

// noTwins refuses objects with two keys that Caddy reads as one, since either may count.
func noTwins(config json.RawMessage) error {
	var v any
	if len(config) == 0 || json.Unmarshal(config, &v) != nil {
		return nil
	}
	return twins(v)
}

func twins(v any) error {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := twins(e); err != nil {
				return err
			}
		}
	case map[string]any:
		seen := map[string]string{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			folded := strings.ToLower(strings.ToUpper(key))
			if first, twice := seen[folded]; twice {
				return fmt.Errorf("the keys %q and %q differ only in case", first, key)
			}
			seen[folded] = key
			if err := twins(v[key]); err != nil {
				return err
			}
		}
	}
	return nil
}
