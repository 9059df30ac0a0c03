package kv

import "github.com/luaroute/caddy-luaroute/luaroute/kv"

// Waiting returns how many callers wait until another has run the function for a key of the store.
func Waiting(store kv.Store) (n int) {
	flights.mu.Lock()
	defer flights.mu.Unlock()
	for key, f := range flights.all {
		if key.store != store {
			continue
		}
		for _, waited := range flights.waiting {
			if waited == f {
				n++
			}
		}
	}
	return n
}
