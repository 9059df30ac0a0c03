// Package memory is the store that scripts have if no other is configured: in the memory of this process.
//
// Its data belongs to the process: it outlives reloads of scripts and of the configuration, and ends with the last configuration that has an
// instance of the name.
package memory

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

func init() {
	caddy.RegisterModule(Memory{})
}

// Memory keeps what scripts share in the memory of this process. It is the default. The data outlives reloads of
// scripts and of the configuration, and is gone when Caddy ends. An instance with the same name before and after a
// reload keeps its data; new sizes apply once the new configuration serves.
type Memory struct {
	// The most that one tenant may keep, in bytes or as a string such as `"16MiB"`. A key counts for its length, that
	// of its value, and 64 bytes. Beyond it, what has expired goes first, and then what was used least recently.
	// Default: 16MiB.
	Size config.Size `json:"size,omitempty"`

	// The most that all tenants of the instance may keep together. Beyond it, the tenant that keeps most loses what it
	// has used least recently. Default: 1GiB.
	Total config.Size `json:"total,omitempty"`

	// The largest value. Default: 1MiB.
	MaxValue config.Size `json:"max_value,omitempty"`

	store *store
	key   any // in the pool
}

// The sizes where none are given.
const (
	defaultSize, defaultTotal, defaultValue = 16 << 20, 1 << 30, 1 << 20
)

// ID is that of the module.
const ID = "luaroute.kv.memory"

// CaddyModule returns the Caddy module information.
func (Memory) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: ID, New: func() caddy.Module { return new(Memory) }}
}

// stores are those of the process, by the name of their instance.
var stores = caddy.NewUsagePool()

// Destruct ends the store with its last user.
func (st *store) Destruct() error {
	st.close()
	return nil
}

// Provision takes the store of the instance, or makes it.
func (m *Memory) Provision(ctx caddy.Context) error {
	name := kv.InstanceOf(ctx)
	st, _, err := stores.LoadOrNew(name, func() (caddy.Destructor, error) { return newStore(m.sizes()), nil })
	if err != nil {
		return err
	}
	m.store, m.key = st.(*store), name
	return nil
}

// New returns a store of its own, which belongs to no configuration. What expires in it goes when it is full.
func New() *Memory { return NewAt(nil) }

// NewAt is New for a store that has the time from a function. Nil stands for the real one.
func NewAt(clock func() time.Time) *Memory {
	st := newStore(new(Memory).sizes())
	st.clock = clock
	st.closed = true // nothing else would end the sweeps
	return &Memory{store: st}
}

// sizes are the limits.
func (m *Memory) sizes() sizes {
	return sizes{int64(cmp.Or(m.Size, defaultSize)), int64(cmp.Or(m.Total, defaultTotal)), int64(cmp.Or(m.MaxValue, defaultValue))}
}

// Start lets the sizes of this configuration apply.
func (m *Memory) Start() {
	sizes := m.sizes()
	m.store.sizes.Store(&sizes)
	m.store.shrink()
}

// Cleanup gives the store back.
func (m *Memory) Cleanup() error {
	if m.key == nil {
		return nil
	}
	_, err := stores.Delete(m.key)
	m.key = nil
	return err
}

// Do performs an operation. It never waits.
func (m *Memory) Do(_ context.Context, op kv.Op) (kv.Result, error) { return m.store.do(&op) }

// Take takes from a budget.
func (m *Memory) Take(_ context.Context, take kv.Take) (kv.Taken, error) { return m.store.take(&take) }

// Usage returns what a tenant keeps, without the counters of its limits.
func (m *Memory) Usage(s kv.Scope) kv.Usage { return m.store.usage(s) }

// UnmarshalCaddyfile reads the store:
//
//	memory {
//		size      <size>
//		total     <size>
//		max_value <size>
//	}
func (m *Memory) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.Errf("expected a block or nothing after memory, found %q", d.Val())
	}
	all := map[string]*config.Size{"size": &m.Size, "total": &m.Total, "max_value": &m.MaxValue}
	for d.NextBlock(0) {
		name := d.Val()
		to := all[name]
		if to == nil {
			return d.Errf("unknown subdirective %q: expected max_value, size or total", name)
		}
		if *to != 0 {
			return d.Errf("%s appears twice", name)
		}
		args := d.RemainingArgs()
		if len(args) != 1 {
			return d.Errf("%s: expected one value, found %d", name, len(args))
		}
		n, err := config.ParseSize(args[0])
		if err == nil && n == 0 {
			err = fmt.Errorf("expected at least one byte, found %q", args[0])
		}
		if err != nil {
			return d.Errf("%s: %w", name, err)
		}
		*to = n
		if d.NextBlock(1) {
			return d.Errf("%s: expected no block", name)
		}
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Memory)(nil)
	_ caddy.CleanerUpper    = (*Memory)(nil)
	_ caddyfile.Unmarshaler = (*Memory)(nil)
	_ kv.Store              = (*Memory)(nil)
	_ kv.Limiter            = (*Memory)(nil)
	_ kv.Starter            = (*Memory)(nil)
	_ kv.Counted            = (*Memory)(nil)
)
