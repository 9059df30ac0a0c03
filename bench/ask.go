package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() { caddy.RegisterModule(asking{}) }

// asking is a handler that asks a service whether it may go on, as the design did that this project replaces. It keeps
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
	q := routing{Method: r.Method, Path: r.URL.Path, Host: r.Host, Headers: make(map[string]string, len(r.Header))}
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

func (a *asking) ask(r *http.Request, q routing) (answer routed, err error) {
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
