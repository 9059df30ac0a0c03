package config_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/cors"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
)

func TestJSONThatMeansTheSameDecodesToTheSame(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		json string
		want config.Instance
	}{
		"an empty object leaves every default": {`{}`, config.Instance{}},
		"nulls leave every default": {
			`{"name": null, "scripts": null, "pools": null, "tenants": null, "limits": null, "on_error": null}`,
			config.Instance{},
		},
		"pools by name are ordered by it": {
			`{"pools": {"b": {"upstreams": []}, "a": {}}}`,
			withPools(config.Pools{{Name: "a", Config: raw(`{}`)}, {Name: "b", Config: raw(`{"upstreams": []}`)}}),
		},
		"pools as a list keep their order, and lose the name that became their key": {
			`{"pools": [{"upstreams":[], "name": "b"}, {"name": "a"}]}`,
			withPools(config.Pools{{Name: "b", Config: raw(`{"upstreams":[]}`)}, {Name: "a", Config: raw(`{}`)}}),
		},
		"a handler's own name is kept when handlers are an object": {
			`{"handlers": {"a": {"handler": "invoke", "name": "b"}}}`,
			config.Instance{Scripting: config.Scripting{
				HandlersRaw: config.Named{"a": raw(`{"handler": "invoke", "name": "b"}`)},
			}},
		},
		"tenants as a list keep their order": {
			`{"tenants": [{"name": "b"}, {"name": "a", "hosts": ["a.example"]}]}`,
			config.Instance{Tenants: config.Tenants{{Name: "b"}, {Name: "a", Hosts: []string{"a.example"}}}},
		},
		"tenants by name are ordered by it": {
			`{"tenants": {"b": {}, "a": {"hosts": ["a.example"]}, "c": {"name": "c"}}}`,
			config.Instance{Tenants: config.Tenants{
				{Name: "a", Hosts: []string{"a.example"}}, {Name: "b"}, {Name: "c"},
			}},
		},
		"a size is a number of bytes":  {`{"limits": {"body": 4096}}`, withBody(4096)},
		"a size is a text with a unit": {`{"limits": {"body": "64KiB"}}`, withBody(64 << 10)},
		"decimal units are decimal":    {`{"limits": {"body": "10MB"}}`, withBody(10_000_000)},
		"a size in text needs no unit": {`{"limits": {"body": "4096"}}`, withBody(4096)},
		"durations are texts": {
			`{"limits": {"cpu": "250ms", "wall": "1m", "queue": "1d"}}`,
			withLimits(config.Limits{CPU: duration(250 * time.Millisecond), Wall: duration(time.Minute), Queue: duration(24 * time.Hour)}),
		},
		"durations are numbers of nanoseconds": {
			`{"limits": {"cpu": 50000000}}`, withLimits(config.Limits{CPU: duration(50 * time.Millisecond)}),
		},
		"memory is a size and vms a number": {
			`{"limits": {"memory": "16MiB", "vms": 12, "streams": 34}}`, withLimits(config.Limits{Memory: 16 << 20, VMs: 12, Streams: 34}),
		},
		"on_error is a mode":                {`{"on_error": "open"}`, withOnError("open", "")},
		"on_error is an object with a pool": {`{"on_error": {"pool": "spare"}}`, withOnError("pool", "spare")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got config.Instance
			if err := caddy.StrictUnmarshalJSON([]byte(test.json), &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("decoded to %s, expected %s", encoded(t, got), encoded(t, test.want))
			}
		})
	}
}

func TestBadJSONIsAnErrorThatSaysWhereAndWhatIsAllowed(t *testing.T) {
	t.Parallel()
	const tenantKeys = `allowed are allow, concurrency, cors, fallthrough, handlers, hosts, libs, limit, limits, name, on_error, path_prefix, pools, priority, scripts, sources, split, strip_prefix, timeout, use_pool`
	const byName = `expected an object by name, or a list of objects with a "name", found `
	tests := map[string]struct{ json, want string }{
		"an unknown key": {
			`{"script": "main.lua"}`,
			`unknown key "script"; allowed are allow, concurrency, cors, dev, env, handlers, isolate_failures, kv, libs, limit, limits, method_mismatch, metrics, name, on_error, pools, scripts, sources, telemetry, tenants, timeout, watch`,
		},
		"a list":                               {`[]`, `expected an object, found []`},
		"a name that is a number":              {`{"name": 5}`, `name: expected a string, found 5`},
		"scripts that are a text":              {`{"scripts": "main.lua"}`, `scripts: expected a list of strings, found "main.lua"`},
		"sources that are an object":           {`{"sources": {"source": "file"}}`, `sources: expected a list of objects, found {"source": "file"}`},
		"a watch without a unit":               {`{"watch": "5"}`, `watch: expected a duration such as "100ms", or a number of nanoseconds, found "5"`},
		"an unknown key in a listed tenant":    {`{"tenants": [{"name": "a", "host": "b"}]}`, `tenants[0]: unknown key "host"; ` + tenantKeys},
		"an unknown key in a keyed tenant":     {`{"tenants": {"a": {"host": "b"}}}`, `tenants.a: unknown key "host"; ` + tenantKeys},
		"a wrong limit of a tenant":            {`{"tenants": [{"name": "a"}, {"name": "b", "limits": {"cpu": true}}]}`, `tenants[1].limits.cpu: expected a duration`},
		"a flag that is a text":                {`{"tenants": {"a": {"strip_prefix": "yes"}}}`, `tenants.a.strip_prefix: expected true or false, found "yes"`},
		"an on_error of a tenant":              {`{"tenants": {"a": {"on_error": "never"}}}`, `tenants.a: on_error "never": expected closed, open`},
		"a long value":                         {`{"name": [` + strings.Repeat("1,", 100) + `1]}`, `name: expected a string, found [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1…`},
		"an unknown limit":                     {`{"limits": {"bodies": 1}}`, `limits: unknown key "bodies"; allowed are body, cpu, memory, queue, streams, total_memory, vms, wall`},
		"cors that are a list":                 {`{"cors": ["https://a.example"]}`, `cors: expected an object, found ["https://a.example"]`},
		"an unknown key of cors":               {`{"cors": {"Origin": {}}}`, `cors: unknown key "Origin"; allowed are credentials, expose, headers, max_age, methods, origins, private_network`},
		"an age that is a text":                {`{"cors": {"max_age": "long"}}`, `cors.max_age: expected a duration such as "100ms", or a number of nanoseconds, found "long"`},
		"a timeout that is a text":             {`{"timeout": "5s"}`, `timeout: expected an object, found "5s"`},
		"an unknown key of a timeout":          {`{"timeout": {"before": "5s"}}`, `timeout: unknown key "before"; allowed are after, body`},
		"a split that is a list":               {`{"tenants": {"a": {"split": []}}}`, `tenants.a.split: expected an object, found []`},
		"parts that are an object":             {`{"tenants": {"a": {"split": {"parts": {}}}}}`, `tenants.a.split.parts: expected a list of objects, found {}`},
		"a weight that is a text":              {`{"tenants": {"a": {"split": {"parts": [{"pool": "p", "weight": "1"}]}}}}`, `tenants.a.split.parts[0].weight: expected a number, found "1"`},
		"an unknown key of a cookie":           {`{"tenants": {"a": {"split": {"sticky": {"name": "v"}}}}}`, `tenants.a.split.sticky: unknown key "name"; allowed are cookie, secret, ttl`},
		"an unknown capability":                {`{"allow": {"files": []}}`, `allow: unknown key "files"; allowed are certificates, handlers, health_checks, hosts, libs, matchers, placeholders, pools, upstreams`},
		"a capability that is a text":          {`{"tenants": {"a": {"allow": {"libs": "json"}}}}`, `tenants.a.allow.libs: expected a list of strings, found "json"`},
		"certificates that are a text":         {`{"allow": {"certificates": "yes"}}`, `allow.certificates: expected true or false, found "yes"`},
		"limits that are a number":             {`{"limits": 1}`, `limits: expected an object, found 1`},
		"a tenant without a name":              {`{"tenants": [{"name": "a"}, {}]}`, `tenants[1]: a "name" is missing`},
		"a tenant that is null":                {`{"tenants": [null]}`, `tenants[0]: a "name" is missing`},
		"a tenant that is a number":            {`{"tenants": [5]}`, `tenants[0]: expected an object, found 5`},
		"a keyed tenant that is a number":      {`{"tenants": {"a": 5}}`, `tenants.a: expected an object, found 5`},
		"a tenant twice":                       {`{"tenants": [{"name": "a"}, {"name": "a"}]}`, `tenants[1]: "a" appears twice`},
		"a keyed tenant that is null":          {`{"tenants": {"a": null}}`, `tenant "a": expected an object whose name, if any, is its key`},
		"a keyed tenant of another name":       {`{"tenants": {"a": {"name": "b"}}}`, `tenant "a": expected an object whose name, if any, is its key`},
		"a keyed tenant with an empty key":     {`{"tenants": {"": {}}}`, `tenant "": expected an object whose name, if any, is its key`},
		"tenants that are text":                {`{"tenants": "a"}`, `tenants: ` + byName + `"a"`},
		"a listed pool without a name":         {`{"pools": [{"upstreams": []}]}`, `pools[0]: a "name" is missing`},
		"a listed pool whose name is a number": {`{"pools": [{"name": 1}]}`, `pools[0]: a "name" is missing`},
		"a listed pool that is null":           {`{"pools": [null]}`, `pools[0]: a "name" is missing`},
		"a listed pool twice":                  {`{"pools": [{"name": "a"}, {"name": "a"}]}`, `pools[1]: "a" appears twice`},
		"pools that are a number":              {`{"pools": 1}`, `pools: ` + byName + `1`},
		"a keyed pool that is no object":       {`{"pools": {"a": "10.0.0.1:80"}}`, `pools: "a": expected an object with a name as its key, found "10.0.0.1:80"`},
		"a keyed pool that is null":            {`{"pools": {"a": null}}`, `"a": expected an object with a name as its key, found null`},
		"a keyed handler with an empty key":    {`{"handlers": {"": {}}}`, `handlers: "": expected an object with a name as its key`},
		"a negative size":                      {`{"limits": {"body": -1}}`, `limits.body: -1 is not a size: expected a number of bytes, or a string such as "1MiB"`},
		"a size with a fraction":               {`{"limits": {"body": 1.5}}`, `1.5 is not a size: expected a number of bytes, or a string such as "1MiB"`},
		"a size in an unknown unit":            {`{"limits": {"body": "1 parsec"}}`, `"1 parsec" is not a size: expected a number of bytes, or a string such as 1MiB`},
		"a size of no digits":                  {`{"limits": {"body": ""}}`, `"" is not a size`},
		"a size beyond 62 bits":                {`{"limits": {"body": "8EiB"}}`, `"8EiB" is not a size`},
		"a size that is a list":                {`{"limits": {"body": []}}`, `[] is not a size`},
		"a duration without a unit":            {`{"limits": {"cpu": "100"}}`, `limits.cpu: expected a duration such as "100ms", or a number of nanoseconds, found "100"`},
		"a number of VMs in text":              {`{"limits": {"vms": "12"}}`, `limits.vms: expected a whole number, found "12"`},
		"another on_error":                     {`{"on_error": "ignore"}`, `on_error "ignore": expected closed, open, decline, or pool and its name`},
		"on_error pool as text":                {`{"on_error": "pool"}`, `on_error pool: the name of the pool is missing`},
		"on_error with an empty pool":          {`{"on_error": {"pool": ""}}`, `on_error pool: the name of the pool is missing`},
		"on_error with another key":            {`{"on_error": {"pools": "a"}}`, `on_error {"pools": "a"}: expected "closed", "open", "decline", or {"pool": "name"}`},
		"on_error that is a number":            {`{"on_error": 500}`, `on_error 500: expected "closed", "open", "decline", or {"pool": "name"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got config.Instance
			err := caddy.StrictUnmarshalJSON([]byte(test.json), &got)
			switch {
			case err == nil:
				t.Errorf("decoded to %s, expected the error %s", encoded(t, got), test.want)
			case !strings.Contains(err.Error(), test.want):
				t.Errorf("error:    %s\nexpected: %s", err, test.want)
			}
		})
	}
}

func TestEncodedJSONDecodesToTheSame(t *testing.T) {
	t.Parallel()
	limits := config.Limits{
		CPU: duration(time.Second), Wall: duration(time.Minute), Memory: 1 << 20, Body: 1 << 20, VMs: 3, Queue: duration(time.Second),
	}
	want := config.Instance{
		Name: "edge",
		Scripting: config.Scripting{
			Scripts:     []string{"main.lua", "routes/*.lua"},
			SourcesRaw:  []json.RawMessage{raw(`{"source":"inline"}`)},
			Pools:       config.Pools{{Name: "users", Config: raw(`{"upstreams":[{"dial":"10.0.0.1:80"}]}`)}, {Name: "admin", Config: raw(`{}`)}},
			HandlersRaw: config.Named{"hello": raw(`{"handler":"static_response"}`)},
			Limits:      &limits,
			OnError:     &config.OnError{Mode: config.OnErrorPool, Pool: "users"},
			CORS:        &config.CORS{Options: cors.Options{Origins: []string{"https://a.example"}, Credentials: true, MaxAge: duration(time.Hour)}},
			Timeout:     &config.Timeout{After: duration(time.Second), Body: true},
		},
		Tenants: config.Tenants{{
			Name: "acme", Hosts: []string{"*.acme.example"}, PathPrefix: "/acme",
			StripPrefix: true, Fallthrough: true, Priority: -3, UsePool: "users",
			Split: &config.Split{
				Name: "canary", Parts: config.SplitParts{{Pool: "a", Weight: 90}, {Pool: "b", Name: "new"}}, By: []string{"random"},
				Sticky: &config.SplitCookie{Cookie: "v", TTL: duration(time.Hour), Secret: "0123456789abcdef"}, WhenDown: "others",
			},
			Scripting: config.Scripting{OnError: &config.OnError{Mode: config.OnErrorDecline}},
		}},
		MethodMismatch: "decline",
		Env:            []string{"HOME"},
	}
	var got config.Instance
	if err := caddy.StrictUnmarshalJSON(encoded(t, want), &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("decoded to %s, expected %s", encoded(t, got), encoded(t, want))
	}
}

func raw(text string) json.RawMessage { return json.RawMessage(text) }

func withPools(pools config.Pools) config.Instance {
	return config.Instance{Scripting: config.Scripting{Pools: pools}}
}

func withBody(size config.Size) config.Instance {
	return withLimits(config.Limits{Body: size})
}

func withLimits(limits config.Limits) config.Instance {
	return config.Instance{Scripting: config.Scripting{Limits: &limits}}
}

func duration(d time.Duration) caddy.Duration { return caddy.Duration(d) }

func withOnError(mode, pool string) config.Instance {
	return config.Instance{Scripting: config.Scripting{OnError: &config.OnError{Mode: mode, Pool: pool}}}
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
