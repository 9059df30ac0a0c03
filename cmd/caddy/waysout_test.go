package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// wayOut is a way in which a tenant reaches what is not its own.
type wayOut struct {
	// script is that of the tenant, behind the line that requires luaroute.
	script string
	// needs is the line of the allow block that the refusal names, and which lets it pass; empty if nothing does.
	needs string
	// says is what else stands in the refusal.
	says string
	// never says that it does not work for anyone else either, or not within the time of a test.
	never bool
}

// in writes a configuration into a subroute in a subroute in a pool's handle_response, with what is to be loaded in the place of %s.
const deep = `route:pool("deep", { "192.0.2.1:80", handle_response = { { routes = { { handle = { { handler = "subroute", routes = { { handle = { %s } } } } } } } } } })`

var waysOut = map[string]wayOut{
	// Modules.
	"files of the machine":           {script: `route:get("/*", route.handler("file_server", { root = "/" }))`, needs: "handlers safe file_server"},
	"templates":                      {script: `route:use(route.handler("templates", {}))`, needs: "handlers safe templates"},
	"a proxy":                        {script: `route:get("/", route.handler("reverse_proxy", { upstreams = { { dial = "192.0.2.1:80" } } }))`, needs: "handlers safe reverse_proxy"},
	"a certificate authority":        {script: `route:get("/*", route.handler("acme_server", {}))`, needs: "handlers safe acme_server"},
	"metrics":                        {script: `route:get("/", route.handler("metrics", {}))`, needs: "handlers safe metrics"},
	"pushes":                         {script: `route:use(route.handler("push", {}))`, needs: "handlers safe push"},
	"traces":                         {script: `route:use(route.handler("tracing", { span = "x" }))`, needs: "handlers safe tracing"},
	"an interception":                {script: `route:use(route.handler("intercept", {}))`, needs: "handlers safe intercept"},
	"a map":                          {script: `route:use(route.handler("map", { source = "{x}", destinations = { "{x}" }, mappings = { { input = "a", outputs = { "{x}{x}" } } } }))`, needs: "handlers safe map"},
	"passwords":                      {script: `route:use(route.handler("authentication", {}))`, needs: "handlers safe authentication"},
	"an expression":                  {script: `route:get("/", { when = route.matcher("expression", "true") }, { body = "x" })`, needs: "matchers safe expression"},
	"whether a file is there":        {script: `route:get("/", { when = route.matcher("file", { root = "/", try_files = { "/etc/passwd" } }) }, { body = "x" })`, needs: "matchers safe file"},
	"a matcher of connections":       {script: `route:get("/", { when = route.matcher("tls", {}) }, { body = "x" })`, needs: "matchers safe tls"},
	"a path by a regular expression": {script: `route:get("/", { when = route.matcher("path_regexp", { pattern = "x" }) }, { body = "x" })`, needs: "matchers safe path_regexp"},

	"the name of the machine in a header": {script: `route:get("/", route.respond(200, "", { ["X-A"] = "{system.hostname}" }))`, needs: "placeholders http time system"},
	"the name of the machine in a table":  {script: `route:get("/", { status = 200, headers = { ["X-A"] = "{system.hostname}" } })`, needs: "placeholders http time system"},
	"the name of the machine in a place":  {script: `route:get("/", route.redirect("/{system.hostname}"))`, needs: "placeholders http time system"},

	// The same, further in.
	"files in a subroute":                   {script: `route:use(route.handler("subroute", { routes = { { handle = { { handler = "file_server" } } } } }))`, needs: "handlers safe file_server", says: "routes[0].handle[0]: "},
	"files in the errors of a subroute":     {script: `route:use(route.handler("subroute", { errors = { routes = { { handle = { { handler = "file_server" } } } } } }))`, needs: "handlers safe file_server", says: "errors.routes[0].handle[0]: "},
	"files in a pool":                       {script: `route:pool("p", { "192.0.2.1:80", handle_response = { { routes = { { handle = { { handler = "file_server" } } } } } } })`, needs: "handlers safe file_server", says: "handle_response[0].routes[0].handle[0]: "},
	"files in a subroute in a pool":         {script: fmt.Sprintf(deep, `{ handler = "file_server" }`), needs: "handlers safe file_server", says: "handle_response[0].routes[0].handle[0].routes[0].handle[0]: "},
	"a proxy in a subroute in a pool":       {script: fmt.Sprintf(deep, `{ handler = "reverse_proxy", upstreams = { { dial = "192.0.2.1:80" } } }`), needs: "handlers safe reverse_proxy"},
	"keys in another case":                  {script: `route:use(route.handler("subroute", { ROUTES = { { HANDLE = { { handler = "file_server" } } } } }))`, needs: "handlers safe file_server"},
	"an expression in a subroute":           {script: `route:use(route.handler("subroute", { routes = { { match = { { expression = "true" } } } } }))`, needs: "matchers safe expression", says: "routes[0].match[0].expression: "},
	"an expression in a not":                {script: `route:use(route.handler("subroute", { routes = { { match = { { ["not"] = { { expression = "true" } } } } } } }))`, needs: "matchers safe expression"},
	"a file in a not":                       {script: `route:get("/", { when = route.matcher("not", { { file = { root = "/" } } }) }, { body = "x" })`, needs: "matchers safe file"},
	"an expression for the tries of a pool": {script: `route:pool("p", { "192.0.2.1:80", load_balancing = { retries = 1, retry_match = { { expression = "true" } } } })`, needs: "matchers safe expression"},
	"FastCGI":                               {script: `route:pool("p", { "192.0.2.1:80", transport = { protocol = "fastcgi", root = "/" } })`, needs: "handlers safe http.reverse_proxy.transport.fastcgi"},
	"the authority of Caddy as a root":      {script: `route:pool("p", { "192.0.2.1:80", transport = { protocol = "http", tls = { ca = { provider = "http", endpoints = { "192.0.2.1" } } } } })`, needs: "handlers safe tls.ca_pool.source.http"},
	"certificates of the storage":           {script: `route:pool("p", { "192.0.2.1:80", transport = { protocol = "http", tls = { ca = { provider = "storage", pem_keys = { "x" } } } } })`, needs: "handlers safe tls.ca_pool.source.storage"},
	"a proxy of the network":                {script: `route:pool("p", { "192.0.2.1:80", transport = { protocol = "http", network_proxy = { from = "url", url = "http://192.0.2.1" } } })`, needs: "handlers safe caddy.network_proxy.url", never: true},

	// Another luaroute.
	"a second luaroute":           {script: `route:get("/", route.handler("luaroute", { scripts = { "x.lua" } }))`, says: "another luaroute", never: true},
	"a second luaroute in a pool": {script: fmt.Sprintf(deep, `{ handler = "luaroute", scripts = { "x.lua" } }`), says: "another luaroute", never: true},
	"its own policy for a pool":   {script: `route:pool("p", { "192.0.2.1:80", transport = { protocol = "luaroute", upstreams = { "all" } } })`, says: "the transport luaroute checks addresses"},

	// Placeholders.
	"the environment":                 {script: `route:get("/", route.handler("static_response", { body = "{env.HOME}" }))`, needs: "placeholders http time env", says: "static_response: body: "},
	"a file":                          {script: `route:get("/", route.handler("static_response", { body = "{file./etc/hostname}" }))`, needs: "placeholders http time file"},
	"the machine's name":              {script: `route:get("/", route.handler("static_response", { body = "{system.hostname}" }))`, needs: "placeholders http time system"},
	"a placeholder of a plugin":       {script: `route:get("/", route.handler("static_response", { body = "{secrets.key}" }))`, needs: "placeholders http time secrets"},
	"a body of any size":              {script: `route:get("/", route.handler("static_response", { body = "{http.request.body}" }))`, needs: "placeholders http time http.request.body"},
	"an answer of any size in a log":  {script: `route:use(route.handler("log_append", { key = "x", value = "{http.response.body}" }))`, needs: "placeholders http time http.response.body"},
	"the environment in a key":        {script: `route:get("/", route.handler("static_response", { headers = { ["{env.HOME}"] = { "x" } } }))`, needs: "placeholders http time env", says: "headers.{env.HOME}: "},
	"the environment in a header":     {script: `route:use(route.handler("headers", { response = { set = { X = { "a {env.HOME}" } } } }))`, needs: "placeholders http time env", says: "headers: response.set.X[0]: "},
	"the environment behind a brace":  {script: `route:get("/", route.handler("static_response", { body = "{ {x{env.HOME}" }))`, needs: "placeholders http time env"},
	"the environment in a rewrite":    {script: `route:use(route.handler("rewrite", { uri = "/{env.HOME}" }))`, needs: "placeholders http time env"},
	"the environment in an error":     {script: `route:get("/", route.handler("error", { error = "{env.HOME}" }))`, needs: "placeholders http time env"},
	"the environment in a log":        {script: `route:use(route.handler("log_append", { key = "x", value = "{env.HOME}" }))`, needs: "placeholders http time env"},
	"the environment in a variable":   {script: `route:use(route.handler("vars", { x = "{env.HOME}" }))`, needs: "placeholders http time env"},
	"the environment in a body":       {script: `route:use(route.handler("request_body", { set = "{env.HOME}" }))`, needs: "placeholders http time env"},
	"the environment in a matcher":    {script: `route:get("/", { when = route.matcher("path", { "{env.HOME}" }) }, { body = "x" })`, needs: "placeholders http time env"},
	"the environment for an upstream": {script: `route:pool("p", { "192.0.2.1:80", headers = { request = { set = { X = { "{env.HOME}" } } } } })`, needs: "placeholders http time env"},
	"the environment as an address":   {script: `route:pool("p", { "{env.HOST}:80" })`, needs: "placeholders http time env"},
	"the environment for a check":     {script: `route:pool("p", { "192.0.2.1:80", health_checks = { active = { uri = "/", headers = { X = { "{env.HOME}" } } } } })`, needs: "placeholders http time env"},
	"the environment, deep":           {script: fmt.Sprintf(deep, `{ handler = "static_response", body = "{env.HOME}" }`), needs: "placeholders http time env", says: "handle_response[0].routes[0].handle[0].routes[0].handle[0].body: "},
	"route.env":                       {script: `local x = route.env("SHARED")`, needs: "placeholders http time env"},

	// What goes into the access log where nobody counts it.
	"a log in a subroute": {script: `route:use(route.handler("subroute", { routes = { { handle = { { handler = "log_append", key = "x", value = "{http.request.header.X}" } } } } }))`, says: "log_append stands inside of another module"},
	"a log, deep":         {script: fmt.Sprintf(deep, `{ handler = "log_append", key = "x", value = "y" }`), says: "log_append stands inside of another module"},

	// Addresses.
	"this machine":                {script: `route:pool("p", { "127.0.0.1:80" })`, needs: "upstreams network 127.0.0.1", says: "a loopback address"},
	"this machine by IPv6":        {script: `route:pool("p", { "[::1]:80" })`, needs: "upstreams network ::1"},
	"this machine, mapped":        {script: `route:pool("p", { "[::ffff:127.0.0.1]:80" })`, needs: "upstreams network 127.0.0.1"},
	"this machine as nothing":     {script: `route:pool("p", { "0.0.0.0:80" })`, needs: "upstreams network 0.0.0.0"},
	"this machine by NAT64":       {script: `route:pool("p", { "[64:ff9b::7f00:1]:80" })`, needs: "upstreams network 127.0.0.1"},
	"this machine by 6to4":        {script: `route:pool("p", { "[2002:7f00:1::]:80" })`, needs: "upstreams network 127.0.0.1"},
	"the metadata of a cloud":     {script: `route:pool("p", { "169.254.169.254:80" })`, needs: "upstreams network 169.254.169.254", says: "a link-local address"},
	"the metadata of AWS by IPv6": {script: `route:pool("p", { "[fd00:ec2::254]:80" })`, needs: "upstreams network fd00:ec2::254", says: "metadata"},
	"the metadata of Azure":       {script: `route:pool("p", { "168.63.129.16:80" })`, needs: "upstreams network 168.63.129.16", says: "metadata"},
	"a link":                      {script: `route:pool("p", { "[fe80::1%25eth0]:80" })`, needs: "upstreams network fe80::1"},
	"a socket":                    {script: `route:pool("p", { "unix//run/docker.sock" })`, needs: "upstreams network unix//run/docker.sock", says: "a unix socket"},
	"a file descriptor":           {script: `route:pool("p", { "fd/3" })`, says: `the network "fd"`, never: true},
	"a check of this machine":     {script: `route:pool("p", { "192.0.2.1:80", health_checks = { active = { uri = "/", upstream = "127.0.0.1:80" } } })`, needs: "upstreams network 127.0.0.1"},
	"a resolver on this machine":  {script: `route:pool("p", { dynamic_upstreams = { source = "a", name = "x.example", port = "80", resolver = { addresses = { "127.0.0.1" } } } })`, needs: "upstreams network 127.0.0.1"},

	// Others.
	"another's host":       {script: `route:host("other.example", function(r) r:get("/", { body = "x" }) end)`, needs: "hosts acme.example *.acme.example other.example"},
	"a host below its own": {script: `route:host("a.b.acme.example", function(r) r:get("/", { body = "x" }) end)`, needs: "hosts acme.example *.acme.example a.b.acme.example"},
	"certificates":         {script: `route.certificate(function(name) return true end)`, needs: "certificates"},

	// Bounds of pools, which only the operator's own have not.
	"checks without a pause":                {script: `route:pool("p", { "192.0.2.1:80", health_uri = "/", health_interval = "1ms" })`, says: "health_interval is 1ms; expected at least 1s"},
	"more checks than there may be":         {script: `local all = { health_uri = "/", health_interval = "1h" } for i = 1, 1001 do all[i] = "192.0.2.1:" .. i end route:pool("p", all)`, needs: "health_checks 1001", never: true},
	"checks that overlap":                   {script: `local all = { health_checks = { active = { uri = "/", interval = "1s", timeout = "60s" } } } for i = 1, 17 do all[i] = "192.0.2.1:" .. i end route:pool("p", all)`, needs: "health_checks 1020", never: true},
	"checks that read all":                  {script: `route:pool("p", { "192.0.2.1:80", health_checks = { active = { uri = "/", max_size = -1 } } })`, says: "max_size is -1 bytes; expected 0 to 16384"},
	"a buffer without end":                  {script: `route:pool("p", { "192.0.2.1:80", response_buffers = -1 })`, says: "response_buffers is -1 bytes; expected 0 to 1048576"},
	"a large buffer":                        {script: `route:pool("p", { "192.0.2.1:80", request_buffers = 1048577 })`, says: "request_buffers is 1048577 bytes"},
	"a large buffer of a connection":        {script: `route:pool("p", { "192.0.2.1:80", transport = { protocol = "http", read_buffer_size = 1e9 } })`, says: "read_buffer_size is 1000000000 bytes; expected 0 to 65536"},
	"failures kept for a day":               {script: `route:pool("p", { "192.0.2.1:80", health_checks = { passive = { fail_duration = 86400e9 } } })`, says: "fail_duration is 24h0m0s; expected 0 to 1m0s"},
	"tries without a pause":                 {script: `route:pool("p", { "192.0.2.1:80", load_balancing = { try_duration = 1e9, try_interval = 1e6 } })`, says: "try_interval is 1ms; expected at least 100ms"},
	"tries without end":                     {script: `route:pool("p", { "192.0.2.1:80", load_balancing = { retries = 1e9 } })`, says: "retries is 1000000000; expected 0 to 100"},
	"a wait of days":                        {script: `route:pool("p", { "192.0.2.1:80", transport = { protocol = "http", dial_timeout = 86400e9 } })`, says: "dial_timeout is 24h0m0s"},
	"a key of the machine":                  {script: `route:pool("p", { "192.0.2.1:80", transport = { protocol = "http", tls = { client_certificate_file = "/etc/ssl/a.pem", client_certificate_key_file = "/etc/ssl/a.pem" } } })`, says: "is not in the folder of the tenant's scripts", never: true},
	"roots of the machine":                  {script: `route:pool("p", { "192.0.2.1:80", transport = { protocol = "http", tls = { root_ca_pem_files = { "/etc/hostname" } } } })`, says: "is not in the folder", never: true},
	"a certificate of Caddy's":              {script: `route:pool("p", { "192.0.2.1:80", transport = { protocol = "http", tls = { client_certificate_automate = "other.example" } } })`, says: "client_certificate_automate is for the operator's own scripts", never: true},
	"HTTP/3":                                {script: `route:pool("p", { "192.0.2.1:80", transport = { protocol = "http", versions = { "3" }, tls = {} } })`, says: "dials in a way that cannot be checked"},
	"texts that double":                     {script: `local t = {} for i = 1, 40 do t[i] = { search = "a", replace = "aa" } end route:use(route.handler("headers", { request = { replace = { X = t } } }))`, says: "1099511627776 times as long; expected at most 64"},
	"texts that double, handler by handler": {script: `for i = 1, 40 do route:use(route.handler("headers", { request = { replace = { X = { { search = "a", replace = "aa" } } } } })) end`, says: "128 times as long; expected at most 64"},
	"texts that double in a pool":           {script: `local t = {} for i = 1, 40 do t[i] = { search = "a", replace = "aa" } end route:pool("p", { "192.0.2.1:80", headers = { response = { replace = { X = t } } } })`, says: "times as long; expected at most 64"},
	"paths that double":                     {script: `local t = {} for i = 1, 40 do t[i] = { find = "a", replace = "aa" } end route:use(route.handler("rewrite", { path_regexp = t }))`, says: "times as long; expected at most 64"},
	"parts of paths that double, deep":      {script: `local t = {} for i = 1, 40 do t[i] = { find = "a", replace = "aa" } end ` + fmt.Sprintf(deep, `{ handler = "rewrite", uri_substring = t }`), says: "times as long; expected at most 64"},
	"queries that double in a pool":         {script: `local t = {} for i = 1, 40 do t[i] = { key = "*", search = "a", replace = "aa" } end route:pool("p", { "192.0.2.1:80", rewrite = { query = { replace = t } } })`, says: "times as long; expected at most 64"},
	"expressions without end":               {script: `for i = 1, 1000 do route:get("/", { when = route.matcher("header_regexp", { X = { pattern = "(a|b|aa|ab)*c" .. i } }) }, { body = "x" }) end`, says: "instructions; expected at most 5000"},
	"expressions without end in patterns":   {script: `for i = 1, 1000 do route:get("/{a:(a|b|aa|ab)*c" .. i .. "}", { body = "x" }) end`, says: "instructions; expected at most 5000"},
	"expressions in patterns of scopes":     {script: `for i = 1, 1000 do route:route("/{a:(a|b|aa|ab)*c" .. i .. "}", function(r) r:get("/", { body = "x" }) end) end`, says: "instructions; expected at most 5000"},
	"expressions here and there":            {script: `for i = 1, 160 do route:get("/{a:(a|b|aa|ab)*c" .. i .. "}", { when = route.matcher("header_regexp", { X = { pattern = "(a|b|aa|ab)*c" .. i } }) }, { body = "x" }) end`, says: "instructions; expected at most 5000"},
	"parameters that chi tries twice each":  {script: `local p = "" for i = 1, 30 do p = p .. "/a{p" .. i .. "}" end route:get(p, { body = "x" })`, says: "1073741823 instructions; expected at most 5000"},
	"expressions without end in a pool":     {script: `local t = {} for i = 1, 1000 do t[i] = { search_regexp = "(a|b|aa|ab)*c" .. i, replace = "" } end route:pool("p", { "192.0.2.1:80", headers = { request = { replace = { X = t } } } })`, says: "headers.request.replace.X has a regular expression, whose time is not counted in a pool"},
	"a path of a pool by an expression":     {script: `route:pool("p", { "192.0.2.1:80", rewrite = { path_regexp = { { find = "a*", replace = "b" } } } })`, says: "rewrite.path_regexp has a regular expression"},
	"too many replacements of a pool":       {script: `local t = {} for i = 1, 65 do t[i] = { search = "ab", replace = "ba" } end route:pool("p", { "192.0.2.1:80", headers = { response = { replace = { X = t } } } })`, says: "the pool has 65 replacements; expected at most 64"},
	"a text between all others":             {script: `route:use(route.handler("headers", { request = { replace = { X = { { search_regexp = "", replace = ("x"):rep(100) } } } } }))`, says: "101 times as long"},
	"a placeholder between all others":      {script: `route:use(route.handler("headers", { request = { replace = { X = { { search = "a", replace = "{http.request.uri}" } } } } }))`, says: "headers: request.replace.X: a replacement with a placeholder"},
	"two keys that are one":                 {script: `route:pool("p", { "192.0.2.1:80", transport = { protocol = "http" }, Transport = { protocol = "http" } })`, says: "differ only in case"},

	// Files.
	"a link to a file":        {script: `local x = route.read("link.txt")`, says: "a link out of"},
	"a link to a module":      {script: `local x = require("linked")`, says: "a link out of"},
	"the Caddyfile beside it": {script: `local x = route.read("Caddyfile")`, says: "it is a Caddy configuration"},
	"the Caddyfile by a link": {script: `local x = route.read("notes.txt")`, says: "it is a Caddy configuration"},
	"a file above":            {script: `local x = route.read("../secret.txt")`, says: "without ..", never: true},
}

// world is a folder for the scripts of a tenant, with what it must not reach beside it.
func world(t *testing.T) *e2e.Caddy {
	c := e2e.New(t)
	t.Setenv("HOST", "192.0.2.1")
	t.Setenv("SHARED", "x")
	c.File("secret.txt", "secret")
	c.File("secret.lua", "return 1")
	c.File("acme/Caddyfile", ":80")
	for name, target := range map[string]string{"link.txt": "../secret.txt", "linked.lua": "../secret.lua", "notes.txt": "Caddyfile"} {
		if err := os.Symlink(target, filepath.Join(c.Expand("$dir"), "acme", name)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// tenantOf is a site with one tenant, whose block holds more.
func tenantOf(more string) string {
	return "http:// {\nluaroute {\nenv SHARED\ntenant acme {\nhost acme.example *.acme.example\nscript $dir/acme/main.lua\n" + more + "\n}\n}\n}"
}

const head = `local route = require("luaroute")` + "\n"

func TestAnIsolatedTenantReachesNothingThatItWasNotAllowed(t *testing.T) {
	if len(waysOut) < 60 {
		t.Fatalf("only %d ways out", len(waysOut))
	}
	for name, way := range waysOut {
		t.Run(name, func(t *testing.T) {
			c := world(t)
			c.File("acme/main.lua", head+way.script)
			err := c.Load(c.Caddyfile(tenantOf("")))
			if err == nil {
				t.Fatal("it was loaded")
			}
			needs := way.needs
			if needs != "" {
				needs = "it needs `" + needs + "` in"
			}
			if !strings.Contains(err.Error(), needs) || !strings.Contains(err.Error(), way.says) || !strings.Contains(err.Error(), "main.lua:2: ") {
				t.Errorf("the error is %v\nwant %s, %s, at main.lua:2", err, needs, way.says)
			}
		})
	}
}

// TestWhatTheRefusalNamesLetsTheWayOutPass takes the messages at their word.
func TestWhatTheRefusalNamesLetsTheWayOutPass(t *testing.T) {
	for name, way := range waysOut {
		if way.needs == "" || way.never {
			continue
		}
		t.Run(name, func(t *testing.T) {
			c := world(t)
			c.File("acme/main.lua", head+way.script)
			if err := c.Load(c.Caddyfile(tenantOf("allow {\n" + way.needs + "\n}"))); notOfCaddy(err) {
				t.Error(err)
			}
		})
	}
}

func TestATrustedTenantMayDoTheSame(t *testing.T) {
	for name, way := range waysOut {
		if way.never {
			continue
		}
		t.Run(name, func(t *testing.T) {
			c := world(t)
			c.File("acme/main.lua", head+way.script)
			site := "http:// {\nluaroute {\nenv SHARED\nscript $dir/acme/main.lua\n}\n}"
			if err := c.Load(c.Caddyfile(site)); notOfCaddy(err) {
				t.Error(err)
			}
		})
	}
}

// notOfCaddy reports an error of ours: some modules need more of Caddy than a test has.
func notOfCaddy(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "allow") || strings.Contains(err.Error(), "expected") || strings.Contains(err.Error(), "folder"))
}
