package time

import (
	"fmt"
	"sync"
	"time"
	_ "time/tzdata" // so that names of zones are known in every container

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// zoneSteps is the cost of reading the data of a zone.
	zoneSteps = 4000
	// maxZones is how many zones are kept. There are about 600, and more on file systems that ignore case.
	maxZones = 1000
)

// zones are the time zones that were used, by name. Reading one takes much longer than using it.
var zones = struct {
	sync.RWMutex
	all map[string]*time.Location
}{all: map[string]*time.Location{}}

// location returns the time zone that an argument names.
func location(L *lua.LState, n int) (*time.Location, error) {
	if L.Get(n) == lua.LNil {
		return time.UTC, nil
	}
	name := L.CheckString(n)
	if name == "local" {
		return time.Local, nil
	}
	if offset, rest, ok := scanOffset(name); ok && rest == "" {
		return time.FixedZone(name, offset), nil
	}
	zones.RLock()
	zone := zones.all[name]
	zones.RUnlock()
	if zone != nil {
		return zone, nil
	}
	vm.Spend(L, zoneSteps)
	return load(name)
}

// load reads the data of a zone.
func load(name string) (*time.Location, error) {
	if name == "" || name == "Local" || len(name) > 64 { // the first two mean something else in Go
		return nil, unknownZone(name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, unknownZone(name)
	}
	zones.Lock()
	defer zones.Unlock()
	if len(zones.all) < maxZones {
		zones.all[name] = zone
	}
	return zone, nil
}

func unknownZone(name string) error {
	return fmt.Errorf(`time: no zone %s; allowed are "UTC", "local", "+hh:mm" and names such as "Europe/Berlin"`, short(name))
}
