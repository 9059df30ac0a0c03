package http

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/call"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var cacheClass = vm.Class{Name: "http.Cache", Text: "for how long answers are kept, in seconds", Fields: []vm.Doc{
	{Name: "ttl", Type: "number", Text: "how long answers of 200, 203 and 204 are kept"},
	{Name: "negative", Type: "number?", Text: "how long those of 404 and 410 are. Default: 0, and none is"},
	{Name: "negative_status", Type: "number|number[]?", Text: "statuses that are kept as long: 401, 403 or both"},
	{Name: "stale", Type: "number?", Text: "how much longer an answer is given if there is no new one, or one of 5xx. Default: 0"},
	{Name: "key", Type: "string|string[]?", Text: "what stands for the request instead of its method, URL, body, `redirects`, `Host`, `Authorization`, `Cookie` and what `sensitive` names; or a list of more header fields that count, such as `{ \"Accept-Language\" }`"},
	{Name: "respect", Type: "boolean?", Text: "whether `Cache-Control` and `Age` may shorten that, and `Set-Cookie`, `Vary`, `private`, `no-cache` and `no-store` prevent it. Default: true"},
}}

// caching is how answers to a request are kept.
type caching struct {
	call.Caching
	own string // the key, if the script makes it
}

// cacheable are the methods of requests whose answers may be kept.
var cacheable = []string{http.MethodGet, http.MethodHead, http.MethodPost}

// caching reads the option cache.
func (s *settings) caching(t option.Table) {
	in, ok := t.In("cache", &cacheClass)
	if !ok {
		return
	}
	c := &caching{}
	c.TTL, c.Negative, c.Stale = time.Duration(in.Duration("ttl")), time.Duration(in.Duration("negative")), time.Duration(in.Duration("stale"))
	if c.TTL < time.Millisecond {
		in.Fail("ttl", "seconds from 0.001 on")
	}
	c.Respect = !in.Has("respect") || in.Flag("respect")
	c.NegativeStatus = statuses(in)
	c.Vary = call.Identity
	switch v := in.Value("key").(type) {
	case lua.LString:
		if c.own = string(v); c.own == "" {
			in.Fail("key", "a string that is not empty, or a list of header fields")
		}
		c.Vary = nil
	default:
		c.Vary = slices.Concat(c.Vary, in.Texts("key"))
	}
	s.cache = c
}

// statuses reads negative_status.
func statuses(in option.Table) (all []int) {
	add := func(v lua.LValue) {
		n, ok := v.(lua.LNumber)
		if !ok || n != http.StatusUnauthorized && n != http.StatusForbidden {
			in.Fail("negative_status", "401, 403, or a list of them")
		}
		all = append(all, int(n))
	}
	switch v := in.Value("negative_status").(type) {
	case *lua.LNilType:
	case *lua.LTable:
		for i := 1; i <= min(v.Len(), 3); i++ {
			add(v.RawGetInt(i))
		}
	default:
		add(v)
	}
	return all
}

// cached returns a sender that looks into the cache of the tenant first.
func (o *owner) cached(L *lua.LState, s *settings, send sender) sender {
	if s.cache == nil {
		return send
	}
	if !slices.Contains(cacheable, methodOf(s)) {
		L.RaiseError("http: answers to %s are not kept; cache is for %s", methodOf(s), strings.Join(cacheable, ", "))
	}
	space, _ := vm.Service[*kv.Space](vm.Of(L))
	key := ""
	if s.cache.own != "" {
		key = call.OwnKey(s.cache.own)
	} else {
		keyed := s.Request
		keyed.URL = s.pool + " " + keyed.URL
		if s.client != o.client { // what it shows may decide what it gets
			keyed.URL = s.client.ID() + " " + keyed.URL
		}
		if s.pool != "" && s.Header.Get("Host") == "" {
			keyed.URL = placeholder(vm.Of(L), "http.request.hostport") + " " + keyed.URL // an upstream is told the client's
		}
		key = call.Key(&keyed, s.cache.Vary)
	}
	return func(ctx context.Context) (*call.Response, error) {
		return o.cache.Do(ctx, space, key, &s.cache.Caching, &s.Request, send)
	}
}
