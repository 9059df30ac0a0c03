package main

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// wish is what the Caddy of a role is to do; one of its fields is set.
type wish struct {
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

// Values of wish.Collect.
const (
	andRest = "and rest"
	andGoOn = "and go on"
)

// loaded is the answer to wish.Load and wish.Reload: by variant, where Caddy listens, and how long it took.
type loaded struct {
	Addresses map[string]string
	Took      time.Duration
}

// memory is the answer to wish.Memory.
type memory struct {
	// Mallocs and Bytes are all allocations so far, Heap is what is in use, in bytes.
	Mallocs, Bytes, Heap uint64
	Goroutines           int
}

// grant does what is wished.
func (w wish) grant() (any, error) {
	switch {
	case w.Load != nil:
		return clocked(func() error { return caddy.Load(w.Load, true) })
	case w.Reload != "":
		return clocked(func() error { return reload(w.Reload) })
	case w.Collect != "":
		runtime.GC()
		runtime.GC() // the first one leaves what has finalizers or is in pools
		percent := 100
		if w.Collect == andRest {
			percent = -1
		}
		debug.SetGCPercent(percent)
	case w.Memory:
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return memory{m.Mallocs, m.TotalAlloc, m.HeapAlloc, runtime.NumGoroutine()}, nil
	case w.Profile != "":
		f, err := os.Create(w.Profile)
		if err != nil {
			return nil, err
		}
		return struct{}{}, pprof.StartCPUProfile(f)
	case w.Profiled:
		pprof.StopCPUProfile()
	case w.Allocs != "":
		f, err := os.Create(w.Allocs)
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
