package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// nginxVariants have the route of the others as a location.
var nginxVariants = []variant{
	{name: "nginx", what: "`proxy_pass`", text: `proxy_pass http://origin;`},
	{name: "nginx-again", what: "`proxy_pass` once more", text: `proxy_pass http://origin;`},
	{name: "nginx-lua", what: "Lua that chooses the upstream", text: `set $pool "";
			rewrite_by_lua_block {
				if ngx.req.get_method() == "GET" and ngx.var.uri ~= "/" and ngx.var.http_x_tenant == "acme" and ngx.var.version == "v1" then
					ngx.var.pool = "origin"
				else
					return ngx.exit(404)
				end
			}
			proxy_pass http://$pool;`},
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
