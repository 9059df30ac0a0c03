package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/luaroute/caddy-luaroute"
)

// network is the name of the network on which the Caddy of a role listens. Its addresses are the names of variants; the system
// chooses the real ports, which Caddy could not tell us.
const network = "bench"

func init() { caddy.RegisterNetwork(network, listen) }

var listeners struct {
	sync.Mutex
	addresses map[string]string // by variant
}

// listen opens the listener of a variant.
func listen(ctx context.Context, _, variant, _ string, _ uint, config net.ListenConfig) (any, error) {
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	listeners.Lock()
	defer listeners.Unlock()
	listeners.addresses[variant] = l.Addr().String()
	return l, nil
}

// caddyRole is a Caddy that is told what to do, and says what it has done.
func caddyRole(in io.Reader, out io.Writer) error {
	listeners.addresses = map[string]string{}
	defer func() { _ = caddy.Stop() }()
	return answers(in, out, wish.grant)
}

// caddyConfig is the configuration of a Caddy with one server for each variant. All have the same settings: Caddy's defaults,
// its log included, without an admin API. Loggers that are quiet are excluded from the log.
func caddyConfig(variants []variant, address func(variant) string, origin, storage string, quiet ...string) (json.RawMessage, error) {
	servers := object{}
	for _, v := range variants {
		servers[v.name] = object{
			"listen":          []string{address(v)},
			"protocols":       []string{"h1"},
			"automatic_https": object{"disable": true},
			"routes":          v.routes(forwardTo(origin)),
		}
	}
	config := object{
		"admin":   object{"disabled": true, "config": object{"persist": false}},
		"storage": object{"module": "file_system", "root": storage},
		"apps": object{
			"http": object{"servers": servers, "grace_period": time.Second},
			"tls":  object{"disable_storage_check": true, "disable_storage_clean": true},
		},
	}
	if len(quiet) > 0 {
		config["logging"] = object{"logs": object{"default": object{"exclude": quiet}}}
	}
	return config.json()
}

// forwardTo is the configuration of a reverse_proxy with one upstream.
func forwardTo(address string) object { return object{"upstreams": []object{{"dial": address}}} }

// inOneCaddy starts a Caddy that serves all variants.
func inOneCaddy(b *bench, variants []variant) (*server, error) { return b.startCaddy(variants) }

// startCaddy starts a Caddy that serves all variants, and keeps loggers quiet.
func (b *bench) startCaddy(variants []variant, quiet ...string) (*server, error) {
	p, err := b.role("-caddy")
	if err != nil {
		return nil, err
	}
	config, err := caddyConfig(variants, ownNetwork, b.origin, b.dir, quiet...)
	if err != nil {
		return nil, err
	}
	var loaded loaded
	if err := p.ask(wish{Load: config}, &loaded); err != nil {
		return nil, err
	}
	return &server{addresses: loaded.Addresses, pids: []int{p.cmd.Process.Pid}, caddy: p}, nil
}

// ownNetwork is the address of a variant in the network of a role.
func ownNetwork(v variant) string { return network + "/" + v.name + ":80" }
