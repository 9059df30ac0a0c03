package main

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// network is the name of the network on which Caddy listens. Its addresses are the names of variants; the system chooses the
// real ports, which Caddy could not tell us.
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

// startCaddy runs Caddy with one server for each variant, and returns their addresses. All have the same settings:
// Caddy's defaults, without an admin API, and with logs that go nowhere.
func startCaddy(variants []variant, origin, storage string) (map[string]string, error) {
	listeners.Lock()
	listeners.addresses = map[string]string{}
	listeners.Unlock()
	servers := object{}
	for _, v := range variants {
		servers[v.name] = object{
			"listen":          []string{network + "/" + v.name + ":80"},
			"protocols":       []string{"h1"},
			"automatic_https": object{"disable": true},
			"routes":          []object{{"handle": []object{v.handler(forwardTo(origin))}}},
		}
	}
	config, err := object{
		"admin":   object{"disabled": true, "config": object{"persist": false}},
		"storage": object{"module": "file_system", "root": storage},
		"logging": object{"logs": object{"default": object{"writer": object{"output": "discard"}}}},
		"apps": object{
			"http": object{"servers": servers, "grace_period": time.Second},
			"tls":  object{"disable_storage_check": true, "disable_storage_clean": true},
		},
	}.json()
	if err != nil {
		return nil, err
	}
	if err := caddy.Load(config, true); err != nil {
		return nil, err
	}
	listeners.Lock()
	defer listeners.Unlock()
	return listeners.addresses, nil
}

// forwardTo is the configuration of a reverse_proxy with one upstream.
func forwardTo(address string) object { return object{"upstreams": []object{{"dial": address}}} }
