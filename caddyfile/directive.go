// Package caddyfile is the directives luaroute and luaroute_dashboard: Caddyfile tokens in, the configurations of the handlers
// http.handlers.luaroute and http.handlers.luaroute_dashboard out.
//
//	luaroute [<matcher>] {
//		name <instance>
//		script <file or glob>...
//		source <module> {
//			...
//		}
//		pool <name> [<upstreams...>] {
//			<any subdirective of reverse_proxy>
//		}
//		handler <name> {
//			<any directives>
//		}
//		libs <library> {
//			<any option of the library>
//		}
//		tenant <name> {
//			host <host>...
//			path_prefix <prefix>
//			strip_prefix
//			fallthrough
//			priority <n>
//			script, source, pool, handler, libs, limits, allow, on_error, limit, concurrency, cors, timeout
//			use_pool <name>
//			split    <pool> <weight>... {
//				name, by, sticky, secret, when_down
//			}
//		}
//		limits {
//			cpu    <duration>
//			wall   <duration>
//			memory <size>
//			total_memory <size>
//			body   <size>
//			vms    <n>
//			streams <n>
//			queue  <duration>
//		}
//		limit <name> {
//			rate <n>
//			per, burst, key, ipv6, missing, cost, max_keys, store, on_error, status, body, headers, dry_run, log_key
//		}
//		concurrency <name> {
//			max <n>
//			key, ipv6, missing, wait, queue, status, body, log_key
//		}
//		cors <origin>... {
//			methods, headers, expose, credentials, max_age, private_network
//		}
//		timeout <duration> [body]
//		on_error closed|open|decline|pool <name>
//		method_mismatch 405|decline
//		allow {
//			handlers, matchers, upstreams, placeholders, libs, pools, hosts <word>...
//			certificates  [off]
//			health_checks <n>
//		}
//		kv memory {
//			size      <size>
//			total     <size>
//			max_value <size>
//		}
//		kv redis <url or host:port>... {
//			<settings of the store>
//		}
//		env <NAME>...
//		metrics [pattern|tenant|off] {
//			max_series <n>
//			histogram  pattern|tenant|off
//			buckets    <seconds>...
//			native
//			methods
//		}
//		telemetry {
//			placeholders on|off|auto
//			log_fields   on|off
//			spans        on|off|hooks
//		}
//		isolate_failures
//		watch [<interval>]
//		dev [force]
//	}
//
//	luaroute_dashboard [<matcher>] {
//		instances <name>...
//		tail      [<n>/s]
//		clients
//		public
//	}
//
// The directive is ordered after route, so that a fallback such as respond or file_server comes after it.
//
// Lines of script, host and env add up, and so do source blocks; everything else is written once, a pool, handler, library or
// tenant once per name. An instance needs a script, a source or a tenant; a tenant a script, a source, use_pool or split.
// Relative script paths stay as written: they are resolved when the configuration is loaded.
//
// Caddy replaces placeholder shorthands such as {path} in every token of a site, so Lua code does not belong in a
// Caddyfile: scripts are files here.
package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/luaroute"
)

const directive = "luaroute"

func init() {
	httpcaddyfile.RegisterHandlerDirective(directive, parse)
	httpcaddyfile.RegisterDirectiveOrder(directive, httpcaddyfile.After, "route")
	httpcaddyfile.RegisterHandlerDirective(dashboardDirective, parseDashboard)
	httpcaddyfile.RegisterDirectiveOrder(dashboardDirective, httpcaddyfile.After, "route") // and before luaroute
}

// parse reads one luaroute directive; its matcher was already removed.
func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	if h.NextArg() {
		return nil, h.Errf("luaroute: expected a matcher or nothing before the block, found %q; scripts are named in the block", h.Val())
	}
	instance := new(luaroute.Handler)
	if err := readBlock(h, instanceBlock(instance)); err != nil {
		return nil, err
	}
	if len(instance.Scripts)+len(instance.SourcesRaw)+len(instance.Tenants) == 0 {
		return nil, atHead(h).Err("luaroute: nothing to route: expected script, source or tenant in its block")
	}
	return instance, nil
}

func instanceBlock(instance *luaroute.Handler) []subdirective {
	return append(
		scriptingBlock(&instance.Scripting),
		subdirective{"name", once, word(&instance.Name)},
		subdirective{"tenant", oncePerName, tenant(&instance.Tenants)},
		subdirective{"method_mismatch", once, choice(&instance.MethodMismatch, "405", "decline")},
		subdirective{"env", often, words(&instance.Env)},
		subdirective{"metrics", once, metrics(&instance.Metrics)},
		subdirective{"telemetry", once, telemetry(&instance.Telemetry)},
		subdirective{"isolate_failures", once, flag(&instance.IsolateFailures)},
		subdirective{"dev", once, dev(&instance.Dev)},
		subdirective{"watch", once, watch(&instance.Watch)},
		subdirective{"kv", once, store(&instance.KVRaw)},
	)
}
