package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/legacy"
)

func init() { caddy.RegisterModule(new(gateway)) }

// contract is a function of the old contract, which the gateway's engine runs as well as luaroute.
const contract = `
	function on_route_request(request, backends)
		if request.headers["X-Tenant"] ~= "acme" then
			return { reject = true, reject_reason = "no tenant" }
		end
		return { selected_backend = backends[1].name, modified_headers = { ["X-Route"] = request.path } }
	end`

// gateway is the design of the old programs: for every request it asks an engine by HTTP what to do. Both are in this process, so
// that the work of both is measured. They are better than the old ones were: connections are kept, and so are Lua states.
type gateway struct {
	url    string
	engine *http.Server
	client *http.Client
}

// CaddyModule returns the Caddy module information.
func (*gateway) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bench_gateway", New: func() caddy.Module { return new(gateway) }}
}

// Provision starts the engine.
func (g *gateway) Provision(caddy.Context) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	g.url, g.engine = "http://"+l.Addr().String(), &http.Server{Handler: newEngine()}
	go func() { _ = g.engine.Serve(l) }() // until Cleanup
	g.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	return nil
}

// Cleanup ends the engine.
func (g *gateway) Cleanup() error {
	g.client.CloseIdleConnections()
	return g.engine.Close()
}

// question is what the engine is asked.
type question struct {
	legacy.Request
	Backends []legacy.Backend `json:"backends"`
}

// ServeHTTP asks, and does what the answer says.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	q := question{
		Request:  legacy.Request{Method: r.Method, Path: r.URL.Path, Host: host, Headers: map[string]string{}},
		Backends: []legacy.Backend{{Name: "origin", URL: "http://origin", Health: true}},
	}
	for name := range r.Header {
		q.Headers[name] = r.Header.Get(name)
	}
	d, err := g.ask(r, q)
	switch {
	case err != nil:
		return err
	case d.Reject:
		w.WriteHeader(http.StatusForbidden)
		return nil
	}
	for name, value := range d.ModifiedHeaders {
		r.Header.Set(name, value)
	}
	return next.ServeHTTP(w, r)
}

func (g *gateway) ask(r *http.Request, q question) (d legacy.Decision, err error) {
	text, err := json.Marshal(q)
	if err != nil {
		return d, err
	}
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, g.url, bytes.NewReader(text))
	if err != nil {
		return d, err
	}
	res, err := g.client.Do(req)
	if err != nil {
		return d, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return d, fmt.Errorf("the engine answered %s", res.Status)
	}
	return d, json.NewDecoder(res.Body).Decode(&d)
}

// engine decides by the function of the contract, in Lua states that it keeps.
type engine struct{ states sync.Pool }

func newEngine() *engine {
	return &engine{sync.Pool{New: func() any {
		L := lua.NewState()
		if err := L.DoString(contract); err != nil {
			return err
		}
		return L
	}}}
}

// ServeHTTP answers a question.
func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q question
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d, err := e.decide(q)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(d)
}

func (e *engine) decide(q question) (d legacy.Decision, err error) {
	L, ok := e.states.Get().(*lua.LState)
	if !ok {
		return d, errors.New("the script of the engine does not run")
	}
	defer e.states.Put(L)
	request, headers, backends := L.NewTable(), L.NewTable(), L.NewTable()
	for name, value := range q.Headers {
		headers.RawSetString(name, lua.LString(value))
	}
	for name, value := range map[string]lua.LValue{
		"method": lua.LString(q.Method), "path": lua.LString(q.Path), "host": lua.LString(q.Host), "body": lua.LString(q.Body), "headers": headers,
	} {
		request.RawSetString(name, value)
	}
	for _, b := range q.Backends {
		t := L.NewTable()
		t.RawSetString("name", lua.LString(b.Name))
		t.RawSetString("url", lua.LString(b.URL))
		t.RawSetString("health", lua.LBool(b.Health))
		backends.Append(t)
	}
	call := lua.P{Fn: L.GetGlobal(legacy.FunctionName), NRet: 1, Protect: true}
	if err := L.CallByParam(call, request, backends); err != nil {
		return d, err
	}
	t, ok := L.Get(-1).(*lua.LTable)
	L.Pop(1)
	if !ok {
		return d, errors.New("the function returned no table")
	}
	d.SelectedBackend, d.Reject = lua.LVAsString(t.RawGetString("selected_backend")), lua.LVAsBool(t.RawGetString("reject"))
	if modified, ok := t.RawGetString("modified_headers").(*lua.LTable); ok {
		d.ModifiedHeaders = map[string]string{}
		modified.ForEach(func(k, v lua.LValue) { d.ModifiedHeaders[k.String()] = v.String() })
	}
	return d, nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*gateway)(nil)
	_ caddy.CleanerUpper          = (*gateway)(nil)
	_ caddyhttp.MiddlewareHandler = (*gateway)(nil)
)
