package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

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
