package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// nginxVariants have the route of the others as a location.
var nginxVariants = []variant{
	{name: "nginx", what: "`proxy_pass`", text: `proxy_pass http://origin;`},
	{name: "nginx-again", what: "`proxy_pass` once more", text: `proxy_pass http://origin;`},
	{name: "nginx-lua", what: "Lua that chooses the upstream", text: nginxDecision("")},
	{name: "nginx-dict", what: "Lua that counts in a `lua_shared_dict`, too", text: nginxDecision(`ngx.shared.counts:incr("requests", 1, 0)`)},
}

// nginxDecision is Lua that chooses the upstream, with more to do for requests that go there.
func nginxDecision(more string) string {
	return `set $pool "";
			rewrite_by_lua_block {
				if ngx.req.get_method() == "GET" and ngx.var.uri ~= "/" and ngx.var.http_x_tenant == "acme" and ngx.var.version == "v1" then
					` + more + `
					ngx.var.pool = "origin"
				else
					return ngx.exit(404)
				end
			}
			proxy_pass http://$pool;`
}

// nginxLua are the modules that Lua needs, where Debian has them.
var nginxLua = []string{"ndk_http_module.so", "ngx_http_lua_module.so"}

// inNginx starts an nginx that serves all variants in one process, since the clock of one is read.
func inNginx(b *bench, variants []variant) (*server, error) {
	const packages = "nginx and libnginx-mod-http-lua"
	program, err := find("nginx", packages)
	if err != nil {
		return nil, err
	}
	var modules strings.Builder
	for _, name := range nginxLua {
		file := filepath.Join("/usr/lib/nginx/modules", name)
		if _, err := os.Stat(file); err != nil {
			return nil, missingError(fmt.Sprintf("nginx has no %s; Debian has it in %s", file, packages))
		}
		fmt.Fprintf(&modules, "load_module %s;\n", file)
	}
	addresses, err := freeAddresses(variants)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(b.dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(modules.String()+nginxConfig(variants, addresses, b.origin, b.dir)), 0o600); err != nil {
		return nil, err
	}
	return b.launch(addresses, program, "-p", b.dir, "-e", "stderr", "-c", file)
}

func nginxConfig(variants []variant, addresses map[string]string, origin, dir string) string {
	var servers strings.Builder
	for _, v := range variants {
		fmt.Fprintf(&servers, `	server {
		listen %s;
		location ~ ^/api/(?<version>[^/]+)/users/(?<id>[^/]+)$ {
			%s
		}
	}
`, addresses[v.name], v.text)
	}
	var temporary strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temporary, "\t%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	return fmt.Sprintf(`daemon off;
master_process off;
pid %s/nginx.pid;
error_log stderr error;
events {}
http {
	access_log off;
	keepalive_requests 1000000000;
	lua_shared_dict counts 16m;
%s	upstream origin {
		server %s;
		keepalive 64;
		keepalive_requests 1000000000;
	}
	proxy_http_version 1.1;
	proxy_set_header Connection "";
	proxy_set_header Host $http_host;
%s}
`, dir, &temporary, origin, &servers)
}

// haproxyVariants have the route of the others as a condition.
var haproxyVariants = []variant{
	{name: "haproxy", what: "`use_backend`", text: `use_backend origin if { path_reg ^/api/[^/]+/users/[^/]+$ }`},
	{name: "haproxy-again", what: "`use_backend` once more", text: `use_backend origin if { path_reg ^/api/[^/]+/users/[^/]+$ }`},
	{name: "haproxy-lua", what: "Lua that chooses the backend", text: `use_backend %[lua.choose] if { path_reg ^/api/[^/]+/users/[^/]+$ }`},
}

// haproxyScript decides what the other scripts decide.
const haproxyScript = `core.register_fetches("choose", function(txn)
	local path = txn.f:path()
	if txn.f:method() == "GET" and path ~= "/" and txn.f:req_hdr("x-tenant") == "acme" and path:match("^/api/([^/]+)/") == "v1" then
		return "origin"
	end
	return "nowhere"
end)
`

// inHAProxy starts an HAProxy with one thread that serves all variants.
func inHAProxy(b *bench, variants []variant) (*server, error) {
	program, err := find("haproxy", "haproxy")
	if err != nil {
		return nil, err
	}
	if about, err := exec.CommandContext(b.ctx, program, "-vv").Output(); err != nil {
		return nil, err
	} else if !bytes.Contains(about, []byte("Built with Lua")) {
		return nil, missingError("this haproxy is built without Lua")
	}
	addresses, err := freeAddresses(variants)
	if err != nil {
		return nil, err
	}
	file, script := filepath.Join(b.dir, "haproxy.cfg"), filepath.Join(b.dir, "choose.lua")
	if err := os.WriteFile(script, []byte(haproxyScript), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, []byte(haproxyConfig(variants, addresses, b.origin, script)), 0o600); err != nil {
		return nil, err
	}
	return b.launch(addresses, program, "-db", "-f", file)
}

func haproxyConfig(variants []variant, addresses map[string]string, origin, script string) string {
	var frontends strings.Builder
	for _, v := range variants {
		fmt.Fprintf(&frontends, "frontend %s\n\tbind %s\n\t%s\n\tdefault_backend nowhere\n", v.name, addresses[v.name], v.text)
	}
	return fmt.Sprintf(`global
	nbthread 1
	lua-load %s
defaults
	mode http
	timeout connect 30s
	timeout client 30s
	timeout server 30s
	http-reuse always
%sbackend origin
	server origin %s
backend nowhere
	http-request return status 404
`, script, &frontends, origin)
}
