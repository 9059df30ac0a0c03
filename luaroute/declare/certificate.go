package declare

import (
	lua "github.com/yuin/gopher-lua"
)

// certificate is route.certificate(fn): a say in the names that certificates are issued for.
func certificate(r *router, L *lua.LState) int {
	fn := L.CheckFunction(1)
	if !r.root {
		L.RaiseError("route.certificate stands at the root of the default tenant's script: it has a say in the hosts of all tenants")
	}
	if r.load.certifier != nil {
		L.RaiseError("route.certificate is called twice, first at %s; one function decides", r.load.certifierAt)
	}
	ref, origin := r.load.keep(L, fn)
	r.load.certifier, r.load.certifierAt = r.load.vms.Certifier(ref, origin), here(L, "certificate", "")
	return 0
}
