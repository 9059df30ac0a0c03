package memory

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// load returns the store of a configuration, and what ends that.
func load(t *testing.T, instance, config string) (*Memory, context.CancelFunc) {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	ctx = kv.InInstance(ctx, instance)
	mod, err := ctx.LoadModuleByID(ID, json.RawMessage(config))
	if err != nil {
		t.Fatal(err)
	}
	return mod.(*Memory), cancel
}

func TestTheDataOutlivesConfigurationsAndNewSizesWaitForTheStart(t *testing.T) {
	t.Parallel()
	name := t.Name()
	first, endFirst := load(t, name, `{"size": 1000}`)
	first.Start()
	for i := range 10 {
		set(t, first.store, fmt.Sprintf("k%03d", i), entry, 0)
	}
	second, endSecond := load(t, name, `{"size": 500}`)
	if used := first.store.used.Load(); second.store != first.store || used != 1000 {
		t.Fatalf("before the start of the second there are %d bytes", used)
	}
	second.Start()
	endFirst()
	if used := second.store.used.Load(); used != 500 || get(t, second.store, "k009") != entry || second.store.closed {
		t.Errorf("after it there are %d bytes", used)
	}
	refused, endRefused := load(t, name, `{"size": 100}`) // never starts
	endRefused()
	if refused.store.used.Load() != 500 {
		t.Error("a configuration that was refused has changed the size")
	}
	other, endOther := load(t, name+" other", `{}`)
	defer endOther()
	if other.store == second.store || get(t, other.store, "k009") != "none" {
		t.Error("another instance has the same data")
	}
	endSecond()
	if !second.store.closed {
		t.Error("the store does not end with its last configuration")
	}
	third, endThird := load(t, name, `{}`)
	defer endThird()
	if get(t, third.store, "k009") != "none" {
		t.Error("the data outlives the last configuration")
	}
}
