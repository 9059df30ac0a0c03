// Package redis is the store that keeps the state of scripts in Redis or Valkey, so that a fleet shares it.
//
// A [Redis] is the Caddy module: configuration in, a [kv.Store] and [kv.Limiter] out. Those of equal configurations share a client, which
// outlives reloads. A client dials when it is first used and never makes a caller wait longer than its timeout, whatever Redis does.
package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/redis/rueidis"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

func init() {
	caddy.RegisterModule(new(Redis))
}

// What a configuration has that does not say it.
const (
	defaultPrefix    = "luaroute"
	defaultTimeout   = caddy.Duration(100 * time.Millisecond)
	defaultDownAfter = 5
	defaultValue     = config.Size(1 << 20)
)

// Redis is a Caddy module that keeps what scripts remember in Redis or Valkey, so that a fleet shares it. Nothing is
// dialled before a script asks: without Redis the configuration loads, and calls fail with `down`.
//
// Placeholders such as `{env.NAME}` and `{file./path}` are replaced in all strings when the configuration is loaded.
type Redis struct {
	// Where it is: `host:port`, `redis://[user:password@]host[:port][/db]`, the same with `rediss://` for TLS, or
	// `unix:///path`. One is a single server, several are nodes of a cluster or, with `sentinel`, the sentinels.
	Addresses []string `json:"addresses,omitempty"`

	// The name of the master that the sentinels know. User and password in an address are then those of the sentinels.
	Sentinel string `json:"sentinel,omitempty"`

	// The user of the ACL. Default: that of the address, else `default`.
	Username string `json:"username,omitempty"`

	// The password. Default: that of the address, else none.
	Password string `json:"password,omitempty"`

	// The number of the database. A cluster has only 0. Default: that of the address, else 0.
	DB int `json:"db,omitempty"`

	// What all keys begin with, before a colon. Default: `luaroute`.
	Prefix string `json:"prefix,omitempty"`

	// Connects by TLS, as `rediss://` does, and says how.
	TLS *TLS `json:"tls,omitempty"`

	// How long one call may take, with the time to wait for a connection: a string such as `"100ms"`, or a number of
	// nanoseconds. Default: 100ms.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// After how many failures in a row Redis counts as down: calls then fail at once, and a probe asks for it after one
	// second, and after up to ten between later ones. Default: 5.
	DownAfter int `json:"down_after,omitempty"`

	// The largest value, in bytes or as a string such as `"1MiB"`. A larger one is not written, and one that another
	// program has written is not read: both fail with `too large`. Default: 1MiB.
	MaxValue config.Size `json:"max_value,omitempty"`

	client *client
	key    string // of client in clients
}

// TLS is how to connect by TLS. Names of files are those of PEM files, read when the configuration is loaded.
type TLS struct {
	// The file with the certificates of the authorities to trust. Default: those of the system.
	CA string `json:"ca,omitempty"`

	// The file with the certificate to show, with its chain. It needs `key`.
	Cert string `json:"cert,omitempty"`

	// The file with the key of `cert`.
	Key string `json:"key,omitempty"`

	// The name that the server's certificate must have. Default: the host that is dialled.
	ServerName string `json:"server_name,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Redis) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "luaroute.kv.redis",
		New: func() caddy.Module { return new(Redis) },
	}
}

// clients are shared by configurations that are equal but for the prefix.
var clients = caddy.NewUsagePool()

// Provision takes the client of the configuration, and dials nothing.
func (r *Redis) Provision(ctx caddy.Context) error {
	if err := r.replace(); err != nil {
		return fmt.Errorf("kv redis: %w", err)
	}
	r.Prefix = cmp.Or(r.Prefix, defaultPrefix)
	set, err := r.settings()
	if err != nil {
		return fmt.Errorf("kv redis: %w", err)
	}
	option, err := set.option()
	if err != nil {
		return fmt.Errorf("kv redis: %w", err)
	}
	key := set.canonical()
	shared, _, err := clients.LoadOrNew(key, func() (caddy.Destructor, error) {
		return newClient(set, func() (rueidis.Client, error) { return rueidis.NewClient(option) }), nil
	})
	if err != nil {
		return err
	}
	r.client, r.key = shared.(*client), key
	return register(ctx.GetMetricsRegistry())
}

// Cleanup gives the client back.
func (r *Redis) Cleanup() error {
	if r.client == nil {
		return nil
	}
	_, err := clients.Delete(r.key)
	return err
}

// Waits reports that operations wait for a network.
func (*Redis) Waits() bool { return true }

// replace replaces the placeholders.
func (r *Redis) replace() error {
	all := map[string]*string{
		"sentinel": &r.Sentinel, "username": &r.Username, "password": &r.Password, "prefix": &r.Prefix,
	}
	for i := range r.Addresses {
		all[fmt.Sprintf("addresses[%d]", i)] = &r.Addresses[i]
	}
	if r.TLS != nil {
		all["tls: ca"], all["tls: cert"], all["tls: key"] = &r.TLS.CA, &r.TLS.Cert, &r.TLS.Key
		all["tls: server_name"] = &r.TLS.ServerName
	}
	replacer := caddy.NewReplacer()
	var failed []error
	for name, text := range all {
		value, err := replacer.ReplaceOrErr(*text, true, true)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
		}
		*text = value
	}
	return errors.Join(failed...)
}

// Do performs one operation.
func (r *Redis) Do(ctx context.Context, op kv.Op) (kv.Result, error) {
	head := r.head(op.Scope)
	most := int64(cmp.Or(r.MaxValue, defaultValue))
	if length := int64(len(op.Value)); length > most {
		return kv.Result{}, tooLarge(length, most)
	}
	do := commandOf(op, head, most)
	if do == nil {
		return kv.Result{}, fmt.Errorf("kind %d of operations is unknown", op.Kind)
	}
	return call(ctx, r.client, head+op.Key, do)
}

// Interface guards
var (
	_ caddy.Provisioner  = (*Redis)(nil)
	_ caddy.CleanerUpper = (*Redis)(nil)
	_ kv.Store           = (*Redis)(nil)
	_ kv.Waiter          = (*Redis)(nil)
	_ kv.Limiter         = (*Redis)(nil)
)
