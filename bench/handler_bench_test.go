package main

import (
	"fmt"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// BenchmarkForward asks every variant through Caddy's real reverse_proxy, whose transport answers at once.
func BenchmarkForward(b *testing.B) {
	for _, v := range variants {
		b.Run(v.name, func(b *testing.B) { benchAsk(b, v, path) })
	}
}

// BenchmarkDecide asks every variant of luaroute with an action that does nothing: what is left is ours.
func BenchmarkDecide(b *testing.B) {
	for _, v := range variants {
		if v.script != "" {
			b.Run(v.name, func(b *testing.B) { benchAsk(b, withNothing(v), path) })
		}
	}
}

// BenchmarkLookup asks for the last of many routes.
func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("%d_routes", n), func(b *testing.B) {
			v := manyRoutes(n)
			benchAsk(b, withNothing(v), v.path)
		})
	}
}

func benchAsk(b *testing.B, v variant, path string) { benchAsking(b, provision(b, v), path) }

func benchAsking(b *testing.B, h caddyhttp.MiddlewareHandler, path string) {
	benchURL(b, h, "http://bench.example"+path)
}

func benchURL(b *testing.B, h caddyhttp.MiddlewareHandler, url string) {
	ask := asker(b, h, url)
	if w := ask(); w.status >= 300 {
		b.Fatalf("status %d, expected an answer", w.status)
	}
	b.ReportAllocs()
	for b.Loop() {
		ask()
	}
}
