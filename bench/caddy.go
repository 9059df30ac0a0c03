package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
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
	return answers(in, out, command.carryOut)
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
			"http": object{"servers": servers},
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
	if err := p.ask(command{Load: config}, &loaded); err != nil {
		return nil, err
	}
	return &server{addresses: loaded.Addresses, pids: []int{p.cmd.Process.Pid}, caddy: p}, nil
}

// ownNetwork is the address of a variant in the network of a role.
func ownNetwork(v variant) string { return network + "/" + v.name + ":80" }

// inStock starts a Caddy of the standard modules alone.
func inStock(b *bench, variants []variant) (*server, error) {
	program, err := b.build("stock", "./bench/stock", "-pgo=off")
	if err != nil {
		return nil, err
	}
	return b.runCaddy(program, variants)
}

// inShipped starts the Caddy that this project ships.
func inShipped(b *bench, variants []variant) (*server, error) {
	program, err := b.shipped()
	if err != nil {
		return nil, err
	}
	return b.runCaddy(program, variants)
}

// shipped returns the binary that this project ships.
func (b *bench) shipped() (string, error) {
	if b.options.shipped != "" {
		return filepath.Abs(b.options.shipped)
	}
	return b.build("shipped", "github.com/luaroute/caddy-luaroute/cmd/caddy")
}

// build builds a package of this checkout.
func (b *bench) build(name, from string, flags ...string) (string, error) {
	file := filepath.Join(b.dir, name)
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	cmd := exec.CommandContext(b.ctx, "go", append(append([]string{"build", "-o", file}, flags...), from)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", from, err, text)
	}
	return file, nil
}

// runCaddy starts the binary of a Caddy, as a user would.
func (b *bench) runCaddy(program string, variants []variant) (*server, error) {
	addresses, err := freeAddresses(variants)
	if err != nil {
		return nil, err
	}
	config, err := caddyConfig(variants, func(v variant) string { return addresses[v.name] }, b.origin, b.dir)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(b.dir, "*.json")
	if err != nil {
		return nil, err
	}
	if _, err := file.Write(config); err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	return b.launch(addresses, program, "run", "--config", file.Name())
}

// command is what the Caddy of a role is to do; one of its fields is set.
type command struct {
	// Load is a configuration.
	Load json.RawMessage `json:",omitempty"`
	// Reload is the name of an instance of luaroute that is to run its scripts again.
	Reload string
	// Collect tells the collector to collect now, and then to rest or to go on.
	Collect string
	// Memory asks for what has been allocated.
	Memory bool
	// Profile starts a CPU profile that goes to this file, and Profiled ends it. Allocs writes that of allocations.
	Profile, Allocs string
	Profiled        bool
}

// Values of command.Collect.
const (
	andRest = "and rest"
	andGoOn = "and go on"
)

// loaded is the answer to command.Load and command.Reload: by variant, where Caddy listens, and how long it took.
type loaded struct {
	Addresses map[string]string
	Took      time.Duration
}

// memory is the answer to command.Memory.
type memory struct {
	// Mallocs and Bytes are all allocations so far, Heap is what is in use, in bytes.
	Mallocs, Bytes, Heap uint64
	Goroutines           int
}

// carryOut does what is asked.
func (c command) carryOut() (any, error) {
	switch {
	case c.Load != nil:
		return clocked(func() error { return caddy.Load(c.Load, true) })
	case c.Reload != "":
		return clocked(func() error { return reload(c.Reload) })
	case c.Collect != "":
		runtime.GC()
		runtime.GC() // the first one leaves what has finalizers or is in pools
		percent := 100
		if c.Collect == andRest {
			percent = -1
		}
		debug.SetGCPercent(percent)
	case c.Memory:
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return memory{m.Mallocs, m.TotalAlloc, m.HeapAlloc, runtime.NumGoroutine()}, nil
	case c.Profile != "":
		f, err := os.Create(c.Profile)
		if err != nil {
			return nil, err
		}
		return struct{}{}, pprof.StartCPUProfile(f)
	case c.Profiled:
		pprof.StopCPUProfile()
	case c.Allocs != "":
		f, err := os.Create(c.Allocs)
		if err != nil {
			return nil, err
		}
		return struct{}{}, errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
	}
	return struct{}{}, nil
}

// clocked does something with the configuration.
func clocked(do func() error) (loaded, error) {
	start := time.Now()
	err := do()
	took := time.Since(start)
	listeners.Lock()
	defer listeners.Unlock()
	return loaded{maps.Clone(listeners.addresses), took}, err
}

// reload does what the admin API does for POST /luaroute/{name}/reload.
func reload(name string) error {
	module, err := caddy.GetModule("admin.api.luaroute")
	if err != nil {
		return err
	}
	r, err := http.NewRequest(http.MethodPost, "/luaroute/"+name+"/reload", nil)
	if err != nil {
		return err
	}
	return module.New().(caddy.AdminRouter).Routes()[0].Handler.ServeHTTP(httptest.NewRecorder(), r)
}
