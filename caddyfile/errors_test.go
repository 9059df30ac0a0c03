package caddyfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

func TestABadBlockIsAnErrorThatSaysWhereAndWhatIsAllowed(t *testing.T) {
	t.Parallel()
	// The first line of a block is line 3 of its Caddyfile.
	tests := map[string]struct{ block, want string }{
		"an unknown subdirective": {
			"script main.lua\nscripts more.lua",
			`unknown subdirective "scripts": expected allow, concurrency, cors, dev, env, handler, isolate_failures, kv, libs, limit, limits, method_mismatch, metrics, name, on_error, pool, script, source, telemetry, tenant, timeout or watch, at Caddyfile:4`,
		},
		"libs without a library":            {"libs", `libs: expected a name, found none, at Caddyfile:3`},
		"options of no library":             {"libs htp {\n\tallow all\n}", `libs: there is no library "htp": expected `},
		"a library without options":         {"libs json", `libs: the library json has no options: expected http`},
		"an unknown option of http":         {"libs http {\n\ttimeouts 5s\n}", `libs http: unknown option "timeouts": expected allow, allow_hosts, deny, deny_hosts, max_conns or timeout, at Caddyfile:4`},
		"http beside its block":             {"libs http all", `libs http: expected a block, found "all", at Caddyfile:3`},
		"http allows nothing":               {"libs http {\n\tallow\n}", `libs http: allow: expected one value or more, found none, at Caddyfile:4`},
		"http allows what is nothing":       {"libs http {\n\tallow 10.0.0.0/33\n}", `libs http: allow: "10.0.0.0/33": expected network, public, none or all, an address`},
		"http denies a name":                {"libs http {\n\tdeny a.example\n}", `libs http: deny: a.example: expected addresses, CIDRs, or sockets`},
		"http allows a URL as a host":       {"libs http {\n\tallow_hosts https://a.example\n}", `libs http: allow_hosts: "https://a.example": expected a host such as`},
		"http without a unit":               {"libs http {\n\ttimeout 5\n}", `libs http: timeout: expected a duration above 0 such as 5s, found "5", at Caddyfile:4`},
		"http with half a call":             {"libs http {\n\tmax_conns 1.5\n}", `libs http: max_conns: expected a whole number above 0, found "1.5", at Caddyfile:4`},
		"http twice":                        {"libs http {\n\tallow all\n}\nlibs http {\n\tallow all\n}", `libs "http" appears twice; the first is at Caddyfile:3, at Caddyfile:6`},
		"kv without a store":                {"kv", `kv: expected memory or redis, found none, at Caddyfile:3`},
		"kv with an unknown store":          {"kv memcached", `kv: unknown module "memcached": expected memory or redis, at Caddyfile:3`},
		"a second store":                    {"kv memory\nkv memory", `kv appears twice; the first is at Caddyfile:3, at Caddyfile:4`},
		"a size in words":                   {"kv memory {\n\tsize much\n}", `kv memory: size: "much" is not a size: expected a number of bytes, or a string such as 1MiB, at Caddyfile:4`},
		"a size of nothing":                 {"kv memory {\n\tsize 0\n}", `kv memory: size: expected at least one byte, found "0", at Caddyfile:4`},
		"a size without a value":            {"kv memory {\n\ttotal\n}", `kv memory: total: expected one value, found 0, at Caddyfile:4`},
		"a second size":                     {"kv memory {\n\tsize 1MiB\n\tsize 1MiB\n}", `kv memory: size appears twice, at Caddyfile:5`},
		"an unknown setting":                {"kv memory {\n\tprefix a\n}", `kv memory: unknown subdirective "prefix": expected max_value, size or total, at Caddyfile:4`},
		"a word behind memory":              {"kv memory 1GiB", `kv memory: expected a block or nothing after memory, found "1GiB", at Caddyfile:3`},
		"a setting with a block":            {"kv memory {\n\tsize 1MiB {\n\t\tx\n\t}\n}", `kv memory: size: expected no block, at Caddyfile:5`},
		"a limit without a name":            {"limit", "limit: expected a name, found none, at Caddyfile:3"},
		"a limit on one line":               {"limit api 100", `limit "api": expected a block, found "100", at Caddyfile:3`},
		"a limit without a rate":            {"limit api {\n\tburst 5\n}", `limit "api": rate is 0; expected a whole number above 0, and per for what is less than one a second, at Caddyfile:3`},
		"a limit with a rate of 0":          {"limit api {\n\trate 0\n}", `rate: expected a whole number above 0, found "0", at Caddyfile:4`},
		"a limit with a burst of 0":         {"limit api {\n\trate 1\n\tburst 0\n}", `burst: expected a whole number above 0, found "0", at Caddyfile:5`},
		"a limit with a wrong key":          {"limit api {\n\trate 1\n\tkey ip\n}", `limit "api": the key is "ip"; expected all, client_ip,`},
		"a limit twice":                     {"limit api {\n\trate 1\n}\nlimit api {\n\trate 2\n}", `limit "api" appears twice; the first is at Caddyfile:3`},
		"a limit with unknown fields":       {"limit api {\n\trate 1\n\theaders X\n}", `headers: expected draft, x, both or off, found "X", at Caddyfile:5`},
		"a limit of half a second":          {"limit api {\n\trate 1\n\tper 500ms\n}", `limit "api": per is 500ms; expected whole seconds, from 1 to 31622400, at Caddyfile:3`},
		"a concurrency without max":         {"concurrency slow {\n\tqueue 5\n}", `concurrency "slow": max is 0; expected 1 to 1000000, at Caddyfile:3`},
		"cors without an origin":            {"cors", "cors: expected one value or more, found none, at Caddyfile:3"},
		"cors with an origin that is none":  {"cors app.example", `cors: the origin "app.example"`},
		"cors for all with credentials":     {"cors * {\n\tcredentials\n}", `cors: origins "*" and credentials exclude each other`},
		"cors with a method that is none":   {"cors https://a.example {\n\tmethods G@T\n}", `cors: `},
		"cors with an unknown option":       {"cors https://a.example {\n\tmethod GET\n}", `unknown subdirective "method": expected credentials, expose, headers, max_age, methods or private_network, at Caddyfile:4`},
		"cors with a flag that has a value": {"cors https://a.example {\n\tcredentials on\n}", `credentials: expected no value, found "on", at Caddyfile:4`},
		"cors with an age that is none":     {"cors https://a.example {\n\tmax_age 600\n}", `max_age: expected a duration above 0 such as 100ms, found "600", at Caddyfile:4`},
		"cors twice":                        {"cors *\ncors *", "cors appears twice; the first is at Caddyfile:3, at Caddyfile:4"},
		"a timeout without a time":          {"timeout", "timeout: expected a duration, and perhaps body, found none, at Caddyfile:3"},
		"a timeout of a number":             {"timeout 5", `timeout: expected a duration above 0 such as 100ms, found "5", at Caddyfile:3`},
		"a timeout of nothing":              {"timeout 0s", `timeout: expected a duration above 0 such as 100ms, found "0s", at Caddyfile:3`},
		"a timeout of something else":       {"timeout 5s header", `timeout: expected a duration, and perhaps body, found "5s" "header", at Caddyfile:3`},
		"a timeout with a block":            {"timeout 5s {\n\tbody\n}", `timeout: expected no block, at Caddyfile:3`},
		"a split outside of a tenant":       {"split a 1", `unknown subdirective "split": expected allow,`},
		"a queue without a wait":            {"concurrency slow {\n\tmax 1\n\tqueue 5\n}", `concurrency "slow": wait and queue belong together`},
		"a watch without a unit": {
			"script main.lua\nwatch 5",
			`watch: expected a duration above 0 such as 100ms, found "5", at Caddyfile:4`,
		},
		"a watch of two intervals": {
			"script main.lua\nwatch 1s 2s",
			`watch: expected one value, found "1s" "2s", at Caddyfile:4`,
		},
		"an empty block": {
			"",
			`luaroute: nothing to route: expected script, source or tenant in its block, at Caddyfile:2`,
		},
		"a block that routes nothing": {
			"name main\npool a 10.0.0.1:80",
			`luaroute: nothing to route: expected script, source or tenant in its block, at Caddyfile:2`,
		},
		"a name without a value":          {"name", `name: expected one value, found none, at Caddyfile:3`},
		"an empty name":                   {`name ""`, `name: expected one value, found "", at Caddyfile:3`},
		"a name of two words":             {"name a b", `name: expected one value, found "a" "b", at Caddyfile:3`},
		"a name with a block":             {"name a {\n\tb\n}", `name: expected no block, at Caddyfile:3`},
		"a second name":                   {"name a\nscript main.lua\nname b", `name appears twice; the first is at Caddyfile:3, at Caddyfile:5`},
		"script without a file":           {"script", `script: expected one value or more, found none, at Caddyfile:3`},
		"an empty script":                 {`script a.lua ""`, `script: expected values that are not empty, at Caddyfile:3`},
		"a script twice":                  {"script a.lua\nscript b.lua a.lua", `script: "a.lua" appears twice, at Caddyfile:4`},
		"a script with a block":           {"script a.lua {\n\tb\n}", `script: expected no block, at Caddyfile:3`},
		"a script with an empty block":    {"script a.lua {\n}", `script: expected no block, at Caddyfile:3`},
		"a watch with an empty block":     {"script a.lua\nwatch {\n}", `watch: expected no block, at Caddyfile:4`},
		"an odd script with such a block": {"script a.lua \"}\" {\n}", `script: expected no block, at Caddyfile:3`},
		"an open block on one line":       {"script a.lua { }", `Unexpected next token after '{' on same line, at Caddyfile:3`},
		"source without a module":         {"source", `source: expected file, inline, list, mute, storage or stub, found none, at Caddyfile:3`},
		"an unknown source":               {"source nowhere", `source: unknown module "nowhere": expected `},
		"a source no Caddyfile can set":   {"source mute", `source mute: module luaroute.sources.mute is not a Caddyfile unmarshaler`},
		"a source that is no JSON object": {"source list a b", `source list: json: cannot unmarshal array`},
		"a source that is null":           {"source list", `source list: expected the JSON of an object, found null, at Caddyfile:3`},
		"a source for JSON only":          {"source inline", `source inline: inline scripts belong in JSON`},
		"a bad source":                    {"source stub a {\n\tkeys a\n}", `source stub: unknown subdirective "keys": expected key, at Caddyfile:4`},
		"a pool without a name":           {"pool", `pool: expected a name, found none, at Caddyfile:3`},
		"a nameless pool with a block":    {"pool {\n\tto 10.0.0.1:80\n}", `pool: expected a name, found none, at Caddyfile:3`},
		"a pool with an empty name":       {`pool "" 10.0.0.1:80`, `pool: expected a name, found none, at Caddyfile:3`},
		"a pool without upstreams": {
			"script main.lua\npool 10.0.0.1:80 {\n\tlb_policy first\n}",
			`pool "10.0.0.1:80": no upstreams: expected addresses after the name, or to or dynamic in its block, at Caddyfile:4`,
		},
		"a pool of two schemes": {
			"pool a http://10.0.0.1 https://10.0.0.2",
			`pool "a": parsing upstream 'https://10.0.0.2': for now, all proxy upstreams must use the same scheme`,
		},
		"an unknown pool option": {
			"pool a 10.0.0.1:80 {\n\tpolicy first\n}",
			`pool "a": unrecognized subdirective policy, at Caddyfile:4`,
		},
		"an unknown policy": {
			"pool a 10.0.0.1:80 {\n\tlb_policy luckiest\n}",
			`pool "a": unknown lb_policy "luckiest"; allowed are client_ip_hash, cookie, first, `,
		},
		"a policy with a mistake": {
			"pool a 10.0.0.1:80 {\n\tlb_policy leastconn\n}",
			`weighted_round_robin; did you mean "least_conn"?, at Caddyfile:4`,
		},
		"an unknown fallback of a policy": {
			"pool a 10.0.0.1:80 {\n\tlb_policy header X-User {\n\t\tfallback frist\n\t}\n}",
			`pool "a": unknown lb_policy "frist"; allowed are `,
		},
		"a bad handle_response": {
			"pool a 10.0.0.1:80 {\n\thandle_response @none {\n\t\trespond 404\n\t}\n}",
			`pool "a": no named response matcher defined with name 'none', at Caddyfile:4`,
		},
		"a second pool of one name": {
			"pool a 10.0.0.1:80\npool b 10.0.0.1:80\npool a 10.0.0.2:80",
			`pool "a" appears twice; the first is at Caddyfile:3, at Caddyfile:5`,
		},
		"a handler without a name":      {"handler", `handler: expected a name, found none, at Caddyfile:3`},
		"a handler without a block":     {"handler a", `handler "a": expected a block with a directive or more, found none, at Caddyfile:3`},
		"a handler with an empty block": {"handler a {\n}", `handler "a": expected a block with a directive or more, found none, at Caddyfile:3`},
		"a handler with a second word":  {"handler a b {\n\trespond 200\n}", `handler "a": expected a block of directives, found "b", at Caddyfile:3`},
		"an unknown directive in a handler": {
			"script main.lua\nhandler a {\n\trespnd 200\n}",
			`handler "a": unrecognized directive: respnd`,
		},
		"a bad directive in a handler": {
			"handler a {\n\trespond 200 300 400\n}",
			`handler "a": parsing caddyfile tokens for 'respond': `,
		},
		"a directive that is no handler in a handler": {
			"handler a {\n\ttls internal\n}",
			`handler "a": directive 'tls' is not an ordered HTTP handler`,
		},
		"an undefined matcher in a handler": {
			"handler a {\n\trespond @none 200\n}",
			`handler "a": parsing caddyfile tokens for 'respond': unrecognized matcher name: @none`,
		},
		"a second handler of one name": {
			"handler a {\n\trespond 200\n}\nhandler a {\n\trespond 200\n}",
			`handler "a" appears twice; the first is at Caddyfile:3, at Caddyfile:6`,
		},
		"an error in a handler's own luaroute": {
			"handler a {\n\tluaroute {\n\t\tname b\n\t}\n}",
			`luaroute: nothing to route: expected script, source or tenant in its block, at Caddyfile:4`,
		},
		"allow without a block":           {"allow", `allow: expected a block with certificates, handlers, health_checks, hosts, libs, matchers, placeholders, pools or upstreams, found nothing, at Caddyfile:3`},
		"allow with an argument":          {"allow all", `allow: expected a block, found "all", at Caddyfile:3`},
		"an unknown capability":           {"allow {\n\tfiles /\n}", `unknown subdirective "files": expected certificates, handlers,`},
		"a capability without a word":     {"allow {\n\tlibs\n}", `libs: expected one value or more, found none, at Caddyfile:4`},
		"none beside something":           {"allow {\n\tlibs none json\n}", `allow: libs: none stands alone, at Caddyfile:3`},
		"certificates with a word":        {"allow {\n\tcertificates some\n}", `certificates: expected nothing or off, found "some", at Caddyfile:4`},
		"health checks in words":          {"allow {\n\thealth_checks many\n}", `health_checks: expected a whole number of at most 32 bits, found "many", at Caddyfile:4`},
		"a second allow":                  {"allow {\n\tlibs json\n}\nallow {\n\tlibs json\n}", `allow appears twice; the first is at Caddyfile:3, at Caddyfile:6`},
		"limits without a block":          {"limits", `limits: expected a block with body, cpu, memory, queue, streams, total_memory, vms or wall, found nothing, at Caddyfile:3`},
		"limits with an argument":         {"limits 1MiB", `limits: expected a block, found "1MiB", at Caddyfile:3`},
		"an unknown limit":                {"limits {\n\tgas 1\n}", `unknown subdirective "gas": expected body, cpu, memory, queue, streams, total_memory, vms or wall, at Caddyfile:4`},
		"a CPU limit without a duration":  {"limits {\n\tcpu\n}", `cpu: expected one value, found none, at Caddyfile:4`},
		"a CPU limit without a unit":      {"limits {\n\tcpu 100\n}", `cpu: expected a duration above 0 such as 100ms, found "100", at Caddyfile:4`},
		"a wall limit of zero":            {"limits {\n\twall 0s\n}", `wall: expected a duration above 0 such as 100ms, found "0s", at Caddyfile:4`},
		"a negative queue limit":          {"limits {\n\tqueue -1s\n}", `queue: expected a duration above 0 such as 100ms, found "-1s", at Caddyfile:4`},
		"a second CPU limit":              {"limits {\n\tcpu 1s\n\tcpu 2s\n}", `cpu appears twice; the first is at Caddyfile:4, at Caddyfile:5`},
		"a memory limit in words":         {"limits {\n\tmemory plenty\n}", `memory: "plenty" is not a size: expected a number of bytes, or a string such as 1MiB, at Caddyfile:4`},
		"no VMs at all":                   {"limits {\n\tvms 0\n}", `vms: expected a whole number above 0, found "0", at Caddyfile:4`},
		"no streams at all":               {"limits {\n\tstreams 0\n}", `streams: expected a whole number above 0, found "0", at Caddyfile:4`},
		"VMs in words":                    {"limits {\n\tvms many\n}", `vms: expected a whole number of at most 32 bits, found "many", at Caddyfile:4`},
		"a second limits":                 {"limits {\n\tbody 1\n}\nlimits {\n\tbody 2\n}", `limits appears twice; the first is at Caddyfile:3, at Caddyfile:6`},
		"a second body limit":             {"limits {\n\tbody 1\n\tbody 2\n}", `body appears twice; the first is at Caddyfile:4, at Caddyfile:5`},
		"a body limit without size":       {"limits {\n\tbody\n}", `body: expected one value, found none, at Caddyfile:4`},
		"a body limit in words":           {"limits {\n\tbody large\n}", `body: "large" is not a size: expected a number of bytes, or a string such as 1MiB, at Caddyfile:4`},
		"a negative body limit":           {"limits {\n\tbody -1\n}", `body: "-1" is not a size: expected a number of bytes, or a string such as 1MiB, at Caddyfile:4`},
		"a body limit of zero":            {"limits {\n\tbody 0KiB\n}", `body: expected at least one byte, found "0KiB", at Caddyfile:4`},
		"on_error without a mode":         {"on_error", `on_error: expected closed, open, decline, or pool and its name, found none, at Caddyfile:3`},
		"on_error of another mode":        {"on_error ignore", `on_error "ignore": expected closed, open, decline, or pool and its name, at Caddyfile:3`},
		"on_error with no pool":           {"on_error pool", `on_error pool: the name of the pool is missing, at Caddyfile:3`},
		"on_error with a word more":       {"on_error open door", `on_error open: unexpected argument "door"; only pool has a name, at Caddyfile:3`},
		"on_error with two pools":         {"on_error pool a b", `on_error: expected closed, open, decline, or pool and its name, found "pool" "a" "b", at Caddyfile:3`},
		"a second on_error":               {"on_error open\non_error closed", `on_error appears twice; the first is at Caddyfile:3, at Caddyfile:4`},
		"another method mismatch":         {"method_mismatch 404", `method_mismatch: expected 405 or decline, found "404", at Caddyfile:3`},
		"method_mismatch without a value": {"method_mismatch", `method_mismatch: expected one value, found none, at Caddyfile:3`},
		"env without a name":              {"env", `env: expected one value or more, found none, at Caddyfile:3`},
		"a variable twice":                {"env A B A", `env: "A" appears twice, at Caddyfile:3`},

		"a tenant without a name":      {"tenant", `tenant: expected a name, found none, at Caddyfile:3`},
		"a tenant without a block":     {"tenant a", `tenant "a": nothing to route: expected script, source, use_pool or split in its block, at Caddyfile:3`},
		"a tenant with a second word":  {"tenant a b {\n\tscript a.lua\n}", `tenant "a": expected a block, found "b", at Caddyfile:3`},
		"a tenant that routes nothing": {"tenant a {\n\thost a.example\n}", `tenant "a": nothing to route: expected script, source, use_pool or split in its block, at Caddyfile:3`},
		"a second tenant of one name": {
			"tenant a {\n\tscript a.lua\n}\ntenant a {\n\tscript b.lua\n}",
			`tenant "a" appears twice; the first is at Caddyfile:3, at Caddyfile:6`,
		},
		"a tenant in a tenant": {
			"tenant a {\n\ttenant b {\n\t\tscript b.lua\n\t}\n}",
			`unknown subdirective "tenant": expected allow, concurrency, cors, fallthrough, handler, host, libs, limit, limits, on_error, path_prefix, pool, priority, script, source, split, strip_prefix, timeout or use_pool, at Caddyfile:4`,
		},
		"a tenant with a name line":    {"tenant a {\n\tname b\n}", `unknown subdirective "name": expected allow, concurrency, cors, fallthrough,`},
		"host without a value":         {"tenant a {\n\thost\n}", `host: expected one value or more, found none, at Caddyfile:4`},
		"a host twice":                 {"tenant a {\n\thost a.example\n\thost a.example\n}", `host: "a.example" appears twice, at Caddyfile:5`},
		"a prefix without a slash":     {"tenant a {\n\tpath_prefix acme\n}", `path_prefix: expected a path that begins with a slash, found "acme", at Caddyfile:4`},
		"path_prefix without a value":  {"tenant a {\n\tpath_prefix\n}", `path_prefix: expected one value, found none, at Caddyfile:4`},
		"priority without a value":     {"tenant a {\n\tpriority\n}", `priority: expected one value, found none, at Caddyfile:4`},
		"a second prefix":              {"tenant a {\n\tpath_prefix /a\n\tpath_prefix /b\n}", `path_prefix appears twice; the first is at Caddyfile:4, at Caddyfile:5`},
		"strip_prefix with a value":    {"tenant a {\n\tstrip_prefix /a\n}", `strip_prefix: expected no value, found "/a", at Caddyfile:4`},
		"fallthrough with a block":     {"tenant a {\n\tfallthrough {\n\t\tyes\n\t}\n}", `fallthrough: expected no block, at Caddyfile:4`},
		"a priority in words":          {"tenant a {\n\tpriority high\n}", `priority: expected a whole number of at most 32 bits, found "high", at Caddyfile:4`},
		"a priority that is not whole": {"tenant a {\n\tpriority 1.5\n}", `priority: expected a whole number of at most 32 bits, found "1.5", at Caddyfile:4`},
		"a priority beyond 32 bits":    {"tenant a {\n\tpriority 9007199254740993\n}", `priority: expected a whole number of at most 32 bits, found "9007199254740993", at Caddyfile:4`},
		"use_pool without a pool":      {"tenant a {\n\tuse_pool\n}", `use_pool: expected one value, found none, at Caddyfile:4`},
		"a second pool of one tenant":  {"tenant a {\n\tpool p 10.0.0.1:80\n\tpool p 10.0.0.2:80\n}", `pool "p" appears twice; the first is at Caddyfile:4, at Caddyfile:5`},
		"a split of nothing":           {"tenant a {\n\tsplit\n}", `split: expected pools and their weights, as in split v1 90 v2 10, found none, at Caddyfile:4`},
		"a split without a weight":     {"tenant a {\n\tsplit v1 90 v2\n}", `split: expected pools and their weights, as in split v1 90 v2 10, found "v1" "90" "v2", at Caddyfile:4`},
		"a split by words":             {"tenant a {\n\tsplit v1 most\n}", `split: expected a number as the weight of "v1", found "most", at Caddyfile:4`},
		"a split below nothing":        {"tenant a {\n\tsplit v1 -1 v2 2\n}", `split: the weight of "v1" is -1; expected 0 or more, at Caddyfile:4`},
		"a split of no shares":         {"tenant a {\n\tsplit v1 0 v2 0\n}", `split: all weights are 0; expected one above 0, at Caddyfile:4`},
		"a split of a pool twice":      {"tenant a {\n\tsplit v1 1 v1 2\n}", `split: two parts are named "v1"; give one of them another name, at Caddyfile:4`},
		"a split by an unknown key":    {"tenant a {\n\tsplit v1 1 v2 2 {\n\t\tby client\n\t}\n}", `split: by: the key is "client"; expected all, client_ip,`},
		"a split with another outcome": {"tenant a {\n\tsplit v1 1 v2 2 {\n\t\twhen_down retry\n\t}\n}", `when_down: expected others or fail, found "retry", at Caddyfile:5`},
		"a split with a bad cookie":    {"tenant a {\n\tsplit v1 1 v2 2 {\n\t\tsticky a;b\n\t}\n}", `split: `},
		"a split with a cookie's time": {"tenant a {\n\tsplit v1 1 v2 2 {\n\t\tsticky v 3600\n\t}\n}", `sticky: expected a duration above 0 such as 1h, found "3600", at Caddyfile:5`},
		"a split with a short secret":  {"tenant a {\n\tsplit v1 1 v2 2 {\n\t\tsticky v\n\t\tsecret abc\n\t}\n}", `split: the secret has 3 bytes; expected 16 or more, at Caddyfile:4`},
		"a secret for no cookie":       {"tenant a {\n\tsplit v1 1 v2 2 {\n\t\tsecret 0123456789abcdef\n\t}\n}", `split: secret is for the cookie of sticky, and there is none, at Caddyfile:4`},
		"an unknown option of a split": {"tenant a {\n\tsplit v1 1 v2 2 {\n\t\tweight 1\n\t}\n}", `unknown subdirective "weight": expected by, name, secret, sticky or when_down, at Caddyfile:5`},
		"a split beside use_pool":      {"tenant a {\n\tuse_pool p\n\tsplit v1 1 v2 2\n}", `tenant "a": use_pool and split exclude each other: both are for all that no route answers, at Caddyfile:3`},
		"a bad on_error in a tenant":   {"tenant a {\n\ton_error explode\n}", `on_error "explode": expected closed, open, decline, or pool and its name, at Caddyfile:4`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantError(t, ":80 {\n\tluaroute {\n"+test.block+"\n\t}\n}\n", test.want)
		})
	}
}

func TestABadFirstLineIsAnErrorThatSaysWhatIsAllowed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ caddyfile, want string }{
		"no block": {
			":80 {\n\tluaroute\n}\n",
			`luaroute: nothing to route: expected script, source or tenant in its block, at Caddyfile:2`,
		},
		"a matcher and no block": {
			":80 {\n\tluaroute /api/*\n}\n",
			`luaroute: nothing to route: expected script, source or tenant in its block, at Caddyfile:2`,
		},
		"a script before the block": {
			":80 {\n\tluaroute main.lua\n}\n",
			`luaroute: expected a matcher or nothing before the block, found "main.lua"; scripts are named in the block, at Caddyfile:2`,
		},
		"a matcher and a script": {
			":80 {\n\tluaroute /api/* main.lua {\n\t\tscript more.lua\n\t}\n}\n",
			`luaroute: expected a matcher or nothing before the block, found "main.lua"; scripts are named in the block, at Caddyfile:2`,
		},
		"a matcher nobody defined": {
			":80 {\n\tluaroute @none {\n\t\tscript main.lua\n\t}\n}\n",
			`unrecognized matcher name: @none`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantError(t, test.caddyfile, test.want)
		})
	}
}

func TestAnErrorInAnImportedFileNamesThatFile(t *testing.T) {
	t.Parallel()
	imported := filepath.Join(t.TempDir(), "tenant.caddy")
	if err := os.WriteFile(imported, []byte("tenant a {\n\thost a.example\n\tpriority high\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t,
		fmt.Sprintf(":80 {\n\tluaroute {\n\t\timport %s\n\t}\n}\n", imported),
		fmt.Sprintf(`found "high", at %s:3`, imported),
	)
}

func wantError(t *testing.T, input, want string) {
	t.Helper()
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), nil)
	switch {
	case err == nil:
		t.Errorf("adapted to %s, expected the error %s", config, want)
	case !strings.Contains(err.Error(), want):
		t.Errorf("error:    %s\nexpected: %s", err, want)
	}
}
