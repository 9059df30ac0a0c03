package caddyfile

import (
	"reflect"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
)

// scriptingBlock is what an instance and a tenant have in common.
func scriptingBlock(s *config.Scripting) []subdirective {
	return []subdirective{
		{"script", often, words(&s.Scripts)},
		{"source", often, source(&s.SourcesRaw)},
		{"pool", oncePerName, pool(&s.Pools)},
		{"handler", oncePerName, handler(&s.HandlersRaw)},
		{"libs", oncePerName, library(&s.LibsRaw)},
		{"limits", once, limits(&s.Limits)},
		{"allow", once, allow(&s.Allow)},
		{"on_error", once, onError(&s.OnError)},
		{"limit", oncePerName, rateLimit(&s.Limit)},
		{"concurrency", oncePerName, concurrency(&s.Concurrency)},
		{"cors", once, cors(&s.CORS)},
		{"timeout", once, timeout(&s.Timeout)},
	}
}

func limits(to **config.Limits) reader {
	return func(h httpcaddyfile.Helper) error {
		if h.NextArg() {
			return h.Errf("limits: expected a block, found %q", h.Val())
		}
		l := new(config.Limits)
		allowed := []subdirective{
			{"cpu", once, duration(&l.CPU)},
			{"wall", once, duration(&l.Wall)},
			{"memory", once, size(&l.Memory)},
			{"total_memory", once, size(&l.TotalMemory)},
			{"body", once, size(&l.Body)},
			{"vms", once, count(&l.VMs)},
			{"streams", once, count(&l.Streams)},
			{"queue", once, duration(&l.Queue)},
		}
		if err := readBlock(h, allowed); err != nil {
			return err
		}
		if *l == (config.Limits{}) {
			return atHead(h).Errf("limits: expected a block with %s, found nothing", names(allowed))
		}
		*to = l
		return nil
	}
}

// allow reads what isolated tenants may use.
func allow(to **config.Allow) reader {
	return func(h httpcaddyfile.Helper) error {
		if h.NextArg() {
			return h.Errf("allow: expected a block, found %q", h.Val())
		}
		a := new(config.Allow)
		allowed := []subdirective{
			{"handlers", often, words(&a.Handlers)},
			{"matchers", often, words(&a.Matchers)},
			{"upstreams", often, words(&a.Upstreams)},
			{"placeholders", often, words(&a.Placeholders)},
			{"libs", often, words(&a.Libs)},
			{"pools", often, words(&a.Pools)},
			{"hosts", often, words(&a.Hosts)},
			{"certificates", once, onOrOff(&a.Certificates)},
			{"health_checks", once, count(&a.HealthChecks)},
		}
		if err := readBlock(h, allowed); err != nil {
			return err
		}
		if reflect.ValueOf(a).Elem().IsZero() {
			return atHead(h).Errf("allow: expected a block with %s, found nothing", names(allowed))
		}
		if err := a.Check(); err != nil {
			return atHead(h).WrapErr(err)
		}
		*to = a
		return nil
	}
}

// onOrOff reads a subdirective that means yes, unless off follows it.
func onOrOff(to **bool) reader {
	return func(h httpcaddyfile.Helper) error {
		on := true
		if h.NextArg() {
			if h.Val() != "off" {
				return h.Errf("certificates: expected nothing or off, found %q", h.Val())
			}
			on = false
		}
		if h.NextArg() {
			return h.Errf("certificates: unexpected argument %q", h.Val())
		}
		*to = &on
		return nil
	}
}

// size reads a size in bytes. Zero is refused: in JSON it stands for the default.
func size(to *config.Size) reader {
	return func(h httpcaddyfile.Helper) error {
		name := h.Val()
		value, err := argument(h)
		if err != nil {
			return err
		}
		n, err := config.ParseSize(value)
		if err != nil {
			return h.Errf("%s: %w", name, err)
		}
		if n == 0 {
			return h.Errf("%s: expected at least one byte, found %q", name, value)
		}
		*to = n
		return nil
	}
}

// duration reads a duration. Zero is refused: in JSON it stands for the default.
func duration(to *caddy.Duration) reader {
	return func(h httpcaddyfile.Helper) error {
		name := h.Val()
		value, err := argument(h)
		if err != nil {
			return err
		}
		d, err := caddy.ParseDuration(value)
		if err != nil || d <= 0 {
			return h.Errf("%s: expected a duration above 0 such as 100ms, found %q", name, value)
		}
		*to = caddy.Duration(d)
		return nil
	}
}

// defaultWatch is the interval of watch without an argument.
const defaultWatch = caddy.Duration(time.Second)

// watch reads an interval, or takes the default.
func watch(to *caddy.Duration) reader {
	return func(h httpcaddyfile.Helper) error {
		if h.CountRemainingArgs() == 0 {
			*to = defaultWatch
			return nil
		}
		return duration(to)(h)
	}
}

// count reads a whole number above 0, which stands for the default in JSON.
func count(to *int) reader {
	return func(h httpcaddyfile.Helper) error {
		name := h.Val()
		if err := number(to)(h); err != nil {
			return err
		}
		if *to < 1 {
			return h.Errf("%s: expected a whole number above 0, found \"%d\"", name, *to)
		}
		return nil
	}
}

func onError(to **config.OnError) reader {
	return func(h httpcaddyfile.Helper) (err error) {
		args := h.RemainingArgs()
		if len(args) == 0 || len(args) > 2 {
			return h.Errf("on_error: expected closed, open, decline, or pool and its name, found %s", found(args))
		}
		mode, pool := args[0], ""
		if len(args) == 2 {
			pool = args[1]
		}
		if *to, err = config.NewOnError(mode, pool); err != nil {
			return h.WrapErr(err)
		}
		return nil
	}
}
