package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/internal/testredis"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/redis"
)

func BenchmarkOperations(b *testing.B) {
	server := testredis.New(b)
	if server == nil {
		return
	}
	s := provisioned(b, &redis.Redis{Addresses: []string{server.Address()}, Timeout: patient})
	perform(b, s, kv.Op{Kind: kv.Set, Key: "k", Value: value("value")})
	for name, do := range map[string]func() error{
		"get": func() error {
			_, err := s.Do(context.Background(), kv.Op{Kind: kv.Get, Scope: scope, Key: "k"})
			return err
		},
		"increment": func() error {
			_, err := s.Do(context.Background(), kv.Op{Kind: kv.Increment, Scope: scope, Key: "n", By: 1, TTL: time.Hour})
			return err
		},
		"take": func() error {
			_, err := s.Take(context.Background(), kv.Take{Scope: scope, Key: "k", Interval: time.Second, Burst: 100, Cost: 1})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+" by many", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(50)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := do(); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func BenchmarkWhileItIsDown(b *testing.B) {
	s := provisioned(b, &redis.Redis{Addresses: []string{ports.Dead(b)}, DownAfter: 1})
	op := kv.Op{Kind: kv.Get, Scope: scope, Key: "k"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Do(context.Background(), op); err == nil {
			b.Fatal("it is not down")
		}
	}
}
