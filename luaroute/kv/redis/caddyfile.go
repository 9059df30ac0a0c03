package redis

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
)

// UnmarshalCaddyfile reads the store:
//
//	redis <url or host:port>... {
//		sentinel   <master>
//		username   <name>
//		password   <password>
//		db         <number>
//		prefix     <prefix>
//		tls {
//			ca          <file>
//			cert        <file>
//			key         <file>
//			server_name <name>
//		}
//		timeout    <duration>
//		down_after <number>
//		max_value  <size>
//	}
func (r *Redis) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	r.Addresses = d.RemainingArgs()
	if len(r.Addresses) == 0 {
		return d.Errf("redis: expected one address or more: %s", addressForms)
	}
	readers := map[string]func(*caddyfile.Dispenser) error{
		"sentinel":   text(&r.Sentinel),
		"username":   text(&r.Username),
		"password":   text(&r.Password),
		"db":         number(&r.DB, 0),
		"prefix":     text(&r.Prefix),
		"tls":        r.unmarshalTLS,
		"timeout":    timeout(&r.Timeout),
		"down_after": number(&r.DownAfter, 1),
		"max_value":  size(&r.MaxValue),
	}
	if err := block(d, "redis", "sentinel, username, password, db, prefix, tls, timeout, down_after or max_value", readers); err != nil {
		return err
	}
	if strings.Contains(strings.Join(r.Addresses, ""), "{") { // placeholders; they are read when it is provisioned
		return nil
	}
	var s settings
	s.Sentinel, s.TLS = r.Sentinel, r.TLS != nil
	if _, err := s.addresses(r.Addresses); err != nil {
		return d.Errf("redis: %w", err)
	}
	return nil
}

func (r *Redis) unmarshalTLS(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.Errf("tls: expected a block or nothing, found %q", d.Val())
	}
	r.TLS = new(TLS)
	return block(d, "tls", "ca, cert, key or server_name", map[string]func(*caddyfile.Dispenser) error{
		"ca": text(&r.TLS.CA), "cert": text(&r.TLS.Cert), "key": text(&r.TLS.Key), "server_name": text(&r.TLS.ServerName),
	})
}

// block reads a block of subdirectives, each once.
func block(d *caddyfile.Dispenser, in, allowed string, readers map[string]func(*caddyfile.Dispenser) error) error {
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		read, ok := readers[name]
		switch {
		case !ok:
			return d.Errf("%s: unknown subdirective %q: expected %s", in, name, allowed)
		case seen[name]:
			return d.Errf("%s: %s appears twice", in, name)
		}
		seen[name] = true
		if err := read(d); err != nil {
			return err
		}
	}
	return nil
}

// argument returns the only argument of a subdirective. Its value may be a secret, which errors do not show.
func argument(d *caddyfile.Dispenser) (string, error) {
	name := d.Val()
	arguments := d.RemainingArgs()
	if len(arguments) != 1 || arguments[0] == "" {
		return "", d.Errf("%s: expected one value, found %d", name, len(arguments))
	}
	return arguments[0], nil
}

func text(to *string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) (err error) {
		*to, err = argument(d)
		return err
	}
}

func number(to *int, least int) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		name := d.Val()
		value, err := argument(d)
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil || int(n) < least {
			return d.Errf("%s: expected a whole number of at least %d, found %q", name, least, value)
		}
		*to = int(n)
		return nil
	}
}

func timeout(to *caddy.Duration) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		value, err := argument(d)
		if err != nil {
			return err
		}
		duration, err := caddy.ParseDuration(value)
		if err != nil || caddy.Duration(duration) < shortest {
			return d.Errf("timeout: expected a duration of at least 1ms, such as 100ms, found %q", value)
		}
		*to = caddy.Duration(duration)
		return nil
	}
}

func size(to *config.Size) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		name := d.Val()
		value, err := argument(d)
		if err != nil {
			return err
		}
		n, err := config.ParseSize(value)
		if err == nil && n == 0 {
			err = fmt.Errorf("expected at least one byte, found %q", value)
		}
		if err != nil {
			return d.Errf("%s: %w", name, err)
		}
		*to = n
		return nil
	}
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Redis)(nil)
