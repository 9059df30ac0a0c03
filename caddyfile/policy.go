package caddyfile

import (
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
)

// rateLimit reads how many requests there may be in a time.
func rateLimit(to *config.RateLimits) reader {
	return named(func(name string, h httpcaddyfile.Helper) error {
		if h.NextArg() {
			return h.Errf("limit %q: expected a block, found %q", name, h.Val())
		}
		o := limit.Options{Name: name}
		burst := 0
		allowed := []subdirective{
			{"rate", once, count(&o.Rate)},
			{"per", once, duration(&o.Per)},
			{"burst", once, count(&burst)},
			{"key", often, words(&o.Key)},
			{"ipv6", once, count(&o.IPv6)},
			{"missing", once, choice(&o.Missing, limit.MissingSkip)},
			{"cost", once, count(&o.Cost)},
			{"max_keys", once, count(&o.MaxKeys)},
			{"store", once, choice(&o.Store, limit.StoreLocal, limit.StoreKV)},
			{"on_error", once, choice(&o.OnError, limit.OnErrorLocal, limit.OnErrorOpen, limit.OnErrorClosed)},
			{"status", once, count(&o.Status)},
			{"body", once, word(&o.Body)},
			{"headers", once, choice(&o.Headers, limit.HeadersDraft, limit.HeadersX, limit.HeadersBoth, limit.HeadersOff)},
			{"dry_run", once, flag(&o.DryRun)},
			{"log_key", once, flag(&o.LogKey)},
		}
		if err := readBlock(h, allowed); err != nil {
			return err
		}
		if burst > 0 {
			o.Burst = &burst
		}
		if err := o.Check(); err != nil {
			return atHead(h).Errf("limit %q: %w", name, err)
		}
		*to = append(*to, config.RateLimit{Options: o})
		return nil
	})
}

// concurrency reads how many requests there may be at once.
func concurrency(to *config.Concurrencies) reader {
	return named(func(name string, h httpcaddyfile.Helper) error {
		if h.NextArg() {
			return h.Errf("concurrency %q: expected a block, found %q", name, h.Val())
		}
		o := limit.ConcurrencyOptions{Name: name}
		allowed := []subdirective{
			{"max", once, count(&o.Max)},
			{"key", often, words(&o.Key)},
			{"ipv6", once, count(&o.IPv6)},
			{"missing", once, choice(&o.Missing, limit.MissingSkip)},
			{"wait", once, duration(&o.Wait)},
			{"queue", once, count(&o.Queue)},
			{"status", once, count(&o.Status)},
			{"body", once, word(&o.Body)},
			{"log_key", once, flag(&o.LogKey)},
		}
		if err := readBlock(h, allowed); err != nil {
			return err
		}
		if err := o.Check(); err != nil {
			return atHead(h).Errf("concurrency %q: %w", name, err)
		}
		*to = append(*to, config.Concurrency{ConcurrencyOptions: o})
		return nil
	})
}

// cors reads which sites may use responses.
func cors(to **config.CORS) reader {
	return func(h httpcaddyfile.Helper) error {
		c := new(config.CORS)
		if err := words(&c.Origins)(h); err != nil {
			return err
		}
		allowed := []subdirective{
			{"methods", often, words(&c.Methods)},
			{"headers", often, words(&c.Headers)},
			{"expose", often, words(&c.Expose)},
			{"credentials", once, flag(&c.Credentials)},
			{"max_age", once, duration(&c.MaxAge)},
			{"private_network", once, flag(&c.PrivateNetwork)},
		}
		if err := readBlock(h, allowed); err != nil {
			return err
		}
		if err := c.Check(); err != nil {
			return atHead(h).Errf("cors: %w", err)
		}
		*to = c
		return nil
	}
}

// timeout reads how long an answer may take.
func timeout(to **config.Timeout) reader {
	return func(h httpcaddyfile.Helper) error {
		args := h.RemainingArgs()
		if len(args) == 0 || len(args) > 2 || len(args) == 2 && args[1] != "body" {
			return h.Errf("timeout: expected a duration, and perhaps body, found %s", found(args))
		}
		after, err := caddy.ParseDuration(args[0])
		if err != nil || after <= 0 {
			return h.Errf("timeout: expected a duration above 0 such as 100ms, found %q", args[0])
		}
		*to = &config.Timeout{After: caddy.Duration(after), Body: len(args) == 2}
		return nil
	}
}

// split reads among which pools requests are divided.
func split(to **config.Split) reader {
	return func(h httpcaddyfile.Helper) error {
		s := new(config.Split)
		args := h.RemainingArgs()
		if len(args) == 0 || len(args)%2 != 0 {
			return h.Errf("split: expected pools and their weights, as in split v1 90 v2 10, found %s", found(args))
		}
		for pair := range slices.Chunk(args, 2) {
			weight, err := strconv.ParseFloat(pair[1], 64)
			if err != nil {
				return h.Errf("split: expected a number as the weight of %q, found %q", pair[0], pair[1])
			}
			s.Parts = append(s.Parts, config.SplitPart{Pool: pair[0], Weight: weight})
		}
		var secret string
		allowed := []subdirective{
			{"name", once, word(&s.Name)},
			{"by", once, words(&s.By)},
			{"sticky", once, sticky(&s.Sticky)},
			{"secret", once, word(&secret)},
			{"when_down", once, choice(&s.WhenDown, config.WhenDownOthers, config.WhenDownFail)},
		}
		if err := readBlock(h, allowed); err != nil {
			return err
		}
		if secret != "" {
			if s.Sticky == nil {
				return atHead(h).Errf("split: secret is for the cookie of sticky, and there is none")
			}
			s.Sticky.Secret = secret
		}
		if err := s.Check(); err != nil {
			return atHead(h).Errf("split: %w", err)
		}
		*to = s
		return nil
	}
}

// sticky reads a cookie, and perhaps how long it lasts.
func sticky(to **config.SplitCookie) reader {
	return func(h httpcaddyfile.Helper) error {
		args := h.RemainingArgs()
		if len(args) == 0 || len(args) > 2 {
			return h.Errf("sticky: expected the name of a cookie, and perhaps how long it lasts, found %s", found(args))
		}
		c := &config.SplitCookie{Cookie: args[0]}
		if len(args) == 2 {
			ttl, err := caddy.ParseDuration(args[1])
			if err != nil || ttl <= 0 {
				return h.Errf("sticky: expected a duration above 0 such as 1h, found %q", args[1])
			}
			c.TTL = caddy.Duration(ttl)
		}
		*to = c
		return nil
	}
}
