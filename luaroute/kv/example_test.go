package kv_test

import (
	"context"
	"fmt"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/memory"
)

// readOnly is a store over another one, in which nothing can be written.
type readOnly struct{ kv.Store }

func (s readOnly) Do(ctx context.Context, op kv.Op) (kv.Result, error) {
	switch op.Kind {
	case kv.Get, kv.TTL, kv.Keys:
		return s.Store.Do(ctx, op)
	}
	return kv.Result{}, &kv.Error{Reason: kv.Down, Detail: "the store is read only"}
}

// A store is one method. A plugin makes it a Caddy module in the namespace luaroute.kv.
func Example() {
	ctx, mem := context.Background(), memory.New()
	value := kv.AppendText(nil, "on")
	_, err := mem.Do(ctx, kv.Op{Kind: kv.Set, Key: "flag", Value: value, HasValue: true})
	fmt.Println(err)

	store := readOnly{mem}
	result, _ := store.Do(ctx, kv.Op{Kind: kv.Get, Key: "flag"})
	fmt.Println(result.OK, string(result.Value))
	_, err = store.Do(ctx, kv.Op{Kind: kv.Delete, Key: "flag"})
	fmt.Println(err)
	// Output:
	// <nil>
	// true on
	// down: the store is read only
}
