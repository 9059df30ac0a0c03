package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	lua "github.com/yuin/gopher-lua"
)

// question is what a proxy asks the service, and routed the answer.
type (
	question struct {
		Method  string            `json:"method"`
		Path    string            `json:"path"`
		Host    string            `json:"host"`
		Headers map[string]string `json:"headers"`
	}
	routed struct {
		Backend string `json:"backend"`
	}
)

// serviceScript decides what the other scripts decide.
const serviceScript = `function on_route_request(request)
	if request.method == "GET" and request.path ~= "/" and request.headers["X-Tenant"] == "acme"
		and request.path:match("^/api/([^/]+)/") == "v1" then
		return "origin"
	end
end`

// service simulates the design that this project replaces: Lua routing in its own process, asked over HTTP for every request. It writes its
// address, and ends with its input.
func service(in io.Reader, out io.Writer) error {
	states := make(chan *lua.LState, 16)
	for range cap(states) {
		L := lua.NewState()
		defer L.Close()
		if err := L.DoString(serviceScript); err != nil {
			return err
		}
		states <- L
	}
	l, err := announce(in, out)
	if err != nil {
		return err
	}
	_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q question
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		L := <-states
		defer func() { states <- L }()
		backend, err := decide(L, q)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(routed{backend})
	}))
	return nil // the input has ended
}

// decide asks the script.
func decide(L *lua.LState, q question) (string, error) {
	request, all := L.NewTable(), L.NewTable()
	for name, value := range q.Headers {
		all.RawSetString(name, lua.LString(value))
	}
	request.RawSetString("method", lua.LString(q.Method))
	request.RawSetString("path", lua.LString(q.Path))
	request.RawSetString("host", lua.LString(q.Host))
	request.RawSetString("headers", all)
	if err := L.CallByParam(lua.P{Fn: L.GetGlobal("on_route_request"), NRet: 1, Protect: true}, request); err != nil {
		return "", err
	}
	defer L.Pop(1)
	return lua.LVAsString(L.Get(-1)), nil
}

// withService starts such a service, and a Caddy whose variants may ask it.
func withService(b *bench, variants []variant) (*server, error) {
	p, err := b.role("-service")
	if err != nil {
		return nil, err
	}
	var at listening
	if err := p.ask(nil, &at); err != nil {
		return nil, err
	}
	variants = slices.Clone(variants)
	for i := range variants {
		asking := object{"handler": "bench_ask", "service": "http://" + at.Address}
		variants[i].native = func(proxy object) []object {
			return []object{{"handle": []object{asking, reverseProxy(proxy)}}}
		}
	}
	s, err := b.startCaddy(variants)
	if err == nil {
		s.pids = append(s.pids, p.cmd.Process.Pid)
	}
	return s, err
}

func init() { caddy.RegisterModule(asking{}) }

// asking is a handler that asks a service which pool to use, as in the design that this project replaces. It keeps
// connections to the service.
type asking struct {
	Service string `json:"service"`

	client *http.Client
}

// CaddyModule returns the Caddy module information.
func (asking) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bench_ask", New: func() caddy.Module { return new(asking) }}
}

// Provision prepares the connections.
func (a *asking) Provision(caddy.Context) error {
	a.client = &http.Client{Transport: &http.Transport{MaxIdleConns: 64, MaxIdleConnsPerHost: 64, DisableCompression: true}}
	return nil
}

// ServeHTTP asks.
func (a *asking) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	q := question{Method: r.Method, Path: r.URL.Path, Host: r.Host, Headers: make(map[string]string, len(r.Header))}
	for name := range r.Header {
		q.Headers[name] = r.Header.Get(name)
	}
	answer, err := a.ask(r, q)
	if err != nil {
		return caddyhttp.Error(http.StatusBadGateway, err)
	}
	if answer.Backend != "origin" {
		return caddyhttp.Error(http.StatusNotFound, fmt.Errorf("no backend %q", answer.Backend))
	}
	return next.ServeHTTP(w, r)
}

func (a *asking) ask(r *http.Request, q question) (answer routed, err error) {
	question, err := json.Marshal(q)
	if err != nil {
		return answer, err
	}
	ask, err := http.NewRequestWithContext(r.Context(), http.MethodPost, a.Service, bytes.NewReader(question))
	if err != nil {
		return answer, err
	}
	response, err := a.client.Do(ask)
	if err != nil {
		return answer, err
	}
	defer response.Body.Close()
	return answer, json.NewDecoder(response.Body).Decode(&answer)
}
