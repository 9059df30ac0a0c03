package routing

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/host"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/response"
)

// Table is a checked and immutable set of tenants. Any number of goroutines may serve from it.
type Table struct {
	mismatch chiproxy.MethodMismatch
	// base is the default tenant, tenants are the others as written.
	base    *tenant
	tenants []*tenant
	index   *tenantIndex
	// caddyIndex is the index by prefixes in the form of urlpath.CaddyForm; it is index where that is the same.
	caddyIndex *tenantIndex
	// folds says that this form changes some pattern or prefix.
	folds bool
	// guards says that the table guards something that a path which other servers read differently could bypass.
	guards bool
	// hosts says that something in the table depends on the host.
	hosts bool
	// shares says that something in the table decides which sites may use responses, and answers preflights.
	shares bool
	// layerHosts are those of the layers of tenants for all hosts; nil when there are none.
	layerHosts *host.Set
	certifier  chiproxy.Certifier
	exports    map[string]chiproxy.Export
	pools      []*pool.Named
	release    func()
	// said has the *said of each *candidate that a request has asked for it.
	said sync.Map

	// refs counts the requests that run, and one for the owner.
	refs    atomic.Int64
	retired atomic.Bool
}

// ErrRetired is returned by Table.Serve when the table was retired. The request is untouched, for the table that replaced it.
var ErrRetired = errors.New("the routing table was retired")

// ended is what refs is set to when nothing refers to the table; no number of late requests makes it positive.
const ended = -1 << 62

// Acquire keeps the table, its pools and hooks alive until Release, or returns false if it was retired and its last request is over. A
// request that has become a WebSocket or a similar stream counts as over.
func (t *Table) Acquire() bool {
	return t.refs.Add(1) > 0 // a release that has just come to zero finds that it is not the last one
}

// Release undoes one Acquire. The last one after Retire releases the table's pools and runs Spec.Release.
func (t *Table) Release() {
	if t.refs.Add(-1) != 0 || !t.refs.CompareAndSwap(0, ended) {
		return
	}
	releaseAll(t.pools)
	if t.release != nil {
		t.release()
	}
}

// Retire ends the table. Running requests finish on it; it releases what it holds after the last one. The owner calls it after publishing
// another table.
func (t *Table) Retire() {
	if !t.retired.Swap(true) {
		t.Release()
	}
}

// setIndex makes the indexes of the tenants.
func (t *Table) setIndex(listings []listing) {
	t.index = newTenantIndex(listings, func(tn *tenant) string { return tn.prefix })
	t.caddyIndex = t.index
	for _, tn := range t.tenants {
		if tn.prefix != tn.folded {
			t.caddyIndex = newTenantIndex(listings, func(tn *tenant) string { return tn.folded })
			break
		}
	}
	t.folds, t.guards = t.caddyIndex != t.index || t.base.folds(), t.base.guards()
	for _, tn := range t.tenants {
		t.folds, t.guards = t.folds || tn.folds(), t.guards || tn.guards()
	}
	t.setHosts()
}

// setHosts finds what depends on the host.
func (t *Table) setHosts() {
	hosts := t.base.layers.hosts()
	restricted := t.base.layers.restricted()
	for _, tn := range t.tenants {
		restricted = restricted || tn.layers.restricted()
		if len(tn.spec.Hosts) == 0 {
			hosts = append(hosts, tn.layers.hosts()...)
		}
	}
	t.layerHosts = host.NewSet(hosts)
	t.hosts = restricted || t.index.byHost.Len() > 0
}

var requests = sync.Pool{New: func() any { return new(request) }}

// Serve answers a request, or passes it to next if nothing in the table matches it. Errors are returned as
// Caddy's handlers return them, so that handle_errors sees them; ErrHeaderSent is among their causes when
// the header of the response has left. It returns ErrRetired, and does nothing, when the table was retired.
func (t *Table) Serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return t.ServeReporting(w, r, next, nil)
}

// ServeReporting is Serve, and fills in a report, if there is one.
func (t *Table) ServeReporting(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, report *chiproxy.Report) error {
	rq, err := t.begin(w, r, next, nil)
	if err != nil {
		return err
	}
	if rq.upgrade = t.upgrading(w, r); rq.upgrade != nil {
		rq.W = rq.upgrade
	}
	defer rq.end()
	if report == nil && t.base.series == nil {
		return rq.serve()
	}
	rq.report = report
	return rq.serveCounted()
}

// begin starts a request's way through the table, or returns ErrRetired. The caller ends it.
func (t *Table) begin(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, walker Walker) (*request, error) {
	if !t.Acquire() {
		return nil, ErrRetired
	}
	rq := requests.Get().(*request)
	rq.table, rq.walker = t, walker
	rq.Begin(w, r, next, place{rq}, walker)
	return rq, nil
}

// upgrading returns the writer for a request that may become a stream, else nil.
func (t *Table) upgrading(w http.ResponseWriter, r *http.Request) *response.UpgradeWriter {
	connect := field.IsWebSocketConnect(r)
	if !connect && r.Header["Upgrade"] == nil {
		return nil
	}
	return response.NewUpgradeWriter(w, connect, t.Release)
}

// end releases everything, after success, an error or a panic.
func (rq *request) end() {
	if rq.upgrade != nil {
		defer rq.upgrade.Release()
	} else {
		defer rq.table.Release()
	}
	rq.End()
	rq.reset()
	requests.Put(rq)
}

// Ask has a function of Spec.Exports asked: ask gets it with the exchange of a request that is none of the table's. It returns ErrRetired, and
// asks nothing, when the table was retired. The error of a name that is not there lists those there are.
func (t *Table) Ask(name string, w http.ResponseWriter, r *http.Request, ask func(*chiproxy.Exchange, chiproxy.Export) error) error {
	rq, err := t.begin(w, r, nil, nil)
	if err != nil {
		return err
	}
	defer rq.end()
	export, err := t.Export(name)
	if err != nil {
		return err
	}
	rq.tenant = t.base
	err = ask(&rq.Exchange, export)
	rq.Leave(err)
	return err
}

// Export returns the function of a name. The error lists those there are.
func (t *Table) Export(name string) (chiproxy.Export, error) {
	export, ok := t.exports[name]
	if !ok {
		there := "none"
		if len(t.exports) > 0 {
			there = strings.Join(slices.Sorted(maps.Keys(t.exports)), ", ")
		}
		return export, fmt.Errorf("no function is exported as %q; there are %s", name, there)
	}
	return export, nil
}

// TenantInfo describes a tenant of a table. It must not be changed.
type TenantInfo struct {
	// Spec is what the tenant was made of.
	Spec *chiproxy.Tenant
	// Prefix is the path prefix, without a slash at the end.
	Prefix string
	// Pools are those that it sees.
	Pools *pool.Scope
}

func (t *tenant) info() TenantInfo { return TenantInfo{t.spec, t.prefix, t.pools.Scope} }

// Tenants lists the default tenant, and then the others as they were declared.
func (t *Table) Tenants() []TenantInfo {
	all := make([]TenantInfo, 0, 1+len(t.tenants))
	all = append(all, t.base.info())
	for _, tn := range t.tenants {
		all = append(all, tn.info())
	}
	return all
}

// Tenant returns the tenant of a name, and whether there is one. The default tenant has no name.
func (t *Table) Tenant(name string) (TenantInfo, bool) {
	if name == "" {
		return t.base.info(), true
	}
	for _, tn := range t.tenants {
		if tn.name == name {
			return tn.info(), true
		}
	}
	return TenantInfo{}, false
}

// Pools lists the pools as they were declared, those of the configuration first. A pool with several names is there several
// times. The list must not be changed.
func (t *Table) Pools() []*pool.Named { return t.pools }
