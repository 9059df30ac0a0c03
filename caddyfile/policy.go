package caddyfile

import (
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
