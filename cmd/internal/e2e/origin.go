package e2e

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
)

// Origin is a server behind Caddy.
type Origin struct {
	// Requests counts those that came.
	Requests atomic.Int64

	server *httptest.Server
}

// Echo is what an origin was asked. Origins answer with it as JSON.
type Echo struct {
	Origin, Method, URI, Host, Body string
	Header                          http.Header
	// Length is the Content-Length, or -1 if the body came in chunks.
	Length int64
}

// Origin starts an origin that answers with what it was asked.
func (c *Caddy) Origin(name string) *Origin {
	c.t.Helper()
	return c.Serve(name, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(Echo{
			Origin: name, Method: r.Method, URI: r.RequestURI, Host: r.Host, Body: string(body), Header: r.Header, Length: r.ContentLength,
		})
	})
}

// ServeTLS starts an origin that is asked by TLS. Its address is $name, and its self-signed certificate is the file $dir/name.pem.
func (c *Caddy) ServeTLS(name string, h http.HandlerFunc) *Origin {
	c.t.Helper()
	o := c.origin(name, h)
	c.SelfSigned(name+".pem", name+".key")
	pair, err := tls.LoadX509KeyPair(c.Expand("$dir/"+name+".pem"), c.Expand("$dir/"+name+".key"))
	if err != nil {
		c.t.Fatal(err)
	}
	o.server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	o.server.StartTLS()
	return o
}

// Serve starts an origin whose address is $name.
func (c *Caddy) Serve(name string, h http.HandlerFunc) *Origin {
	c.t.Helper()
	o := c.origin(name, h)
	o.server.Start()
	return o
}

// ServeH2C starts an origin whose address is $name, and which speaks HTTP/2 without TLS besides HTTP/1.
func (c *Caddy) ServeH2C(name string, h http.HandlerFunc) *Origin {
	c.t.Helper()
	o := c.origin(name, h)
	o.server.Config.Protocols = new(http.Protocols)
	o.server.Config.Protocols.SetHTTP1(true)
	o.server.Config.Protocols.SetUnencryptedHTTP2(true)
	o.server.Start()
	return o
}

// origin is an origin that is not started yet.
func (c *Caddy) origin(name string, h http.HandlerFunc) *Origin {
	o := new(Origin)
	o.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.Requests.Add(1)
		h(w, r)
	}))
	c.t.Cleanup(o.server.Close)
	c.Set(name, o.server.Listener.Addr().String())
	return o
}
