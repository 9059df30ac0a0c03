package declare_test

import "github.com/luaroute/caddy-luaroute/luaroute/source"

// sourcesOf returns sources of scripts, given as names and strings.
func sourcesOf(scripts ...string) source.Set {
	var set source.Set
	for i := 0; i < len(scripts); i += 2 {
		set = append(set, &source.Inline{Name: scripts[i], Code: scripts[i+1]})
	}
	return set
}
