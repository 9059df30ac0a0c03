package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"net/http"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// TestClientCertificatesOfATenantAreNotPassedByAnotherName has two tenants, of which one asks clients for certificates. A connection for the
// name of one tenant reaches no route of the other, whatever its requests say: Caddy compares both names where certificates are asked for.
func TestClientCertificatesOfATenantAreNotPassedByAnotherName(t *testing.T) {
	c := e2e.New(t)
	c.Options = localCerts
	c.ServeTLS("client", func(http.ResponseWriter, *http.Request) {}) // its certificate is the client's
	for _, name := range []string{"a", "b"} {
		c.File(name+"/main.lua", head+`route:any("/*", function(req) return 200, req.tenant .. " for " .. req.host end)`)
	}
	const tenants = `luaroute {
		tenant a {
			host a.example
			script $dir/a/main.lua
		}
		tenant b {
			host b.example
			script $dir/b/main.lua
		}
	}`
	c.Start("https://a.example {\ntls {\nclient_auth {\nmode require_and_verify\ntrust_pool file $dir/client.pem\n}\n}\n" + tenants + "\n}\nhttps://b.example {\n" + tenants + "\n}\n")
	pair, err := tls.LoadX509KeyPair(c.Expand("$dir/client.pem"), c.Expand("$dir/client.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, sni := range []string{"a.example", "b.example"} {
		e2e.Until(t, "a certificate for "+sni, func() bool { return handshakes(c, sni, "h2", pair) == nil })
	}

	for name, row := range map[string]struct {
		sni, request string
		certificate  bool
		want         string
	}{
		"its own":                      {"a.example", "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", true, "200 a for a.example"},
		"without certificates":         {"b.example", "GET / HTTP/1.1\r\nHost: b.example\r\n\r\n", false, "200 b for b.example"},
		"no certificate":               {"a.example", "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", false, "no connection"},
		"another host":                 {"b.example", "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", false, "421 "},
		"another host in capitals":     {"b.example", "GET / HTTP/1.1\r\nHost: A.EXAMPLE:443\r\n\r\n", false, "421 "},
		"another host in the target":   {"b.example", "GET https://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n", false, "421 "},
		"another host with a dot":      {"b.example", "GET / HTTP/1.1\r\nHost: a.example.\r\n\r\n", false, "421 "},
		"the other way round":          {"a.example", "GET / HTTP/1.1\r\nHost: b.example\r\n\r\n", true, "421 "},
		"no name":                      {"", "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", false, "no connection"},
		"its own by HTTP/2":            {"a.example", ":authority a.example", true, "200 a for a.example"},
		"another authority":            {"b.example", ":authority a.example", false, "421 "},
		"another host and authority":   {"b.example", ":authority b.example host a.example", false, "no answer"},
		"another authority and host":   {"b.example", ":authority a.example host b.example", false, "no answer"},
		"another host by HTTP/2":       {"b.example", "host a.example", false, "421 "},
		"another authority in capital": {"b.example", ":authority A.example", false, "421 "},
	} {
		t.Run(name, func(t *testing.T) {
			var pairs []tls.Certificate
			if row.certificate {
				pairs = append(pairs, pair)
			}
			if got := askRaw(c, row.sni, row.request, pairs...); got != row.want {
				t.Errorf("the answer is %q; want %q", got, row.want)
			}
		})
	}
}

// handshakes opens a connection, and closes it.
func handshakes(c *e2e.Caddy, sni, protocol string, pairs ...tls.Certificate) error {
	conn, err := handshaken(c, sni, protocol, pairs...)
	if err != nil {
		return err
	}
	return conn.Close()
}

// askRaw sends a request as it stands, or the header fields of one of HTTP/2, and returns the status and the body.
func askRaw(c *e2e.Caddy, sni, request string, pairs ...tls.Certificate) string {
	protocol := "http/1.1"
	if !bytes.Contains([]byte(request), []byte("HTTP/1.1")) {
		protocol = "h2"
	}
	conn, err := handshaken(c, sni, protocol, pairs...)
	if err != nil {
		return "no connection"
	}
	defer conn.Close()
	if protocol == "h2" {
		status, body, err := askH2(conn, request)
		if err != nil {
			return "no answer"
		}
		return status + " " + body
	}
	if _, err := conn.Write([]byte(request)); err != nil {
		return "no connection"
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "no connection" // a client of TLS 1.3 hears of a refusal late
	}
	defer response.Body.Close()
	var body bytes.Buffer
	_, _ = body.ReadFrom(response.Body)
	return fmt.Sprintf("%d %s", response.StatusCode, &body)
}
